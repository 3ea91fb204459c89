// One host of several on one schema: writers, workers of every kind, a reader with a cursor and a follower, until it is told to stop. Says what it does on
// standard output, one event a line, written before anything else happens.
import { writeSync } from "node:fs";
import { PassthroughChannel, isSSSNError, silentLogger, type ChannelLog, type ClaimedMessage, type MessageDraft } from "@sssn/core";
import { PostgresMessageStore } from "@sssn/store-postgres";
import { monotonicMs, type Action } from "../history.js";
import { boundedLoad, orderedLoad, type LoadTools } from "../ordered-load.js";
import { preciseMs, type HostCommand, type HostEvent, type HostOptions, type LoadContent, type Stamped } from "./host-events.js";

const WRITERS = 3;
const WORKERS = 3;
/** Most workers are done long before; a host that is stopped is not. */
const LONG_LEASE_MS = 2_000;
const SHORT_LEASE_MS = 60;
const RETRY_MS = 50;

const { url, schema, host, run, patienceMs, begun, followed } = JSON.parse(process.argv[2] ?? "{}") as HostOptions;
const store = new PostgresMessageStore({ url, schema, patienceMs, logger: silentLogger });
let isDraining = false;
let isStopping = false;

function say(event: HostEvent): void {
  writeSync(1, `${JSON.stringify({ ...event, stamp: preciseMs() } satisfies Stamped<HostEvent>)}\n`);
}

const pause = (ms = 20): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Goes on over every refusal that may pass, until it is done. */
async function retry<Result>(task: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await task();
    } catch (error) {
      if (!isSSSNError(error) || !error.retryable) throw error;
      say({ type: "refused", code: error.code });
      await pause(RETRY_MS);
    }
  }
}

async function persist(task: () => Promise<void>): Promise<never> {
  for (;;) await retry(task);
}

async function append(log: ChannelLog, writer: string, drafts: readonly MessageDraft[]): Promise<void> {
  for (const { id } of drafts) if (id !== undefined) say({ type: "writing", id });
  try {
    for (const { sequence, id } of await log.append(drafts)) say({ type: "written", sequence, id });
  } catch (error) {
    if (!isSSSNError(error)) throw error;
    const counts = drafts.map(({ content }) => (content as unknown as LoadContent).count);
    say({ type: "write-failed", writer, counts, outcome: String(error.details["outcome"]) });
    throw error;
  }
}

function draftOf(id: string): MessageDraft {
  const [, writer = "", count] = id.split("-");
  return { senderId: "w", content: { writer: `${id.split("-")[0]}-${writer}`, count: Number(count) }, metadata: {}, id };
}

async function write(log: ChannelLog, number: number): Promise<void> {
  const writer = `${run}-${number}`;
  let count = 0;
  await persist(async () => {
    await pause();
    if (isDraining) return pause();
    const next = Array.from({ length: Math.random() < 0.2 ? 1 + Math.floor(Math.random() * 4) : 1 }, (_, index) => count + index);
    const drafts = next.map((of): MessageDraft => {
      // Some leave ids to the log: what they are not told of may be there twice when they repeat it.
      if (number > 1) return draftOf(`${writer}-${of}`);
      const draft = { senderId: "w", content: { writer, count: of }, metadata: {} };
      const fate = Math.random();
      if (fate < 0.1) return { ...draft, delayMs: 300 };
      if (fate < 0.15) return { ...draft, ttlMs: 1_500 };
      return fate < 0.2 ? { ...draft, supersede: `name-${of % 3}` } : draft;
    });
    await append(log, writer, drafts);
    count += drafts.length;
  });
}

