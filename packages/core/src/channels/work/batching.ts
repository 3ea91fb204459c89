import type { Cancel, Clock } from "../../clock.js";
import type { ChannelMessage } from "../../message.js";
import type { JobContext, JobHandler } from "./job.js";

/** One message of a batch. What is neither done nor failed when the handler returns is done. */
export interface BatchedJob<Content> extends JobContext {
  readonly message: ChannelMessage<Content>;
  /** It is acknowledged, whatever becomes of the others. @param result what to give to the results, if the worker has a channel for them. */
  readonly done: (result?: unknown) => void;
  /** It is given back, whatever becomes of the others. */
  readonly fail: (error: Error) => void;
}

/** Does the work of many messages at once. Returning acknowledges those that were not settled by themselves, throwing gives them back. */
export type BatchHandler<Content> = (jobs: readonly BatchedJob<Content>[]) => unknown;

interface Pending<Content> {
  readonly job: BatchedJob<Content>;
  /** Settles it, unless it is settled. */
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Makes a handler of single messages out of one of batches: each waits until a batch is full, or until the first of it has waited long enough.
 *
 * @param size most messages of a batch.
 * @param waitMs how long the first one waits for others.
 */
export function inBatches<Content>(handler: BatchHandler<Content>, size: number, waitMs: number, clock: Clock): JobHandler<Content> {
  let pending: Pending<Content>[] = [];
  let cancel: Cancel = () => {};
  const flush = (): void => {
    cancel();
    const batch = pending;
    pending = [];
    // Whose job has ended while it waited is somebody else's.
    void handle(
      handler,
      batch.filter(({ job }) => !job.signal.aborted),
    );
  };
  return (message, context) =>
    new Promise((resolve, reject) => {
      const { signal, deliveries, receipt, deadLetter, progress } = context;
      const job = { message, signal, deliveries, receipt, deadLetter, progress, done: resolve, fail: reject };
      pending.push({ job, resolve, reject });
      if (pending.length >= size) return flush();
      if (pending.length === 1) cancel = clock.schedule(flush, waitMs);
    });
}

async function handle<Content>(handler: BatchHandler<Content>, batch: readonly Pending<Content>[]): Promise<void> {
  if (batch.length === 0) return;
  try {
    await handler(batch.map(({ job }) => job));
    for (const { resolve } of batch) resolve(undefined);
  } catch (thrown) {
    for (const { reject } of batch) reject(thrown);
  }
}
