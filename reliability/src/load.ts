// A mixed load on one store, for ever: writers, workers of every kind, a reader with a cursor, retention. Says what it does on standard
// output, one event a line, written before anything else happens: whoever kills it knows what it knew.
import { closeSync, openSync, writeSync } from "node:fs";
import { isSSSNError, silentLogger, type ChannelLog, type ClaimedMessage, type MessageDraft } from "@sssn/core";
import { LevelMessageStore } from "@sssn/store-level";
import { boundedLoad, orderedLoad, type LoadTools } from "./ordered-load.js";
import { monotonicMs, type Action, type HistoryEvent } from "./history.js";

const WRITERS = 6;
const WORKERS = 8;
/** Most leases outlast the run; some end while the worker still holds on to its job. */
const LONG_LEASE_MS = 20_000;
const SHORT_LEASE_MS = 40;
/** A store whose disk fails refuses; whoever is refused tries again. */
const RETRY_MS = 20;

const [, , folder = "", run = "", durability = "flushed", begun = ""] = process.argv;
const store = new LevelMessageStore({ folder, durability: durability === "process" ? "process" : "flushed", logger: silentLogger });
const log = await store.open("load");

function say(event: HistoryEvent): void {
  writeSync(1, `${JSON.stringify(event)}\n`);
}

const pause = (ms = 5): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Goes on over every refusal that may pass, until it is done. */
async function retry(task: () => Promise<void>): Promise<void> {
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

/** Does it again and again. */
async function persist(task: () => Promise<void>): Promise<never> {
  for (;;) await retry(task);
}

async function append(draft: MessageDraft): Promise<void> {
  const [receipt] = await log.append([draft]);
  if (receipt) say({ type: "written", sequence: receipt.sequence, id: receipt.id });
}

async function write(writer: number): Promise<void> {
  let count = 0;
  await persist(async () => {
    const draft: MessageDraft = {
      timestamp: 1,
      senderId: `writer-${writer}`,
      content: { writer, count, filling: "x".repeat(count % 97) },
      metadata: {},
    };
    // Half of the writers give their own ids, and repeat what they were not told of; the others leave ids to the log.
    await append(writer % 2 === 0 ? draft : { ...draft, id: `${run}-${writer}-${count}` });
    count++;
  });
}

/** What the run before had begun and was not told of may be there already: the same id must not make it twice. */
async function repeat(): Promise<void> {
  for (const id of begun.split(",").filter((text) => text !== "")) {
    const [, writer, count] = id.split("-").map(Number) as [number, number, number];
    await append({
      timestamp: 1,
      senderId: `writer-${writer}`,
      content: { writer, count, filling: "x".repeat(count % 97) },
      metadata: {},
      id,
    });
  }
}

async function settle(readerId: string, action: Action, claims: readonly ClaimedMessage[], leaseMs: number): Promise<void> {
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
  say({
    type: "settled",
    action,
    asked,
    answered: monotonicMs(),
    leaseMs,
    done,
    refused: references.filter((reference) => !done.includes(reference)),
  });
}

async function work(worker: number): Promise<void> {
  const readerId = `worker-${worker}`;
  await persist(async () => {
    const leaseMs = Math.random() < 0.2 ? SHORT_LEASE_MS : LONG_LEASE_MS;
    const asked = monotonicMs();
    const { claims } = await log.claim({ group: "default", readerId, limit: 1 + Math.floor(Math.random() * 5), leaseMs });
    for (const { message, receipt } of claims)
      say({ type: "claimed", sequence: message.sequence, receipt, asked, answered: monotonicMs(), leaseMs });
    if (claims.length === 0) return pause();
    const fate = Math.random();
    // Some claims are simply kept, as by a worker that hangs.
    if (fate < 0.02) return;
    if (fate < 0.2) return settle(readerId, "release", claims, leaseMs);
    if (fate < 0.3) await settle(readerId, "extend", claims, leaseMs);
    if (fate < 0.4 && leaseMs === SHORT_LEASE_MS) await pause(SHORT_LEASE_MS + 10);
    await settle(readerId, "acknowledge", claims, leaseMs);
  });
}

async function follow(from: ChannelLog): Promise<void> {
  const key = { owner: "reader", name: "reader" };
  await persist(async () => {
    const position = (await from.cursor(key)) ?? 0;
    const page = await from.read({ after: position, limit: 100 });
    say({ type: "read", sequences: page.messages.length > 0 ? page.messages.map(({ sequence }) => sequence) : [page.position] });
    if (page.messages.length === 0) await pause();
    say({ type: "committed", position: await from.moveCursor(key, page.position) });
  });
}

async function retain(): Promise<void> {
  await persist(async () => {
    await log.evict({ maxCount: 2_000, keepUnsettled: true });
    await pause();
  });
}

/** Keeps the event loop busy for longer than the short leases, again and again. */
async function block(ms: number): Promise<void> {
  for (; ms > 0; await pause(100)) for (const until = monotonicMs() + ms; monotonicMs() < until;);
}

/** Takes all file descriptors there are, and gives them back a while later. */
async function exhaustFiles(): Promise<void> {
  await pause(300);
  const files: number[] = [];
  try {
    for (;;) files.push(openSync("/dev/null", "r"));
  } catch {
    // That was the last one.
  }
  await pause(300);
  for (const file of files) closeSync(file);
}

const tools: LoadTools = { store, run, say, pause, retry, persist };
await repeat();
if (process.env["LOAD_EXHAUSTS_FILES"] === "1") void exhaustFiles();
await Promise.all([
  block(Number(process.env["LOAD_BLOCKS_MS"] ?? 0)),
  ...Array.from({ length: WRITERS }, (_, writer) => write(writer)),
  ...Array.from({ length: WORKERS }, (_, worker) => work(worker)),
  follow(log),
  retain(),
  orderedLoad(tools),
  boundedLoad(tools),
]);
