// Everybody sits idle for longer than every time-out that they know, then gets one message, which has to come once, at once, as delivery 1:
// pnpm quiet-day -- --minutes N [--restart]
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as wait } from "node:timers/promises";
import { systemClock, type ChannelPort, type LogFields, type Logger } from "@sssn/core";
import { HttpChannel } from "@sssn/transport-http/client";
import { capabilityCaller, clientWorker, partiesOn, steppingSystem, type Channels, type Party } from "./parties.js";

const argument = (name: string): string | undefined => process.argv[process.argv.indexOf(`--${name}`) + 1];
const minutes = process.argv.includes("--minutes") ? Number(argument("minutes")) : 1;
const restarts = process.argv.includes("--restart");
if (!(minutes > 0)) throw new Error("--minutes takes how long everybody idles, such as 0.5 or 30.");
/** "At once" for a machine that may be busy: far less than any lease, wait or pause between attempts of a worker. */
const AT_ONCE_MS = 2_500;

const complaints: string[] = [];
const complain = (fields: LogFields, message: string): void => void complaints.push(`${message} ${String(fields["err"] ?? "")}`);
const logger: Logger = { debug: () => {}, info: () => {}, warn: complain, error: complain };

const folder = mkdtempSync(join(tmpdir(), "sssn-quiet-day-"));
let host = await startHost(0);
const port = Number(new URL(host.url).port);
const remote = (id: string): ChannelPort<number> => new HttpChannel<number>({ url: `http://127.0.0.1:${port}`, id, token: "idle", logger });
const channelsOf = (channel: (id: string) => ChannelPort<number>): Channels => ({
  jobs: channel("jobs"),
  news: channel("news"),
  asked: channel("asked"),
  answers: channel("answers"),
  discovery: channel("discovery"),
});
const day = {
  clock: systemClock,
  logger,
  writer: channelsOf((id) => new HttpChannel<number>({ url: `http://127.0.0.1:${port}`, id, token: "host", logger })),
};
const there = channelsOf(remote);
const parties: Party[] = [
  ...(await partiesOn("http", there, day)),
  clientWorker("http: a client's worker", there, day),
  capabilityCaller("http: capability caller", there.discovery, remote),
  await steppingSystem("step loop", day),
];

const idleMs = minutes * 60_000;
console.log(`${parties.length} parties idle for ${minutes} min${restarts ? ", and their host is restarted in the middle" : ""}.`);
await wait(idleMs / 2);
if (restarts) {
  await host.stop();
  await wait(Math.min(4_000, idleMs / 10));
  host = await startHost(port);
}
await wait(idleMs / 2);
const before = complaints.length;
if (!restarts && before > 0) console.log(`While they idled: ${complaints.join("; ")}`);

let wrong = 0;
for (const party of parties) {
  const already = party.came.length;
  const begun = performance.now();
  await party.wake().catch((error: unknown) => complaints.push(`${party.name}: ${String(error)}`));
  while (party.came.length === already && performance.now() - begun < AT_ONCE_MS) await wait(5);
  const tookMs = Math.round(performance.now() - begun);
  const came = party.came.slice(already);
  const isRight = came.length === 1 && came[0] === 1;
  if (!isRight) wrong++;
  console.log(
    `${isRight ? "right" : "WRONG"}  ${party.name}: ${came.length === 0 ? `nothing within ${AT_ONCE_MS} ms` : `delivery ${came.join(", ")} after ${tookMs} ms`}`,
  );
}
// What is delivered to one is not delivered again to it later.
await wait(1_000);
await Promise.all(parties.map((party) => party.close()));
await host.stop();
rmSync(folder, { recursive: true, force: true });
const told = complaints.slice(before);
console.log(
  `${parties.length} parties, ${minutes} min idle: ${parties.length - wrong} right, ${wrong} wrong; ${told.length} warnings and errors afterwards${told.length > 0 ? `: ${told.join("; ")}` : ""}.`,
);
process.exitCode = wrong === 0 && told.length === 0 && (restarts || before === 0) ? 0 : 1;

async function startHost(wanted: number): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const child: ChildProcess = spawn(
    process.execPath,
    [fileURLToPath(new URL("quiet-day-host.js", import.meta.url)), String(wanted), folder],
    {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    },
  );
  const [url] = (await once(child, "message")) as [string];
  return {
    url,
    stop: async () => {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}
