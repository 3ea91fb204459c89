// Several hosts on one schema of a PostgreSQL server of its own: kills and stops hosts, crashes the server, cuts connections, loses answers and notifications, steps
// clocks, and judges what all of them did together: pnpm hosts -- --faults N
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { silentLogger, type ChannelLog } from "@sssn/core";
import { PostgresMessageStore } from "@sssn/store-postgres";
import type { Violation } from "../checker.js";
import { optionsOf, skip } from "../program.js";
import { Random } from "../random.js";
import { DatabaseProxy } from "./database-proxy.js";
import { FAULTS, type Party, type Scene } from "./faults.js";
import { preciseMs, type LoadContent } from "./host-events.js";
import { HostProcess } from "./host-process.js";
import { HostsJudge, type Found } from "./judge.js";
import { OwnServer, findBinaries } from "./server.js";

const HOSTS = 4;
/** Some hosts try again for long, and some refuse soon. */
const PATIENCE_MS = [10_000, 10_000, 2_000, 100];
const SCHEMA = "hosts";
/** So many faults at once. */
const MOST_AT_ONCE = 3;
const SETTLED_WITHIN_MS = 60_000;
const MOST_SHOWN = 20;

const { flag, random, seed } = optionsOf(1, ["faults"]);
const faults = Number(flag("faults") ?? 200);
if (!Number.isSafeInteger(faults) || faults < 1) throw new Error(`--faults takes a whole number from 1 on, but got ${flag("faults")}`);
const binaries = findBinaries();
if (binaries === undefined)
  skip("several hosts on one schema: no PostgreSQL is installed here (initdb and pg_ctl; SSSN_POSTGRES_BIN names the folder they are in)");
else await run(binaries);

