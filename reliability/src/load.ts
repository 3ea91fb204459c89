// A mixed load on one store, for ever: writers, workers that acknowledge and give back, a reader with a cursor, retention. Says what it
// does on standard output, one event a line, written before anything else happens: whoever kills it knows what it knew.
import { writeSync } from "node:fs";
import { LevelMessageStore } from "@sssn/store-level";
import type { ChannelLog, MessageDraft } from "@sssn/core";
import type { HistoryEvent } from "./history.js";

const WRITERS = 6;
const WORKERS = 8;
/** Longer than any run of the program: a lease never ends by itself. */
const LEASE_MS = 24 * 3_600_000;

const [, , folder = "", run = ""] = process.argv;
const log = await new LevelMessageStore({ folder }).open("load");

function say(event: HistoryEvent): void {
  writeSync(1, `${JSON.stringify(event)}\n`);
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

async function write(writer: number): Promise<void> {
  for (let count = 0; ; count++) {
    const draft: MessageDraft = { timestamp: Date.now(), senderId: `writer-${writer}`, content: { writer, count }, metadata: {} };
    // Half of the writers give their own ids, the others leave that to the log.
    const [receipt] = await log.append([writer % 2 === 0 ? draft : { ...draft, id: `${run}-${writer}-${count}` }]);
    if (receipt) say({ type: "written", sequence: receipt.sequence, id: receipt.id });
  }
}

async function work(worker: number): Promise<void> {
  const readerId = `worker-${worker}`;
  for (;;) {
    const { claims } = await log.claim({ group: "default", readerId, limit: 1 + Math.floor(Math.random() * 5), leaseMs: LEASE_MS });
    for (const { message } of claims) say({ type: "claimed", sequence: message.sequence });
    if (claims.length === 0) {
      await pause();
      continue;
    }
    // Some claims are simply kept, as by a worker that hangs.
    if (Math.random() < 0.02) continue;
    const action = Math.random() < 0.2 ? "release" : "acknowledge";
    const sequences = claims.map(({ message }) => message.sequence);
    say({ type: "settling", action, sequences });
    await log.settle("default", readerId, claims.map(({ receipt }) => (action === "release" ? { receipt, action, delayMs: 0 } : { receipt, action })));
    say({ type: "settled", action, sequences });
  }
}

async function follow(from: ChannelLog): Promise<void> {
  const key = { owner: "reader", name: "reader" };
  let position = (await from.cursor(key)) ?? 0;
  for (;;) {
    const page = await from.read({ after: position, limit: 100 });
    say({ type: "read", sequences: page.messages.length > 0 ? page.messages.map(({ sequence }) => sequence) : [page.position] });
    if (page.messages.length === 0) await pause();
    position = await from.moveCursor(key, page.position);
    say({ type: "committed", position });
  }
}

async function retain(): Promise<void> {
  for (;;) {
    await log.evict({ maxCount: 2_000, keepUnsettled: true });
    await pause();
  }
}

await Promise.all([
  ...Array.from({ length: WRITERS }, (_, writer) => write(writer)),
  ...Array.from({ length: WORKERS }, (_, worker) => work(worker)),
  follow(log),
  retain(),
]);
