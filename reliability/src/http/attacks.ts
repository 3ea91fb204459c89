// Floods a host with what wears servers down, and watches how honest callers fare meanwhile: pnpm http-attacks -- --rounds N
// A round takes a second of each kind of flood; sockets and bytes are bounded, and everything stays on this machine.
import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { optionsOf } from "../program.js";
import { HostProcess } from "./host-process.js";

const SOCKETS = 2_000;
/** What an honest request may take while others attack, and what the host may grow by. */
const MOST_P99_MS = 500;
const MOST_GROWTH_MB = 400;

const { rounds, random } = optionsOf(5);
const host = await HostProcess.start();
const faults: string[] = [];

async function honest(): Promise<number> {
  const begun = performance.now();
  const response = await fetch(`${host.url}/channels/news/messages?limit=1`, { headers: { authorization: `Bearer ${host.token}` } });
  await response.arrayBuffer();
  if (response.status !== 200) faults.push(`an honest request was answered with ${response.status}`);
  return performance.now() - begun;
}

/** Honest requests, one after the other, until a time is over. */
async function honestFor(ms: number): Promise<number> {
  const times: number[] = [];
  for (const end = Date.now() + ms; Date.now() < end; await wait(5)) times.push(await honest());
  times.sort((left, right) => left - right);
  return times[Math.floor(times.length * 0.99)] ?? 0;
}

function open(text: string, onData: (chunk: Buffer, socket: Socket) => void = () => {}): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(host.port, "127.0.0.1", () => {
      socket.write(text);
      resolve(socket);
    });
    // Being thrown out is what an attacker has to expect.
    socket.on("error", () => resolve(socket)).on("data", (chunk: Buffer) => onData(chunk, socket));
  });
}

async function openMany(
  count: number,
  text: (index: number) => string,
  onData?: (chunk: Buffer, socket: Socket) => void,
): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let from = 0; from < count; from += 100)
    sockets.push(...(await Promise.all(Array.from({ length: 100 }, (_, index) => open(text(from + index), onData)))));
  return sockets;
}

const GET = "GET /channels/news/messages HTTP/1.1\r\nHost: x\r\n";
const POST = `POST /channels/news/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${host.token}\r\nContent-Type: application/json\r\n`;

/** Each opens its sockets and says how many requests it sent, where it counts them. */
const FLOODS: readonly (readonly [string, () => Promise<{ sockets: Socket[]; sent?: () => number }>])[] = [
  [
    "idle streams",
    async () => ({
      sockets: await openMany(
        SOCKETS,
        () => `GET /channels/news/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${host.token}\r\n\r\n`,
      ),
    }),
  ],
  [
    "streams whose clients never read",
    async () => {
      const sockets = await openMany(
        500,
        () => `GET /channels/news/stream?from=start HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${host.token}\r\n\r\n`,
      );
      for (const socket of sockets) socket.pause();
      await host.write(5_000);
      return { sockets };
    },
  ],
  ["headers that never end", async () => ({ sockets: await openMany(SOCKETS, (index) => `${GET}X-${index}: `) })],
  ["bodies that never come", async () => ({ sockets: await openMany(SOCKETS, () => `${POST}Content-Length: 1000000\r\n\r\n{`) })],
  ["bodies of ten gigabytes", async () => ({ sockets: await openMany(SOCKETS, () => `${POST}Content-Length: 10000000000\r\n\r\n{`) })],
  ["connections that say nothing", async () => ({ sockets: await openMany(SOCKETS, () => "") })],
  [
    "bad tokens",
    async () => {
      let sent = 0;
      const request = (): string =>
        `${GET}Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.${random
          .below(2 ** 30)
          .toString(36)
          .padEnd(42, "A")}A\r\n\r\n`;
      const sockets = await openMany(100, request, (_chunk, socket) => {
        sent++;
        socket.write(request());
      });
      return { sockets, sent: () => sent };
    },
  ],
];

const before = await host.megabytes();
console.log(`without an attack: p99 ${(await honestFor(1_000)).toFixed(1)} ms, ${before.toFixed(0)} MB`);
for (const [name, flood] of FLOODS) {
  const { sockets, sent } = await flood();
  const p99 = await honestFor(rounds * 1_000);
  const megabytes = await host.megabytes();
  console.log(
    `${sockets.length} × ${name}: honest p99 ${p99.toFixed(1)} ms, ${megabytes.toFixed(0)} MB${sent ? `, ${sent()} refused` : ""}`,
  );
  if (p99 > MOST_P99_MS) faults.push(`${name}: an honest request took ${p99.toFixed(0)} ms`);
  if (megabytes - before > MOST_GROWTH_MB) faults.push(`${name}: the host grew by ${(megabytes - before).toFixed(0)} MB`);
  for (const socket of sockets) socket.destroy();
}
if (host.hasEnded) faults.push("the host is gone");
console.log(`afterwards: p99 ${(await honestFor(1_000)).toFixed(1)} ms, ${(await host.megabytes()).toFixed(0)} MB`);
for (const fault of faults.slice(0, 20)) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
else console.log("The host went on, and nobody honest had to wait.");
await host.stop();
