// Measures a published channel beside servers that do less, in one run: pnpm bench:http [--repeats N] [--json FILE]
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { bodies, body } from "../contenders/contender.js";
import { loadPeer } from "../contenders/peers.js";
import { machine } from "../report.js";
import { median } from "../workloads/reopening.js";
import { EventClients } from "./event-clients.js";
import { SERVER_NAMES, type ServerName } from "./protocol.js";
import { ServerProcess } from "./server-process.js";

const { values: options } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== "--"),
  options: { repeats: { type: "string", default: "3" }, seconds: { type: "string", default: "3" }, json: { type: "string" } },
});
const [repeats, seconds] = [Number(options.repeats), Number(options.seconds)];
const BATCH = 100;

type Autocannon = (
  options: object,
) => Promise<{ requests: { total: number }; duration: number; non2xx: number; errors: number; latency: { p99: number } }>;
const autocannon = loadPeer<Autocannon>("autocannon");

interface Workload {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly servers: readonly ServerName[];
  measure(server: ServerProcess): Promise<number>;
}

async function post(server: ServerProcess, connections: number, path: string, text: string, messages: number): Promise<number> {
  const run = (duration: number): ReturnType<Autocannon> =>
    autocannon({
      url: `http://127.0.0.1:${server.port}/channels/bench${path}`,
      method: "POST",
      connections,
      duration,
      headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
      body: text,
    });
  await run(1);
  const { requests, duration, non2xx, errors } = await run(seconds);
  if (non2xx + errors > 0) throw new Error(`${non2xx} requests were refused, ${errors} failed`);
  return (requests.total * messages) / duration;
}

async function fanOut(server: ServerProcess, clients: number, events: number, paused: number): Promise<number> {
  const streams = await EventClients.open(server.port, server.token, clients, paused);
  const warm = streams.reach(200, clients - paused);
  await server.publish(200);
  await warm;
  const begun = performance.now();
  const all = streams.reach(200 + events, clients - paused);
  void server.publish(events);
  await all;
  const rate = (events * (clients - paused)) / ((performance.now() - begun) / 1_000);
  streams.close();
  return rate;
}

async function memoryPerStream(server: ServerProcess): Promise<number> {
  const count = 1_000;
  const before = await server.megabytes();
  const streams = await EventClients.open(server.port, server.token, count);
  const after = await server.megabytes();
  streams.close();
  return ((after - before) * 1_024) / count;
}

const one = JSON.stringify({ content: body(1) });
const many = JSON.stringify({ messages: bodies(0, BATCH).map((content) => ({ content })) });
const STREAMING: readonly ServerName[] = ["SSSN, memory", "SSSN, LevelDB flushed", "node:http"];
const WORKLOADS: readonly Workload[] = [
  {
    name: "post-1",
    title: "POST of one message, 1 connection",
    unit: "requests/s",
    servers: SERVER_NAMES,
    measure: (server) => post(server, 1, "/messages", one, 1),
  },
  {
    name: "post-64",
    title: "POST of one message, 64 connections",
    unit: "requests/s",
    servers: SERVER_NAMES,
    measure: (server) => post(server, 64, "/messages", one, 1),
  },
  {
    name: "batch",
    title: `POST of ${BATCH} messages, 1 connection`,
    unit: "messages/s",
    servers: STREAMING,
    measure: (server) => post(server, 1, "/messages/batch", many, BATCH),
  },
  {
    name: "sse-100",
    title: "events to 100 clients",
    unit: "events/s",
    servers: STREAMING,
    measure: (server) => fanOut(server, 100, 5_000, 0),
  },
  {
    name: "sse-1000",
    title: "events to 1000 clients",
    unit: "events/s",
    servers: STREAMING,
    measure: (server) => fanOut(server, 1_000, 500, 0),
  },
  {
    name: "sse-slow",
    title: "events to 100 clients, one of which never reads",
    unit: "events/s to the other 99",
    servers: ["SSSN, memory", "SSSN, LevelDB flushed"],
    measure: (server) => fanOut(server, 100, 5_000, 1),
  },
  { name: "idle", title: "memory of an idle stream, 1000 of them", unit: "kB", servers: STREAMING, measure: memoryPerStream },
];

const results = new Map<string, number[]>();
for (const workload of WORKLOADS) {
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const name of workload.servers) {
      process.stderr.write(`${workload.name}: ${name} (${repeat + 1})\n`);
      const server = await ServerProcess.start(name);
      try {
        const samples = results.get(`${workload.name}|${name}`) ?? [];
        samples.push(await workload.measure(server));
        results.set(`${workload.name}|${name}`, samples);
      } finally {
        await server.stop();
      }
    }
  }
}

const valueOf = (workload: string, server: ServerName): number => median(results.get(`${workload}|${server}`) ?? [Number.NaN]);
const shown = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString("en-US").replaceAll(",", " ") : value.toFixed(2));
const lines = [`${new Date().toISOString().slice(0, 10)} · ${machine()}`, ""];
for (const { name, title, unit, servers } of WORKLOADS) {
  lines.push(`### ${title} (${name})`, "", `| server | median ${unit} | range | to node:http |`, "|---|---|---|---|");
  for (const server of servers) {
    const samples = results.get(`${name}|${server}`) ?? [];
    const ratio = valueOf(name, server) / valueOf(name, "node:http");
    lines.push(
      `| ${server} | ${shown(median(samples))} | ${shown(Math.min(...samples))} – ${shown(Math.max(...samples))} | ${Number.isNaN(ratio) ? "" : ratio.toFixed(2)} |`,
    );
  }
  lines.push("");
}

/** What the project holds itself to. */
const TARGETS: readonly (readonly [string, number, number])[] = [
  [
    "write with a token, stored and flushed, 64 connections, to node:http without any check",
    valueOf("post-64", "SSSN, LevelDB flushed") / valueOf("post-64", "node:http"),
    0.5,
  ],
  ["the same, to fastify + jwtVerify", valueOf("post-64", "SSSN, LevelDB flushed") / valueOf("post-64", "fastify + jwtVerify"), 1],
  ["batches over one connection, stored and flushed, to 30 000 messages a second", valueOf("batch", "SSSN, LevelDB flushed") / 30_000, 1],
  ["events to 100 clients, to node:http", valueOf("sse-100", "SSSN, LevelDB flushed") / valueOf("sse-100", "node:http"), 0.7],
  ["events to 1000 clients, to node:http", valueOf("sse-1000", "SSSN, LevelDB flushed") / valueOf("sse-1000", "node:http"), 0.7],
  ["a client that never reads, to none", valueOf("sse-slow", "SSSN, LevelDB flushed") / valueOf("sse-100", "SSSN, LevelDB flushed"), 0.8],
];
lines.push("### Ratios that the project holds itself to", "", "| ratio | measured | at least | |", "|---|---|---|---|");
for (const [what, ratio, least] of TARGETS)
  lines.push(`| ${what} | ${ratio.toFixed(2)} | ${least} | ${ratio >= least ? "reached" : "**missed**"} |`);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(Object.fromEntries(results), undefined, 2)}\n`);
console.log(lines.join("\n"));
