// Makes the disk fail under the load in every way that one machine can show, goes on when it is well again, kills, and judges:
// pnpm disk-faults -- --rounds N
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { isSSSNError, silentLogger } from "@sssn/core";
import { LevelMessageStore } from "@sssn/store-level";
import { Checker, type Violation } from "./checker.js";
import { begunWrites, lookAt, startLoad, type LoadOptions, type RunningLoad } from "./crash-run.js";
import { parseHistory } from "./history.js";
import { optionsOf, report, skip } from "./program.js";
import type { Random } from "./random.js";

/** A way in which a disk fails: prepares, runs the load through the failure and past it, and ends it. */
interface Fault {
  readonly name: string;
  /** Why it can't be tried here. */
  readonly impossible?: string | undefined;
  /** Resolves with what was said before the disk was well again, once the load has gone on for a while. */
  run(
    start: (options?: Partial<LoadOptions>) => RunningLoad,
    folder: string,
    random: Random,
  ): Promise<{ readonly load: RunningLoad; readonly before: string }>;
}

const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const hasStrace = ["/usr/bin/strace", "/bin/strace"].some((path) => existsSync(path));

/** Fails one system call of the load, once. */
function oneError(call: string, error: string, onLog: boolean): Fault {
  return {
    name: `${error} on ${call}`,
    impossible: hasStrace ? undefined : "strace is not installed",
    async run(start, folder, random) {
      const wrapper = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        ...(onLog ? nextLogs(folder) : []),
        "-e",
        `trace=${call}`,
        "-e",
        `inject=${call}:error=${error}:when=${5 + random.below(120)}`,
      ];
      const load = start({ wrapper });
      await wait(1_200);
      const before = load.said();
      await wait(700);
      return { load, before };
    },
  };
}

/** The write-ahead logs that LevelDB may make next; strace takes names, not patterns. */
function nextLogs(folder: string): string[] {
  const location = join(folder, "leveldb");
  const numbers = existsSync(location) ? readdirSync(location).map((name) => Number.parseInt(name.replace("MANIFEST-", ""), 10)) : [];
  const last = Math.max(0, ...numbers.filter((number) => number > 0));
  return Array.from({ length: 8 }, (_, index) => ["-P", join(location, `${String(last + index + 1).padStart(6, "0")}.log`)]).flat();
}

const full: Fault = {
  name: "a full disk",
  impossible: isRoot ? undefined : "mounting a small file system takes Linux and root",
  async run(start, folder) {
    const load = start();
    await wait(400);
    const filler = join(folder, "..", "filler");
    for (let size = 1024 * 1024; size >= 512; size /= 2) {
      try {
        for (;;) writeFileSync(filler, Buffer.alloc(size), { flag: "a" });
      } catch {
        // Full for this size; try what is left in smaller pieces.
      }
    }
    await wait(400);
    const before = load.said();
    rmSync(filler);
    await wait(1_200);
    return { load, before };
  },
};

const noFiles: Fault = {
  name: "no file descriptors left",
  impossible: existsSync("/usr/bin/prlimit") ? undefined : "prlimit is not installed",
  async run(start) {
    const load = start({ wrapper: ["prlimit", "--nofile=128"], env: { LOAD_EXHAUSTS_FILES: "1" } });
    await wait(700);
    const before = load.said();
    await wait(900);
    return { load, before };
  },
};

const FAULTS: readonly Fault[] = [
  full,
  oneError("write", "EIO", true),
  oneError("write", "ENOSPC", true),
  oneError("fdatasync", "EIO", false),
  oneError("fdatasync", "ENOSPC", false),
  oneError("rename", "EIO", false),
  noFiles,
];

/** Opening where nothing can be written is refused in words. */
async function readOnly(base: string): Promise<Violation[]> {
  if (!isRoot) return [];
  const mountPoint = join(base, "read-only");
  mkdirSync(mountPoint);
  execFileSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", mountPoint]);
  try {
    const error: unknown = await new LevelMessageStore({ folder: join(mountPoint, "store"), logger: silentLogger })
      .open("c")
      .catch((thrown: unknown) => thrown);
    return isSSSNError(error, "store_unavailable") ? [] : [{ rule: "lost", what: `a read-only folder was met with ${String(error)}` }];
  } finally {
    execFileSync("umount", [mountPoint]);
  }
}

const { rounds, random } = optionsOf(7);
const base = mkdtempSync(join(tmpdir(), "sssn-faults-"));
const disk = join(base, "disk");
mkdirSync(disk);
if (isRoot) execFileSync("mount", ["-t", "tmpfs", "-o", "size=48m", "tmpfs", disk]);
const violations = await readOnly(base);
const tally: Record<string, { rounds: number; refusals: number }> = {};
try {
  for (let round = 1; round <= rounds && violations.length === 0; round++) {
    const fault = FAULTS[(round - 1) % FAULTS.length] as Fault;
    if (fault.impossible !== undefined) {
      if (round <= FAULTS.length) skip(`${fault.name}: ${fault.impossible}`);
      continue;
    }
    const folder = join(disk, "store");
    rmSync(folder, { recursive: true, force: true });
    const checker = new Checker();
    // A first run fills the store; the second one meets the fault; what is begun there is repeated by the third.
    let begun: string[] = [];
    for (const run of [1, 2, 3]) {
      const start = (options: Partial<LoadOptions> = {}): RunningLoad => startLoad({ folder, run, begun, ...options });
      const { load, before } = run === 2 ? await fault.run(start, folder, random) : await undisturbed(start());
      if (run === 2 && load.said().length === before.length)
        violations.push({ rule: "lost", what: `${fault.name}: the store did not go on when the disk was well again` });
      load.kill();
      const history = parseHistory((await load.ended).output);
      if (run === 2) {
        const { rounds: earlier, refusals } = tally[fault.name] ?? { rounds: 0, refusals: 0 };
        tally[fault.name] = { rounds: earlier + 1, refusals: refusals + history.filter(({ type }) => type === "refused").length };
      }
      violations.push(...checker.judge(history, await lookAt(folder)));
      begun = begunWrites(history, run);
    }
    if (violations.length > 0) console.error(`in round ${round}: ${fault.name}`);
  }
} finally {
  if (isRoot && violations.length === 0) execFileSync("umount", [disk]);
  if (violations.length === 0) rmSync(base, { recursive: true, force: true });
}
for (const [name, { rounds: tried, refusals }] of Object.entries(tally)) console.log(`${name}: ${tried} times, ${refusals} calls refused`);
const harmless = Object.entries(tally).filter(([name, { refusals }]) => refusals === 0 && !/rename|descriptors/.test(name));
if (harmless.length > 0) {
  console.error(`These faults met nobody, so they prove nothing: ${harmless.map(([name]) => name).join(", ")}`);
  process.exitCode = 1;
}
report(violations, join(disk, "store"));

async function undisturbed(load: RunningLoad): Promise<{ load: RunningLoad; before: string }> {
  await wait(500);
  return { load, before: "" };
}
