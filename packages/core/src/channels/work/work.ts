import { systemClock } from "../../clock.js";
import { SSSNError, describe } from "../../errors.js";
import { validateInteger } from "../../identifiers.js";
import type { ChannelPort } from "../../ports/channel-port.js";
import { inBatches, type BatchHandler } from "./batching.js";
import type { JobHandler } from "./job.js";
import type { WorkOptions } from "./work-options.js";
import { Worker } from "./worker.js";

const MAX_BATCH_WAIT_MS = 60_000;

/** How a worker works off many messages at a time. */
export interface BatchWorkOptions extends Omit<WorkOptions, "concurrency"> {
  /** Most messages of one call of the handler, from 1 to 1 000. */
  readonly batch: number;
  /** How long the first message of a batch waits for others, in ms from 0 to 60 000. Default 100. */
  readonly batchWaitMs?: number;
  /** How many batches at once, from 1; no more than 1 000 messages together. Default 1. */
  readonly concurrency?: number;
}

/**
 * Works a channel off many messages at a time: for databases and services that take a hundred as easily as one. Each message keeps its own lease, and may be settled by itself.
 *
 * @throws SSSNError `invalid_argument`.
 *
 * @example
 * ```ts
 * import { MemoryMessageStore, WorkQueueChannel, work } from "@sssn/core";
 * const rows = new WorkQueueChannel<string>({ id: "rows", store: new MemoryMessageStore() });
 * await rows.start();
 * await rows.writeBatch("shop", ["a", "b", "bad", "c"].map((content) => ({ content })));
 * const stored: string[] = [];
 * const worker = work(rows, "importer", (jobs) => {
 *   for (const job of jobs) if (job.message.content === "bad") job.deadLetter("no such row"); else stored.push(job.message.content);
 * }, { batch: 100 });
 * while ((await rows.stats("admin")).groups[0]?.oldestUnfinishedMs !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
 * await worker.close();
 * if (stored.join() !== "a,b,c") throw new Error("all but the bad one");
 * await rows.drain();
 * ```
 */
export function work<Content>(
  channel: ChannelPort<Content, never>,
  readerId: string,
  handler: BatchHandler<Content>,
  options: BatchWorkOptions,
): Worker<Content>;
/** Works a channel off: see {@link Worker}. */
export function work<Content>(
  channel: ChannelPort<Content, never>,
  readerId: string,
  handler: JobHandler<Content>,
  options?: WorkOptions,
): Worker<Content>;
export function work<Content>(
  channel: ChannelPort<Content, never>,
  readerId: string,
  handler: JobHandler<Content> | BatchHandler<Content>,
  options?: WorkOptions | BatchWorkOptions,
): Worker<Content> {
  return startWorker(channel, readerId, handler, options);
}

/** The same, where it is not known yet which of both it is. */
export function startWorker<Content>(
  channel: ChannelPort<Content, never>,
  readerId: string,
  handler: JobHandler<Content> | BatchHandler<Content>,
  options: WorkOptions | BatchWorkOptions = {},
): Worker<Content> {
  checkWork(channel, readerId, handler);
  // The overloads have seen to it that the handler fits the options.
  if (!("batch" in options)) return new Worker(channel, readerId, handler as JobHandler<Content>, options);
  const { batch, batchWaitMs = 100, concurrency = 1, ...rest } = options;
  const size = validateInteger("batch", batch, 1, 1_000);
  const waitMs = validateInteger("batchWaitMs", batchWaitMs, 0, MAX_BATCH_WAIT_MS);
  const messages = size * validateInteger("concurrency", concurrency, 1, 1_000);
  if (messages > 1_000)
    throw new SSSNError(
      "invalid_argument",
      `${concurrency} batches of ${size} are ${messages} messages at once, but a worker takes 1000 at the most.`,
    );
  const single = inBatches(handler as BatchHandler<Content>, size, waitMs, options.clock ?? systemClock);
  return new Worker(channel, readerId, single, { ...rest, concurrency: messages });
}

/** In JavaScript they may be anything: told at once, and not by a worker that ends, or by each job that fails. @throws SSSNError `invalid_argument`. */
function checkWork(channel: unknown, readerId: unknown, handler: unknown): void {
  if (typeof channel !== "object" || channel === null || !("claim" in channel))
    throw new SSSNError("invalid_argument", `work() takes a channel to work off, but got ${describe(channel)}.`);
  // An empty one is fine for a channel of another process, where the token says who it is.
  if (typeof readerId !== "string")
    throw new SSSNError("invalid_argument", `work() takes the name of who works, but got ${describe(readerId)}.`);
  if (typeof handler !== "function")
    throw new SSSNError("invalid_argument", `work() takes a function to call with each message, but got ${describe(handler)}.`);
}
