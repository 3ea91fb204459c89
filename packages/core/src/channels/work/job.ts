import type { Cancel, Clock } from "../../clock.js";
import { SSSNError, toError } from "../../errors.js";
import type { InsideCall } from "../../inside-call.js";
import { TOO_LATE, within } from "../../within.js";
import { freezeJsonWithin } from "../../json.js";
import type { JsonValue } from "../../json-value.js";
import type { ChannelMessage } from "../../message.js";
import type { Claim } from "../../ports/channel-port.js";
import type { SettleResult } from "../../ports/message-store.js";
import { MAX_PROGRESS_BYTES } from "./claim-bounds.js";

/** What a handler is given besides the message. */
export interface JobContext {
  /** Aborts when the lease is lost, when the message is cancelled, when `maxMs` is over, or when the worker is told to stop at once. */
  readonly signal: AbortSignal;
  /** 1 on the first delivery. */
  readonly deliveries: number;
  readonly receipt: string;
  /**
   * Trying again is useless: when the handler has ended, however, the message goes to the dead letters with this reason, of which 1 000
   * characters are kept. Throwing an `SSSNError` that is not retryable does the same, but for `lease_lost`.
   */
  readonly deadLetter: (reason: string) => void;
  /** How far the work is: any JSON, of 16 KiB at the most. It is kept with the next renewal of the lease, which comes within a second, and `job()` shows it. */
  readonly progress: (value: JsonValue) => void;
}

/** Does the work. Returning acknowledges the message, throwing gives it back. */
export type JobHandler<Content> = (message: ChannelMessage<Content>, context: JobContext) => unknown;

/** Why a job was ended from outside. */
export type JobEnd = "lost" | "too long" | "stopped" | "cancelled";

/** What a job needs of its worker. */
export interface JobHost {
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly maxMs: number | undefined;
  /** Knows when a handler is being called. */
  readonly inside: InsideCall;
  extend(receipt: string, progress: JsonValue | undefined): Promise<SettleResult | undefined>;
  complain(thrown: unknown, what: string): void;
}

/** What a handler says of its progress is told within so long. */
const PROGRESS_WITHIN_MS = 1_000;

/** The renewal that failed is tried again so soon, as a part of the lease. */
const AGAIN_PART = 1 / 12;

/** One message being handled: keeps its lease alive, and ends when that is lost, whether or not the handler listens. */
export class Job<Content> implements JobContext {
  readonly message: ChannelMessage<Content>;
  readonly deliveries: number;
  readonly receipt: string;
  readonly #host: JobHost;
  #heldUntil: number;
  #controller: AbortController | undefined;
  #reason: Error | undefined;
  #end: JobEnd | undefined;
  #verdict: string | undefined;
  #reject: ((reason: Error) => void) | undefined;
  #ended = false;
  #progress: JsonValue | undefined;
  /** There while the lease is kept alive and no renewal is under way. */
  #cancelRenewal: Cancel | undefined;
  #renewAt = 0;

  /** @param answeredAt when the answer with the claim came, on the monotonic clock: from then on the rest of the lease that it tells is counted. */
  constructor(claim: Claim<Content>, answeredAt: number, host: JobHost) {
    this.message = claim.message;
    this.deliveries = claim.deliveries;
    this.receipt = claim.receipt;
    this.#host = host;
    this.#heldUntil = answeredAt + claim.leaseMs;
  }

  /** Until when the lease runs, on the monotonic clock. */
  get heldUntil(): number {
    return this.#heldUntil;
  }

  /** The lease can have ended while the claim waited for its turn. */
  get isHeld(): boolean {
    return this.#host.clock.monotonic() < this.#heldUntil;
  }

  /** Bound to its job, because a handler takes it out of its context; made when somebody does. */
  get deadLetter(): (reason: string) => void {
    return (reason) => {
      this.#verdict = reason;
    };
  }

