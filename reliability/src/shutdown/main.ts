// Stops a host with SIGTERM while it is under load and while awkward clients hold on to it, and judges: every request in flight is answered,
// readiness turns first, the application's last writes are there, it exits with 0: pnpm sigterm -- --rounds N
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as wait } from "node:timers/promises";
import { LevelMessageStore } from "@sssn/store-level";
import { optionsOf } from "../program.js";
import { AWKWARD } from "./awkward-clients.js";

const { rounds, random } = optionsOf(20);
/** Longer than the time between two looks of the balancer that the load follows. */
const LAME_DUCK_MS = 400;
const PROBE_EVERY_MS = 50;
const DEADLINE_MS = 10_000;
const totals = {
  rounds: 0,
  answered: 0,
  unanswered: 0,
  refused: 0,
  /** Came when nobody listened any more: nothing of it was ever in flight. */
  turnedAway: 0,
  notReadyFirst: 0,
  missingLastWrites: 0,
  badExits: 0,
  late: 0,
  slowestMs: 0,
};
const base = mkdtempSync(join(tmpdir(), "sssn-sigterm-"));
try {
  for (let round = 0; round < rounds; round++) await oneRound(join(base, String(round)));
} finally {
  rmSync(base, { recursive: true, force: true });
}
const bad = totals.unanswered + totals.missingLastWrites + totals.badExits + totals.late + (totals.rounds - totals.notReadyFirst);
console.log(JSON.stringify(totals));
console.log(
  bad === 0
    ? "Everything in flight was answered, readiness turned first, and the last words were written."
    : `${bad} things that must not happen.`,
);
if (bad > 0) process.exitCode = 1;

async function oneRound(folder: string): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("sigterm-host.js", import.meta.url)), folder, String(LAME_DUCK_MS)], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const [port] = (await once(child, "message")) as [number];
  const exited = once(child, "exit") as Promise<[number | null]>;
  const awkward = await Promise.all(AWKWARD.map((open) => open(port)));
  let isReady = true;
  let sawNotReady = false;
  let isOver = false;
  const probing = (async () => {
    while (!isOver) {
      const status = await ask(port, "GET", "/readyz").catch(() => 0);
      if (status === 503) sawNotReady = true;
      if (status !== 200) isReady = false;
      await wait(PROBE_EVERY_MS);
    }
  })();
  const keepAlive = new Agent({ keepAlive: true, maxSockets: 16 });
  const load = Array.from({ length: 24 }, async (_, index) => {
    while (isReady) {
      try {
        const status = await ask(port, "POST", "/channels/orders/messages", index % 2 === 0 ? keepAlive : undefined);
        if (status === 201) totals.answered++;
        else totals.refused++;
      } catch (error) {
        // A balancer that has just looked sends nothing more; what it had sent before must have been answered.
        if (!isTurnedAway(error)) totals.unanswered++;
        else {
          totals.turnedAway++;
          isReady = false;
        }
      }
    }
  });
  await wait(150 + random.below(250));
  const begun = performance.now();
  child.kill("SIGTERM");
  const [code] = await exited;
  const tookMs = performance.now() - begun;
  isOver = true;
  await Promise.all([probing, ...load]);
  keepAlive.destroy();
  for (const client of awkward) client.destroy();
  totals.rounds++;
  if (sawNotReady) totals.notReadyFirst++;
  if (code !== 0) totals.badExits++;
  if (tookMs > DEADLINE_MS) totals.late++;
  totals.slowestMs = Math.max(totals.slowestMs, Math.round(tookMs));
  if (!(await hasLastWrite(folder))) totals.missingLastWrites++;
}

function isTurnedAway(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ECONNREFUSED";
}

/** What the application wrote in its onShutdown. */
async function hasLastWrite(folder: string): Promise<boolean> {
  await using store = new LevelMessageStore({ folder });
  const log = await store.open("last-words");
  return (await log.bounds()).last === 1;
}

function ask(port: number, method: string, path: string, agent?: Agent): Promise<number> {
  const body = method === "POST" ? JSON.stringify({ content: { item: "tea" } }) : "";
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        port,
        method,
        path,
        agent: agent ?? false,
        headers: { authorization: "Bearer load", "content-type": "application/json", "content-length": body.length },
      },
      (response) => {
        response.resume();
        response.once("end", () => resolve(response.statusCode ?? 0));
        response.once("error", reject);
      },
    );
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}
