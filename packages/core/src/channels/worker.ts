import { sleep, systemClock, type Cancel, type Clock } from "../clock.js";
import { SSSNError, toError } from "../errors.js";
import { validateInteger } from "../identifiers.js";
import { consoleLogger, type Logger } from "../logger.js";
import type { ChannelMessage } from "../message.js";
import type { ChannelPort, Claim } from "../ports/channel-port.js";
import { EventSource } from "../events.js";
import { validateLease } from "./claiming.js";
import { resolveBackoff, type BackoffOptions } from "./backoff.js";

/** What a handler is given besides the message. */
export interface JobContext {
  /** Aborts when the lease is lost, when `maxMs` is over, or when the worker is told to stop at once. */
  readonly signal: AbortSignal;
  /** 1 on the first delivery. */
  readonly deliveries: number;
  readonly receipt: string;
}

/** Does the work. Returning acknowledges the message, throwing gives it back. */
export type JobHandler<Content> = (message: ChannelMessage<Content>, context: JobContext) => unknown;

export interface WorkOptions {
  /** How many messages at once, from 1 to 1 000. Default 1. */
  readonly concurrency?: number;
  readonly group?: string;
  /** How long a crash stays unnoticed: leases of this length are renewed while the handler runs. Default 15 000 ms. */
  readonly leaseMs?: number;
  /** How long one job may take at the most; then its signal aborts and the message is given back. Default: no bound. */
  readonly maxMs?: number;
  /** How long a message rests after its handler threw, by its deliveries. Default: 1 s, doubling, up to 5 minutes. */
  readonly backoff?: BackoffOptions;
  /** Ends the worker: it claims no more and finishes what it has. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** How a worker fared. */
export interface WorkerReport {
  readonly acknowledged: number;
  readonly failed: number;
  /** Jobs whose lease ended under them. */
  readonly lost: number;
}

/** What happened to one job. */
export interface JobEvent {
  readonly outcome: "acknowledged" | "failed" | "lost";
  readonly id: string;
  readonly error?: Error;
}

const CLAIM_WAIT_MS = 20_000;
const RETRY_MS = 1_000;

/**
 * Works a channel off: claims, keeps each lease alive while its handler runs, acknowledges on success, gives back with back-off on
 * an error. The handler's signal aborts when a lease is lost, because then somebody else may be at the same job.
 */
export class Worker<Content = unknown> implements AsyncDisposable {
  /** One event a job, and every error of claiming itself. */
  readonly events = new EventSource<{ job: JobEvent; error: Error }>();
  /** Settles when the worker has ended and nothing of it is under way. */
  readonly closed: Promise<WorkerReport>;
  readonly #channel: ChannelPort<Content>;
  readonly #readerId: string;
  readonly #handler: JobHandler<Content>;
  readonly #group: { group?: string };
  readonly #concurrency: number;
  readonly #leaseMs: number;
  readonly #maxMs: number | undefined;
  readonly #backoff: ReturnType<typeof resolveBackoff>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stopping = new AbortController();
  readonly #abandoning = new AbortController();
  readonly #jobs = new Set<Promise<void>>();
  #report = { acknowledged: 0, failed: 0, lost: 0 };

  constructor(channel: ChannelPort<Content>, readerId: string, handler: JobHandler<Content>, options: WorkOptions = {}) {
    this.#channel = channel;
    this.#readerId = readerId;
    this.#handler = handler;
    this.#group = options.group === undefined ? {} : { group: options.group };
    this.#concurrency = validateInteger("concurrency", options.concurrency ?? 1, 1, 1_000);
    this.#leaseMs = validateLease(options.leaseMs ?? 15_000);
    this.#maxMs = options.maxMs === undefined ? undefined : validateInteger("maxMs", options.maxMs, 1, Number.MAX_SAFE_INTEGER);
    this.#backoff = resolveBackoff(options.backoff);
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? consoleLogger;
    if (options.signal?.aborted) this.#stopping.abort();
    const stop = (): void => this.#stopping.abort();
    options.signal?.addEventListener("abort", stop, { once: true });
    this.closed = this.#run().finally(() => options.signal?.removeEventListener("abort", stop));
  }

  /**
   * Claims no more, and waits for the jobs under way.
   *
   * @param options `timeoutMs`: after it the handlers' signals abort and their messages are given back. Default: no deadline.
   */
  async close(options: { timeoutMs?: number } = {}): Promise<WorkerReport> {
    this.#stopping.abort();
    const cancel =
      options.timeoutMs === undefined
        ? undefined
        : this.#clock.schedule(() => this.#abandoning.abort(new SSSNError("timeout", "The worker was told to stop before this job was done.")), options.timeoutMs);
    const report = await this.closed;
    cancel?.();
    return report;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close().then(() => undefined);
  }