  /** Bound like it. What can't be told is refused here, where the handler sees it. */
  get progress(): (value: JsonValue) => void {
    return (value) => {
      this.#progress = freezeJsonWithin(MAX_PROGRESS_BYTES, value, "progress");
      const now = this.#host.clock.monotonic();
      if (this.#cancelRenewal && this.#renewAt > now + PROGRESS_WITHIN_MS) this.#renewIn(PROGRESS_WITHIN_MS, now);
    };
  }

  /** Its message was cancelled. */
  cancel(reason: string | undefined): void {
    this.abort("cancelled", new SSSNError("cancelled", reason ?? "The message was cancelled."));
  }

  /** Made when somebody asks for it: most handlers are done before anything could abort. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  /** Why it was ended from outside, if it was. */
  get end(): JobEnd | undefined {
    return this.#end;
  }

  get isCancelled(): boolean {
    return this.#end === "cancelled";
  }

  /** Why it is not to be tried again, if the handler said so. */
  get verdict(): string | undefined {
    return this.#verdict;
  }

  abort(end: JobEnd, reason: Error): void {
    if (this.#ended || this.#reason) return;
    this.#end = end;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#reject?.(reason);
  }

  /** @returns what the handler returns. @throws what it throws, or why the job was aborted. */
  async run(handler: JobHandler<Content>): Promise<unknown> {
    const { clock, leaseMs, maxMs, inside } = this.#host;
    const now = clock.monotonic();
    this.#renewIn(Math.max(0, this.#heldUntil - (leaseMs * 2) / 3 - now), now);
    const cancelMax =
      maxMs === undefined
        ? undefined
        : clock.schedule(() => this.abort("too long", new SSSNError("timeout", `The job took more than ${maxMs} ms.`)), maxMs);
    try {
      const working = inside.run(() => handler(this.message, this));
      return working instanceof Promise || isThenable(working) ? await Promise.race([working, this.#aborted()]) : working;
    } finally {
      this.#ended = true;
      this.#cancelRenewal?.();
      this.#cancelRenewal = undefined;
      cancelMax?.();
    }
  }

  #aborted(): Promise<never> {
    return new Promise((_, reject) => {
      this.#reject = reject;
      if (this.#reason) reject(this.#reason);
    });
  }

  /** The lease is renewed three times in its length. The job aborts when it is lost, or when nobody could be asked until its end. */
  #renewIn(delayMs: number, now: number): void {
    this.#cancelRenewal?.();
    this.#renewAt = now + delayMs;
    this.#cancelRenewal = this.#host.clock.schedule(() => void this.#renewAndGoOn(), delayMs);
  }

  async #renewAndGoOn(): Promise<void> {
    this.#cancelRenewal = undefined;
    const nextMs = await this.#renew();
    if (this.#ended) return;
    // What was said meanwhile is told soon.
    this.#renewIn(this.#progress === undefined ? nextMs : Math.min(nextMs, PROGRESS_WITHIN_MS), this.#host.clock.monotonic());
  }

  /** Resolves with when to renew again, in ms. */
  async #renew(): Promise<number> {
    const { clock, leaseMs } = this.#host;
    const asked = clock.monotonic();
    const progress = this.#progress;
    try {
      const result = await within(clock, Math.max(1, this.#heldUntil - asked), this.#host.extend(this.receipt, progress));
      if (result === TOO_LATE) this.#lost("it could not be renewed in time");
      else if (result?.status === "cancelled") this.cancel(result.reason);
      else if (result?.status !== "extended") this.#lost("its claim has moved on");
      else {
        this.#heldUntil = asked + leaseMs;
        if (this.#progress === progress) this.#progress = undefined;
      }
      return leaseMs / 3;
    } catch (thrown) {
      if (clock.monotonic() >= this.#heldUntil) this.#lost("it could not be renewed in time");
      else this.#host.complain(toError(thrown), "renewing a lease failed");
      return leaseMs * AGAIN_PART;
    }
  }

  #lost(why: string): void {
    this.abort("lost", new SSSNError("lease_lost", `The lease on this job ended: ${why}. Somebody else may be working on it now.`));
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
