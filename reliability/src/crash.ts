// Kills the load at random moments, again and again on the same folder, and judges what is left: pnpm crash -- --rounds N
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LevelMessageStore } from "@sssn/store-level";
import { Checker, type Violation } from "./checker.js";
import { parseHistory, type Aftermath } from "./history.js";

const SHORTEST_RUN_MS = 150;
const LONGEST_RUN_MS = 900;
const MOST_SHOWN = 20;

/** Runs the load until the kill; resolves with what it said. */
async function runAndKill(folder: string, run: number): Promise<string> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("load.js", import.meta.url)), folder, String(run)], { stdio: ["ignore", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on("close", (_code, signal) => resolve(signal)));
  const timer = setTimeout(() => child.kill("SIGKILL"), SHORTEST_RUN_MS + Math.random() * (LONGEST_RUN_MS - SHORTEST_RUN_MS));
  const signal = await ended;
  clearTimeout(timer);
  if (signal !== "SIGKILL") throw new Error(`The load of round ${run} ended by itself; what it printed stands above.`);
  return Buffer.concat(chunks).toString();
}

async function lookAt(folder: string): Promise<Aftermath> {
  const store = new LevelMessageStore({ folder });
  const log = await store.open("load");
  const messages = new Map<number, string>();
  for (let page = await log.read({ after: 0, limit: 1_000 }); page.messages.length > 0; page = await log.read({ after: page.position, limit: 1_000 })) {
    for (const { sequence, id } of page.messages) messages.set(sequence, id);
  }
  const { claims } = await log.claim({ group: "default", readerId: "checker", limit: 1_000, leaseMs: 60_000 });
  await log.settle("default", "checker", claims.map(({ receipt }) => ({ receipt, action: "release", delayMs: 0 })));
  const cursor = (await log.cursor({ owner: "reader", name: "reader" })) ?? 0;
  await store.close();
  return { messages, cursor, claimable: claims.map(({ message }) => message.sequence) };
}

const { values } = parseArgs({ args: process.argv.slice(2).filter((word) => word !== "--"), options: { rounds: { type: "string", default: "20" } } });
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a whole number from 1 on, but got ${values.rounds}`);

const folder = await mkdtemp(join(tmpdir(), "sssn-crash-"));
const checker = new Checker();
const violations: Violation[] = [];
try {
  for (let round = 1; round <= rounds && violations.length === 0; round++) {
    const history = parseHistory(await runAndKill(folder, round));
    violations.push(...checker.judge(history, await lookAt(folder)));
    if (round % 10 === 0 || round === rounds) console.log(`${round} kills: ${JSON.stringify(checker.counts)}`);
  }
} finally {
  if (violations.length === 0) await rm(folder, { recursive: true, force: true });
}
for (const { rule, what } of violations.slice(0, MOST_SHOWN)) console.error(`${rule}: ${what}`);
if (violations.length > 0) {
  console.error(`${violations.length} violations; the store is kept in ${folder}`);
  process.exitCode = 1;
} else console.log("Nothing acknowledged was lost, doubled, renumbered, redelivered or held twice.");
