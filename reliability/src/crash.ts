// Kills the load at random moments, again and again on the same folder, and judges what is left: pnpm crash -- --rounds N
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyStore } from "@sssn/store-level";
import { Checker } from "./checker.js";
import { begunWrites, lookAt, runAndKill } from "./crash-run.js";
import { OrderChecker } from "./order-checker.js";
import { parseHistory } from "./history.js";
import { optionsOf, report } from "./program.js";

const SHORTEST_RUN_MS = 150;
const LONGEST_RUN_MS = 900;
/** Every tenth kill falls into the start and the recovery. */
const START_MS = 120;

const { rounds, random } = optionsOf(20);
const folder = await mkdtemp(join(tmpdir(), "sssn-crash-"));
const [checker, orderChecker] = [new Checker(), new OrderChecker()];
let begun: string[] = [];
let longestOpenMs = 0;
let violations: ReturnType<Checker["judge"]> = [];
for (let round = 1; round <= rounds && violations.length === 0; round++) {
  const afterMs = round % 10 === 0 ? 40 + random.below(START_MS) : SHORTEST_RUN_MS + random.below(LONGEST_RUN_MS - SHORTEST_RUN_MS);
  const history = parseHistory(await runAndKill({ folder, run: round, begun }, afterMs));
  const before = performance.now();
  const aftermath = await lookAt(folder);
  longestOpenMs = Math.max(longestOpenMs, performance.now() - before);
  violations = [...checker.judge(history, aftermath), ...orderChecker.judge(history, aftermath.ordered, aftermath.at)];
  begun = begunWrites(history, round);
  if (round % 10 === 0 || round === rounds) console.log(`${round} kills: ${JSON.stringify({ ...checker.counts, ...orderChecker.counts })}`);
}
const { findings } = await verifyStore(folder);
violations.push(...findings.map((what) => ({ rule: "unsound" as const, what })));
if (violations.length === 0) await rm(folder, { recursive: true, force: true });
report(violations, folder);
console.log(`The longest time to open again and to read everything was ${Math.round(longestOpenMs)} ms.`);