async function run(folder: string): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  const server = await OwnServer.start(folder);
  const parties: Party[] = [];
  for (let number = 0; number < HOSTS; number++) {
    const proxy = await DatabaseProxy.open(server.port, new Random(seed + number));
    const url = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`;
    const host = new HostProcess({ url, schema: SCHEMA, host: number, patienceMs: PATIENCE_MS[number] ?? 10_000 });
    parties.push({ host, proxy, isBusy: false });
  }
  // Nobody outlives this program.
  process.once("exit", () => parties.forEach(({ host }) => host.signal("SIGKILL")));
  const scene: Scene = { parties, server, schema: SCHEMA, random };
  const began = preciseMs();
  for (const { host } of parties) host.start();
  await until(() => parties.every(({ host }) => host.followed > 0), "hosts do not begin");
  const tally = await harm(scene);
  const violations = await judge(scene);
  const seconds = Math.round((preciseMs() - began) / 1_000);
  console.log(`${JSON.stringify(tally)} in ${seconds} s`);
  for (const { rule, what } of violations.slice(0, MOST_SHOWN)) console.error(`${rule}: ${what}`);
  if (violations.length > 0)
    console.error(`${violations.length} violations, with seed ${seed}; what the hosts said is kept in ${keep(parties)}`);
  else console.log("Nothing acknowledged was lost, doubled, renumbered, redelivered, held twice, missed or out of turn at any host.");
  process.exit(violations.length > 0 ? 1 : 0);
}

function keep(parties: readonly Party[]): string {
  const file = join(mkdtempSync(join(tmpdir(), "sssn-hosts-histories-")), "histories");
  const events = parties.flatMap(({ host }) => host.events.map((event) => ({ host: host.number, ...event })));
  writeFileSync(file, events.map((event) => JSON.stringify(event)).join("\n"));
  return file;
}

/** All kinds of faults in random order, some of them at once. */
async function harm(scene: Scene): Promise<Record<string, number>> {
  const tally: Record<string, number> = {};
  const going = new Set<Promise<void>>();
  let deck: string[] = [];
  for (let count = 0; count < faults && scene.parties.every(({ host }) => host.failures.length === 0); count++) {
    if (deck.length === 0) deck = shuffled(Object.keys(FAULTS));
    const name = deck.pop() ?? "";
    tally[name] = (tally[name] ?? 0) + 1;
    const fault = FAULTS[name]?.(scene, random.pick(scene.parties)) ?? Promise.resolve();
    going.add(fault);
    void fault.finally(() => going.delete(fault));
    await wait(200 + random.below(900));
    while (going.size >= MOST_AT_ONCE) await Promise.race(going);
    if ((count + 1) % 50 === 0) console.log(`${count + 1} faults`);
  }
  await Promise.all(going);
  return tally;
}

function shuffled(names: string[]): string[] {
  for (let left = names.length - 1; left > 0; left--) {
    const other = random.below(left + 1);
    [names[left], names[other]] = [names[other] ?? "", names[left] ?? ""];
  }
  return names;
}

/** Lets everything come to rest, which it does by itself, and looks at what is there. */
async function judge({ parties, server }: Scene): Promise<Violation[]> {
  const died = (): Violation[] => parties.flatMap(({ host }) => host.failures.map((what): Violation => ({ rule: "died", what })));
  if (died().length > 0) return died();
  const store = new PostgresMessageStore({
    url: `postgres://postgres@127.0.0.1:${server.port}/postgres`,
    schema: SCHEMA,
    logger: silentLogger,
  });
  const logs = await Promise.all(["load", "ordered", "bounded"].map((id) => store.open(id)));
  const [log, ordered] = logs as [ChannelLog, ChannelLog];
  for (const { host } of parties) host.drain();
  const cursors = (): Promise<number[]> =>
    Promise.all(parties.map(async ({ host }) => (await log.cursor({ owner: `reader-${host.number}`, name: "reader" })) ?? 0));
  const rest = async (): Promise<string | undefined> => {
    const { last } = await log.bounds();
    for (const { host } of parties)
      if (host.followed < last) return `the follower of host ${host.number} is at ${host.followed} of ${last}`;
    for (const cursor of await cursors()) if (cursor < last) return `a cursor is at ${cursor} of ${last}`;
    for (const one of logs)
      for (const { group, ready, claimed, delayed } of (await one.counts()).groups)
        if (ready + claimed + delayed > 0) return `${one.channelId}/${group} has ${ready} ready, ${claimed} claimed, ${delayed} resting`;
    return undefined;
  };
  const deadline = performance.now() + SETTLED_WITHIN_MS;
  let left = await rest();
  for (; left !== undefined && performance.now() < deadline && died().length === 0; left = await rest()) await wait(100);
  await Promise.all(parties.map(({ host }) => host.stop()));
  const stuck: Violation[] = left === undefined ? [] : [{ rule: "stuck", what: `${left}, ${SETTLED_WITHIN_MS} ms after the last fault` }];
  // The server runs on this machine: its clock is the one that this process has.
  const judged = new HostsJudge(performance.timeOrigin + performance.now() - preciseMs());
  const found: Found = { ...(await lookAt(log)), cursors: await cursors(), ordered: await claimable(ordered), at: preciseMs() };
  const violations = judged.judge(
    parties.map(({ host }) => host.events),
    found,
  );
  console.log(JSON.stringify(judged.counts));
  const events = parties.flatMap(({ host }) => host.events);
  const refusals = events.filter(({ type }) => type === "refused").length;
  const unknown = events.filter((event) => event.type === "write-failed" && event.outcome === "unknown").length;
  const proxies = parties.reduce(
    (sum, { proxy: { counts } }) => ({
      cuts: sum.cuts + counts.cuts,
      commitsCut: sum.commitsCut + counts.commitsCut,
      notificationsDropped: sum.notificationsDropped + counts.notificationsDropped,
    }),
    { cuts: 0, commitsCut: 0, notificationsDropped: 0 },
  );
  console.log(JSON.stringify({ ...proxies, refusals, unknown, messages: found.last }));
  await store.close();
  for (const { proxy } of parties) proxy.close();
  return [...stuck, ...died(), ...violations];
}

async function lookAt(log: ChannelLog): Promise<Pick<Found, "messages" | "last" | "claimable">> {
  const messages = new Map<number, { id: string; content: LoadContent; hasTtl: boolean }>();
  const { last } = await log.bounds();
  for (let position = 0; position < last;) {
    const page = await log.read({ after: position, limit: 1_000 });
    for (const { sequence, id, content, validUntil } of page.messages)
      messages.set(sequence, { id, content: content as unknown as LoadContent, hasTtl: validUntil !== undefined });
    position = page.position;
  }
  return { messages, last, claimable: await claimable(log) };
}

/** What a new worker would be handed: nothing, when everything is settled. */
async function claimable(log: ChannelLog): Promise<number[]> {
  const { claims } = await log.claim({ group: "default", readerId: "checker", limit: 1_000, leaseMs: 60_000 });
  return claims.map(({ message }) => message.sequence);
}

async function until(isSo: () => boolean, failure: string): Promise<void> {
  for (const deadline = performance.now() + SETTLED_WITHIN_MS; !isSo(); await wait(50))
    if (performance.now() > deadline) throw new Error(`Within ${SETTLED_WITHIN_MS} ms ${failure}.`);
}