  async #run(): Promise<WorkerReport> {
    while (!this.#stopping.signal.aborted) {
      const free = this.#concurrency - this.#jobs.size;
      if (free > 0) await this.#claimSome(free);
      else await Promise.race(this.#jobs);
    }
    await Promise.all(this.#jobs);
    return this.#report;
  }

  async #claimSome(limit: number): Promise<void> {
    try {
      const claims = await this.#channel.claim(this.#readerId, { ...this.#group, limit, leaseMs: this.#leaseMs, waitMs: CLAIM_WAIT_MS, signal: this.#stopping.signal });
      for (const claim of claims) this.#start(claim);
    } catch (thrown) {
      if (this.#stopping.signal.aborted) return;
      this.#complain(thrown, "claiming failed");
      await sleep(this.#clock, RETRY_MS, this.#stopping.signal).catch(() => {});
    }
  }

  #start(claim: Claim<Content>): void {
    const job = this.#work(claim).catch((thrown: unknown) => this.#complain(thrown, "settling a job failed"));
    const tracked = job.finally(() => this.#jobs.delete(tracked));
    this.#jobs.add(tracked);
  }

  async #work(claim: Claim<Content>): Promise<void> {
    const lease = new AbortController();
    const stopRenewing = this.#keepAlive(claim, lease);
    const stopTimer = this.#maxMs === undefined ? undefined : this.#clock.schedule(() => lease.abort(new SSSNError("timeout", `The job took more than ${this.#maxMs} ms.`)), this.#maxMs);
    const signal = AbortSignal.any([lease.signal, this.#abandoning.signal]);
    let failure: { readonly error: Error } | undefined;
    try {
      await abortable(Promise.resolve(this.#handler(claim.message, { signal, deliveries: claim.deliveries, receipt: claim.receipt })), signal);
    } catch (thrown) {
      failure = { error: toError(thrown) };
    } finally {
      stopRenewing();
      stopTimer?.();
    }
    await (failure ? this.#giveBack(claim, failure.error) : this.#acknowledge(claim));
  }

  async #acknowledge({ receipt, message }: Claim<Content>): Promise<void> {
    const [result] = await this.#channel.acknowledge(this.#readerId, [receipt], this.#group);
    const done = result?.status === "acknowledged" || result?.status === "already_acknowledged";
    this.#count(done ? "acknowledged" : "lost", message.id);
  }

  async #giveBack({ receipt, deliveries, message }: Claim<Content>, error: Error): Promise<void> {
    const { initialMs, factor, maxMs } = this.#backoff;
    const delayMs = Math.round(Math.min(maxMs, initialMs * factor ** (deliveries - 1)));
    const [result] = await this.#channel.nack(this.#readerId, [receipt], { ...this.#group, delayMs, reason: error.message });
    this.#count(result?.status === "released" ? "failed" : "lost", message.id, error);
  }

  #count(outcome: JobEvent["outcome"], id: string, error?: Error): void {
    this.#report[outcome]++;
    if (error) this.#logger.warn({ channel: this.#channel.id, message: id, err: error }, `a job on channel ${this.#channel.id} ${outcome === "lost" ? "lost its lease" : "failed and was given back"}`);
    this.events.emit("job", { outcome, id, ...(error ? { error } : {}) });
  }

  /** Renews the lease three times in its length. Aborts the job when it is lost, or when nobody could be asked until its end. */
  #keepAlive({ receipt }: Claim<Content>, lease: AbortController): Cancel {
    let stopped = false;
    let cancel: Cancel = () => {};
    let heldUntil = this.#clock.monotonic() + this.#leaseMs;
    const lost = (why: string): void => {
      if (!stopped) lease.abort(new SSSNError("lease_lost", `The lease on this job ended: ${why}. Somebody else may be working on it now.`));
    };
    const renew = async (): Promise<void> => {
      const asked = this.#clock.monotonic();
      try {
        const [result] = await this.#channel.extend(this.#readerId, [receipt], { ...this.#group, leaseMs: this.#leaseMs });
        if (result?.status !== "extended") return lost("its claim has moved on");
        heldUntil = asked + this.#leaseMs;
      } catch (thrown) {
        if (this.#clock.monotonic() >= heldUntil) return lost("it could not be renewed in time");
        this.#complain(thrown, "renewing a lease failed");
      }
      if (!stopped) arm();
    };
    const arm = (): void => {
      cancel = this.#clock.schedule(() => void renew(), this.#leaseMs / 3);
    };
    arm();
    return () => {
      stopped = true;
      cancel();
    };
  }

  #complain(thrown: unknown, what: string): void {
    const error = toError(thrown);
    this.#logger.error({ channel: this.#channel.id, err: error }, `worker on channel ${this.#channel.id}: ${what}`);
    this.events.emit("error", error);
  }
}

/** Waits for a job, but no longer than its signal: a handler that ignores the signal does not hold the worker. */
function abortable(job: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(toError(signal.reason));
    signal.addEventListener("abort", abort, { once: true });
    job.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    if (signal.aborted) abort();
  });
}