async function settle(
  log: ChannelLog,
  readerId: string,
  action: Action,
  claims: readonly ClaimedMessage[],
  leaseMs: number,
): Promise<void> {
  const references = claims.map(({ receipt, message }) => ({ sequence: message.sequence, receipt }));
  say({ type: "settling", action, claims: references });
  const asked = monotonicMs();
  const results = await log.settle(
    "default",
    readerId,
    references.map(({ receipt }) =>
      action === "release"
        ? { receipt, action, delayMs: Math.random() < 0.5 ? 0 : 10 }
        : action === "extend"
          ? { receipt, action, leaseMs }
          : { receipt, action },
    ),
  );
  const done = references.filter((_, index) => ["acknowledged", "released", "extended"].includes(results[index]?.status ?? ""));
  const refused = references.filter((reference) => !done.includes(reference));
  say({ type: "settled", action, asked, answered: monotonicMs(), leaseMs, done, refused });
}

async function work(log: ChannelLog, worker: number): Promise<void> {
  const readerId = `worker-${host}-${worker}`;
  await persist(async () => {
    const leaseMs = Math.random() < 0.2 ? SHORT_LEASE_MS : LONG_LEASE_MS;
    const asked = monotonicMs();
    const { claims } = await log.claim({ group: "default", readerId, limit: 1 + Math.floor(Math.random() * 5), leaseMs });
    for (const { message, receipt, expiresAt } of claims)
      say({ type: "claimed", sequence: message.sequence, receipt, asked, answered: monotonicMs(), leaseMs, expiresAt });
    if (claims.length === 0) return pause();
    const fate = Math.random();
    // Some claims are simply kept, as by a worker that hangs.
    if (fate < 0.02) return;
    if (fate < 0.2) return settle(log, readerId, "release", claims, leaseMs);
    if (fate < 0.3) await settle(log, readerId, "extend", claims, leaseMs);
    if (fate < 0.4 && leaseMs === SHORT_LEASE_MS) await pause(SHORT_LEASE_MS + 10);
    await settle(log, readerId, "acknowledge", claims, leaseMs);
  });
}

async function read(log: ChannelLog): Promise<void> {
  const key = { owner: `reader-${host}`, name: "reader" };
  await persist(async () => {
    const position = (await log.cursor(key)) ?? 0;
    const page = await log.read({ after: position, limit: 100 });
    if (page.messages.length === 0) return pause(50);
    say({ type: "read", sequences: page.messages.map(({ sequence }) => sequence) });
    say({ type: "committed", position: await log.moveCursor(key, page.position) });
  });
}

/** Follows the log from where an earlier life of this host was. */
async function follow(): Promise<void> {
  const channel = new PassthroughChannel({ id: "load", store, logger: silentLogger });
  await retry(() => channel.start());
  let unsaid: number[] = [];
  const subscription = await retry(() =>
    channel.subscribe(
      `follower-${host}`,
      ({ sequence }) => {
        if (unsaid.push(sequence) > 1) return;
        setImmediate(() => {
          say({ type: "followed", sequences: unsaid });
          unsaid = [];
        });
      },
      { from: { after: followed } },
    ),
  );
  subscription.closed.catch((error: unknown) => {
    if (!isStopping) say({ type: "broke-off", why: String(error) });
  });
}

async function stop(): Promise<never> {
  isStopping = true;
  await store.close();
  process.exit(0);
}

process.on("message", ({ type }: HostCommand) => {
  if (type === "drain") isDraining = true;
  if (type === "stop") void stop();
});

const log = await retry(() => store.open("load"));
say({ type: "opened" });
const tools: LoadTools = { store, run, say, pause: (ms = 20) => pause(Math.max(20, ms)), retry, persist, mayWrite: () => !isDraining };
try {
  await Promise.all([
    ...begun.map((id) => retry(() => append(log, id.slice(0, id.lastIndexOf("-")), [draftOf(id)]))),
    ...Array.from({ length: WRITERS }, (_, writer) => write(log, writer)),
    ...Array.from({ length: WORKERS }, (_, worker) => work(log, worker)),
    read(log),
    follow(),
    retry(() => orderedLoad(tools)),
    retry(() => boundedLoad(tools)),
  ]);
} catch (error) {
  // What is under way when it is told to stop is refused.
  if (!isSSSNError(error) || error.code !== "store_closed") throw error;
}
