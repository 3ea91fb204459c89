import { sleep, systemClock } from "../../clock.js";
import { SSSNError, describe, isSSSNError, toError } from "../../errors.js";
import { validateInteger } from "../../identifiers.js";
import { InsideCall } from "../../inside-call.js";
import { refuseUnknownOptions } from "../../options.js";
import { randomToken } from "../../log-state/random.js";
import { consoleLogger, type Logger } from "../../logger.js";
import type { Cancellation, ChannelPort } from "../../ports/channel-port.js";
import type { SettleResult } from "../../ports/message-store.js";
import { EventSource } from "../../events.js";
import { Acknowledger } from "./acknowledger.js";
import { Job, type JobHandler, type JobHost } from "./job.js";
import { DEFAULT_GROUP, validateLease } from "./claim-bounds.js";
import { repeatUntil } from "./repeating.js";
import { WORK_OPTIONS, type JobEvent, type WorkOptions, type WorkerReport } from "./work-options.js";
import { storeResult } from "./results.js";
import { RestAfterFailure } from "./rest-after-failure.js";

const TOLD: Readonly<Record<JobEvent["outcome"], string>> = {
  acknowledged: "is done",
  failed: "failed and was given back",
  lost: "lost its lease",
  dead: "is a dead letter now",
  cancelled: "was cancelled",
};

const CLAIM_WAIT_MS = 20_000;
const RETRY_MS = 1_000;
/** How long after the end of its wait a claim may go without an answer. */
const DEAF_AFTER_MS = 10_000;
/** So much work is claimed ahead. */
const AHEAD_MS = 25;
/** A handler that takes longer than this lets go of what was claimed ahead. */
const SLOW_MS = 250;
/** So many acknowledgements may be under way before no more is claimed. */
const MOST_UNCONFIRMED = 1_000;
/** How much the newest job weighs in the mean. */
const WEIGHT = 0.1;

/**
 * Works a channel off: claims, keeps each lease alive while its handler runs, acknowledges on success, gives back with back-off on
 * an error. The handler's signal aborts when a lease is lost, because then somebody else may be at the same job. The next handler
 * need not wait until the acknowledgement of the one before is stored; a job counts as done when it is.
 */
