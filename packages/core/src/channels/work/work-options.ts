import type { Clock } from "../../clock.js";
import type { Logger } from "../../logger.js";
import type { BackoffOptions, ChannelPort } from "../../ports/channel-port.js";

/** How a `Worker` works. */
export interface WorkOptions {
  /** How many messages at once, from 1 to 1 000. Default 1. */
  readonly concurrency?: number;
  /**
   * How many messages may be claimed ahead of the handlers, from 0 to 1 000. Only as many are as the handlers
   * work off in 25 ms, by what they took so far: slow handlers hold nothing back from other workers. What was only claimed ahead when the
   * worker is closed, or crashes, does not count as a delivery. Default 100.
   */
  readonly prefetch?: number;
  /** Each group works every message off once. Default `default`. */
  readonly group?: string;
  /** How long a crash stays unnoticed, in ms from 10 to a week: leases of this length are renewed while the handler runs. Default 15 000. */
  readonly leaseMs?: number;
  /** How long one job may take at the most; then its signal aborts and the message is given back. Default: no bound. */
  readonly maxMs?: number;
  /** How long a message rests after its handler threw, by its deliveries. Default: as the channel says, or else 1 s, doubling, up to 5 minutes. */
  readonly backoff?: BackoffOptions;
  /**
   * Where to store what the handler returns (`undefined` as `null`), before its message is acknowledged; `resultOf()` waits for it. A result that can't be stored is
   * a failed delivery. Default: nowhere.
   */
  readonly results?: ChannelPort<unknown, unknown>;
  /** Ends the worker: it claims no more and finishes what it has. */
  readonly signal?: AbortSignal;
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock?: Clock;
  /** A pino logger fits. Default: warnings and errors to the console. */
  readonly logger?: Logger;
}

/** The names of all options of a worker, but for those of batches. */
export const WORK_OPTIONS: ReadonlySet<string> = new Set<keyof WorkOptions>([
  "concurrency",
  "prefetch",
  "group",
  "leaseMs",
  "maxMs",
  "backoff",
  "results",
  "signal",
  "clock",
  "logger",
]);

/** How a worker fared. */
export interface WorkerReport {
  readonly acknowledged: number;
  readonly failed: number;
  /** Jobs whose lease ended under them. */
  readonly lost: number;
  /** Jobs whose handler said that trying again is useless. */
  readonly dead: number;
  /** Jobs whose message was cancelled under them. */
  readonly cancelled: number;
  /** Why the worker ended by itself: its channel is gone, or does not allow what it wants. Left out: it was told to. */
  readonly endedBy?: Error;
}

/** What happened to one job. */
export interface JobEvent {
  readonly outcome: "acknowledged" | "failed" | "lost" | "dead" | "cancelled";
  readonly id: string;
  readonly error?: Error;
}
