// Steps the wall clock by hours, stops the process past its leases, blocks its event loop past them, and judges:
// pnpm clocks -- --rounds N
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Checker } from "./checker.js";
import { begunWrites, lookAt, startLoad, type LoadOptions, type RunningLoad } from "./crash-run.js";
import { parseHistory } from "./history.js";
import { optionsOf, report, skip } from "./program.js";

const FAKETIME = ["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"].find(
  (path) => existsSync(path),
);
const SIZES_S = [1, 60, 3_600, 25 * 3_600, 30 * 86_400, 3_650 * 86_400];

const { rounds, random } = optionsOf(12);
const base = mkdtempSync(join(tmpdir(), "sssn-clocks-"));
const folder = join(base, "store");
const stepFile = join(base, "step");
if (FAKETIME === undefined) skip("steps of the wall clock: libfaketime is not installed (Debian's package faketime)");

/** What happens to the clock, or to the process, while the load runs. */
type Trouble = (start: (options?: Partial<LoadOptions>) => RunningLoad) => Promise<RunningLoad>;

const TROUBLES: readonly (readonly [string, Trouble])[] = [
  ["stopped past its leases", stopped],
  ["event loop blocked past its leases", async (start) => run(start({ env: { LOAD_BLOCKS_MS: String(60 + random.below(120)) } }))],
  ...(FAKETIME === undefined ? [] : ([["wall clock stepped", stepped]] as const)),
];

async function run(load: RunningLoad): Promise<RunningLoad> {
  await wait(700 + random.below(500));
  return load;
}

async function stopped(start: (options?: Partial<LoadOptions>) => RunningLoad): Promise<RunningLoad> {
  const load = start();
  for (let times = 0; times < 3; times++) {
    await wait(250);
    process.kill(load.pid, "SIGSTOP");
    await wait(40 + random.below(120));
    process.kill(load.pid, "SIGCONT");
  }
  return run(load);
}

async function stepped(start: (options?: Partial<LoadOptions>) => RunningLoad): Promise<RunningLoad> {
  // Already the start is under a wrong clock: the one before had another, and whoever looks afterwards has the right one.
  step();
  const load = start({
    env: { LD_PRELOAD: FAKETIME ?? "", FAKETIME_TIMESTAMP_FILE: stepFile, FAKETIME_NO_CACHE: "1", DONT_FAKE_MONOTONIC: "1" },
  });
  for (let times = 0; times < 3; times++) {
    await wait(300);
    step();
  }
  return run(load);
}

function step(): void {
  writeFileSync(stepFile, `${random.below(2) === 0 ? "+" : "-"}${random.pick(SIZES_S)}`);
}

const checker = new Checker();
const tally: Record<string, number> = {};
let violations: ReturnType<Checker["judge"]> = [];
let begun: string[] = [];
for (let round = 1; round <= rounds && violations.length === 0; round++) {
  const [name, trouble] = TROUBLES[round % TROUBLES.length] as (typeof TROUBLES)[number];
  const load = await trouble((options = {}) => startLoad({ folder, run: round, begun, ...options }));
  load.kill();
  const history = parseHistory((await load.ended).output);
  violations = checker.judge(history, await lookAt(folder));
  begun = begunWrites(history, round);
  tally[name] = (tally[name] ?? 0) + 1;
  if (violations.length > 0) console.error(`in round ${round}: ${name}`);
}
if (violations.length === 0) rmSync(base, { recursive: true, force: true });
console.log(`${JSON.stringify(tally)} ${JSON.stringify(checker.counts)}`);
report(violations, folder);