export class Worker<Content = unknown> implements AsyncDisposable {
  /** One event a job, and every error of claiming itself. */
  readonly events = new EventSource<{ job: JobEvent; error: Error }>();
  /** Settles when the worker has ended and nothing of it is under way. */
  readonly closed: Promise<WorkerReport>;
  readonly #channel: ChannelPort<Content, never>;
  readonly #readerId: string;
  readonly #handler: JobHandler<Content>;
  readonly #group: { group?: string };
  readonly #results: ChannelPort<unknown, unknown> | undefined;
  readonly #concurrency: number;
  readonly #prefetch: number;
  readonly #rest: RestAfterFailure;
  readonly #logger: Logger;
  readonly #host: JobHost;
  readonly #acknowledger: Acknowledger;
  readonly #stopping = new AbortController();
  /** Ends the claim that waits for messages. */
  #stopWaiting = new AbortController();
  readonly #running = new Set<Job<Content>>();
  readonly #settling = new Set<Promise<void>>();
  readonly #ahead: Job<Content>[] = [];
  readonly #report: { -readonly [Count in keyof WorkerReport]: WorkerReport[Count] } = {
    acknowledged: 0,
    failed: 0,
    lost: 0,
    dead: 0,
    cancelled: 0,
  };
  /** Tells this worker from others of the same reader. */
  readonly #workerId = randomToken();
  readonly #inside = new InsideCall();
  #claiming: Promise<void> | undefined;
  /** When the claim under way was asked for; `undefined` when none is. */
  #askedAt: number | undefined;
  /** Then the next one does not wait, so that it is known at once when claiming works again. */
  #lastClaimFailed = false;
  /** How long a handler takes, in ms; `undefined` before the first has ended. */
  #meanMs: number | undefined;
  #wake: () => void = () => {};

  constructor(channel: ChannelPort<Content, never>, readerId: string, handler: JobHandler<Content>, options: WorkOptions = {}) {
    refuseUnknownOptions("work()", options, WORK_OPTIONS);
    this.#channel = channel;
    this.#readerId = readerId;
    this.#handler = handler;
    this.#group = options.group === undefined ? {} : { group: options.group };
    this.#results = options.results;
    this.#concurrency = validateInteger("concurrency", options.concurrency ?? 1, 1, 1_000);
    this.#prefetch = validateInteger("prefetch", options.prefetch ?? 100, 0, 1_000);
    this.#rest = new RestAfterFailure(channel, readerId, options.backoff);
    this.#logger = options.logger ?? consoleLogger;
    const leaseMs = validateLease(options.leaseMs ?? 15_000);
    this.#host = {
      clock: options.clock ?? systemClock,
      leaseMs,
      maxMs: options.maxMs === undefined ? undefined : validateInteger("maxMs", options.maxMs, 1, Number.MAX_SAFE_INTEGER),
      inside: this.#inside,
      extend: async (receipt, progress) => {
        const [result] = await channel.extend(readerId, [receipt], {
          ...this.#group,
          leaseMs,
          ...(progress === undefined ? {} : { progress }),
        });
        return result;
      },
      complain: (thrown, what) => this.#complain(thrown, what),
    };
    this.#acknowledger = new Acknowledger(channel, this.#host.clock, readerId, this.#group, (id, outcome) =>
      this.#acknowledged(id, outcome),
    );
    if (options.signal?.aborted) this.#stop();
    const stop = (): void => this.#stop();
    options.signal?.addEventListener("abort", stop, { once: true });
    const group = options.group ?? DEFAULT_GROUP;
    const forget = channel.cancellations?.on("cancelled", (cancelled) => {
      if (cancelled.group === group) this.#cancelled(cancelled);
    });
    this.closed = this.#run().finally(() => {
      options.signal?.removeEventListener("abort", stop);
      forget?.();
    });
  }

  /** Told in this process, at once: elsewhere a job hears of it when its lease is renewed. */
  #cancelled({ id, reason }: Cancellation): void {
    for (const job of [...this.#running, ...this.#ahead]) if (job.message.id === id) job.cancel(reason);
  }

  /**
   * Claims no more, and waits for the jobs under way. Called by a handler itself it does not wait, because the handler would wait for its
   * own end.
   *
   * @param options `timeoutMs`: after it, from 0, the handlers' signals abort and their messages are given back, which does not count as a
   * delivery. Default 30 000.
   */
  async close(options: { timeoutMs?: number } = {}): Promise<WorkerReport> {
    const { timeoutMs = 30_000 } = options;
    if (!(timeoutMs >= 0))
      throw new SSSNError("invalid_argument", `timeoutMs must be a number of ms from 0 on, but is ${describe(timeoutMs)}.`);
    this.#stop();
    if (this.#inside.isActive) return { ...this.#report };
    const abandon = (): void => {
      for (const job of this.#running)
        job.abort("stopped", new SSSNError("timeout", "The worker was told to stop before this job was done."));
    };
    const cancel = this.#host.clock.schedule(abandon, timeoutMs);
    const report = await this.closed;
    cancel();
    return report;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close().then(() => undefined);
  }

  /**
   * Whether messages can reach this worker, judged by its claims and not by its being alive: false while claiming fails, when a claim goes
   * without an answer for longer than it may wait, and after the end. Made for readiness checks.
   */
  get isListening(): boolean {
    const silentMs = this.#askedAt === undefined ? 0 : this.#host.clock.monotonic() - this.#askedAt;
    const isReached = this.#channel.isReachable ?? true;
    return isReached && !this.#stopping.signal.aborted && !this.#lastClaimFailed && silentMs < CLAIM_WAIT_MS + DEAF_AFTER_MS;
  }

  #stop(): void {
    this.#stopping.abort();
    this.#stopWaiting.abort();
    this.#wake();
  }

  async #run(): Promise<WorkerReport> {
    while (!this.#stopping.signal.aborted) {
      const changed = new Promise<void>((resolve) => (this.#wake = resolve));
      while (this.#running.size < this.#concurrency && this.#ahead.length > 0) this.#start();
      if (!this.#claiming && this.#room() > 0) this.#claim(this.#room());
      await changed;
    }
    await this.#claiming;
    await this.#letGo();
    while (this.#settling.size > 0) await Promise.all(this.#settling);
    await this.#acknowledger.idle();
    return this.#report;
  }

  /** How many more to claim: what the handlers can take at once, and what they work off in a moment. */
  #room(): number {
    if (this.#acknowledger.size >= MOST_UNCONFIRMED) return 0;
    const soon = this.#meanMs === undefined ? 0 : Math.floor((AHEAD_MS * this.#concurrency) / Math.max(this.#meanMs, 0.01));
    return Math.min(1_000, this.#concurrency + Math.min(this.#prefetch, soon)) - this.#running.size - this.#ahead.length;
  }

  #claim(limit: number): void {
    const { clock, leaseMs } = this.#host;
    this.#askedAt = clock.monotonic();
    this.#stopWaiting = new AbortController();
    const waitMs = this.#lastClaimFailed ? 0 : CLAIM_WAIT_MS;
    const [working, workerId] = [this.#concurrency, this.#workerId];
    this.#claiming = this.#channel
      .claim(this.#readerId, { ...this.#group, limit, leaseMs, waitMs, working, workerId, signal: this.#stopWaiting.signal })
      .then(
        (claims) => {
          this.#lastClaimFailed = false;
          for (const claim of claims) this.#ahead.push(new Job(claim, clock.monotonic(), this.#host));
        },
        (thrown: unknown) => this.#recover(thrown),
      )
      .finally(() => {
        this.#claiming = undefined;
        this.#askedAt = undefined;
        this.#wake();
      });
  }

  /** Waits before the next claim, unless no claim will ever work. */
  async #recover(thrown: unknown): Promise<void> {
    if (this.#channel.ended?.aborted || (isSSSNError(thrown) && !thrown.retryable)) return this.#endBy(thrown);
    if (this.#stopWaiting.signal.aborted) return;
    this.#lastClaimFailed = true;
    this.#complain(thrown, "claiming failed");
    await sleep(this.#host.clock, RETRY_MS, this.#stopping.signal).catch(() => {});
  }

  #endBy(thrown: unknown): void {
    if (this.#stopping.signal.aborted) return;
    const error = toError(thrown);
    this.#report.endedBy = error;
    this.#complain(error, "it ends, because claiming will not work any more");
    this.#stop();
  }

  #start(): void {
    const job = this.#ahead.shift() as Job<Content>;
    this.#running.add(job);
    const settling = this.#work(job)
      .catch((thrown: unknown) => this.#complain(thrown, "settling a job failed"))
      .finally(() => {
        this.#settling.delete(settling);
        this.#wake();
      });
    this.#settling.add(settling);
  }

  async #work(job: Job<Content>): Promise<void> {
    const { clock } = this.#host;
    if (job.isCancelled) return this.#lostToCancel(job);
    if (!job.isHeld) return this.#missed(job);
    const begun = clock.monotonic();
    const cancelSlow = clock.schedule(() => {
      this.#meanMs = SLOW_MS;
      this.#stopWaiting.abort();
      void this.#letGo();
    }, SLOW_MS);
    let failure: { readonly error: Error } | undefined;
    try {
      await job.run(this.#results ? this.#withResult(job, this.#results) : this.#handler);
    } catch (thrown) {
      failure = { error: toError(thrown) };
    }
    cancelSlow();
    const tookMs = clock.monotonic() - begun;
    this.#meanMs = this.#meanMs === undefined ? tookMs : this.#meanMs * (1 - WEIGHT) + tookMs * WEIGHT;
    this.#running.delete(job);
    this.#wake();
    if (job.isCancelled) return this.#lostToCancel(job);
    const useless = job.verdict ?? (failure && !job.end && isUseless(failure.error) ? failure.error.message : undefined);
    if (useless !== undefined) await this.#bury(job, useless, failure?.error);
    else if (failure) await this.#giveBack(job, failure.error);
    else this.#acknowledger.add({ receipt: job.receipt, messageId: job.message.id, heldUntil: job.heldUntil });
  }

  /** Nobody asks for what became of it. */
  #lostToCancel(job: Job<Content>): void {
    this.#running.delete(job);
    this.#count("cancelled", job.message.id);
  }

  /** While its result is being stored, its lease is kept alive. */
  #withResult(job: Job<Content>, results: ChannelPort<unknown, unknown>): JobHandler<Content> {
    const of = { channel: this.#channel.id, id: job.message.id, ...this.#group };
    return async (message, context) => {
      const returned = await this.#handler(message, context);
      if (job.verdict === undefined) await storeResult(results, this.#readerId, of, returned);
    };
  }

  /** Its lease ended before its turn came. If the host sees it otherwise, it is given back. */
  async #missed(job: Job<Content>): Promise<void> {
    this.#running.delete(job);
    this.#count(
      "lost",
      job.message.id,
      new SSSNError("lease_lost", "The lease ended before a handler was free. Claim less ahead (prefetch), or lease longer (leaseMs)."),
    );
    await this.#giveBackUncounted([job.receipt]);
  }

  /** Gives back what was claimed ahead: it was not worked on, so it does not count as a delivery. */
  async #letGo(): Promise<void> {
    const jobs = this.#ahead.splice(0);
    if (jobs.length > 0) await this.#giveBackUncounted(jobs.map(({ receipt }) => receipt));
  }

  async #giveBackUncounted(receipts: readonly string[]): Promise<void> {
    try {
      await this.#channel.nack(this.#readerId, receipts, { ...this.#group, delayMs: 0, uncounted: true });
    } catch (thrown) {
      this.#complain(thrown, "giving back what was claimed ahead failed");
    }
  }

  #acknowledged(id: string, outcome: SettleResult["status"] | Error): void {
    if (outcome === "acknowledged" || outcome === "already_acknowledged") this.#count("acknowledged", id);
    else if (outcome === "cancelled") this.#count("cancelled", id);
    else this.#count("lost", id, outcome instanceof Error ? outcome : lostBefore(outcome));
    this.#wake();
  }

  async #giveBack(job: Job<Content>, error: Error): Promise<void> {
    const { receipt, deliveries, message, end, heldUntil } = job;
    const how =
      end === "stopped" ? { delayMs: 0, uncounted: true } : { delayMs: await this.#rest.after(deliveries), reason: error.message };
    const nack = (): Promise<readonly SettleResult[]> => this.#channel.nack(this.#readerId, [receipt], { ...this.#group, ...how });
    const [result] = await repeatUntil(this.#host.clock, heldUntil, nack);
    this.#count(outcomeOf(result, "released", "failed"), message.id, error);
  }

  async #bury({ receipt, message, heldUntil }: Job<Content>, reason: string, error?: Error): Promise<void> {
    const bury = (): Promise<readonly SettleResult[]> => this.#channel.deadLetter(this.#readerId, [receipt], { ...this.#group, reason });
    const [result] = await repeatUntil(this.#host.clock, heldUntil, bury);
    this.#count(outcomeOf(result, "dead_lettered", "dead"), message.id, error ?? new Error(reason));
  }

  #count(outcome: JobEvent["outcome"], id: string, error?: Error): void {
    this.#report[outcome]++;
    if (error)
      this.#logger.warn({ channel: this.#channel.id, message: id, err: error }, `a job on channel ${this.#channel.id} ${TOLD[outcome]}`);
    this.events.emit("job", { outcome, id, ...(error ? { error } : {}) });
  }

  #complain(thrown: unknown, what: string): void {
    const error = toError(thrown);
    this.#logger.error({ channel: this.#channel.id, err: error }, `worker on channel ${this.#channel.id}: ${what}`);
    this.events.emit("error", error);
  }
}

/** What became of a job that was to be settled in a way. */
function outcomeOf(result: SettleResult | undefined, wanted: SettleResult["status"], then: JobEvent["outcome"]): JobEvent["outcome"] {
  if (result?.status === wanted) return then;
  return result?.status === "cancelled" ? "cancelled" : "lost";
}

function lostBefore(outcome: SettleResult["status"]): SSSNError {
  return new SSSNError(
    "lease_lost",
    `The job was done, but its lease had ended before it was acknowledged (${outcome}): somebody else may do it again.`,
  );
}

/** Whether the handler says that trying again is useless. A lease that ended under a transaction of its says nothing of the message. */
function isUseless(error: Error): boolean {
  return isSSSNError(error) && !error.retryable && error.code !== "lease_lost";
}
