import { EventSource } from "../../events.js";
import { validateBoolean } from "../../identifiers.js";
import { linkSignals } from "../../link-signals.js";
import type {
  Cancellation,
  CancelOptions,
  Claim,
  ClaimOptions,
  DeadLetterOptions,
  ExtendOptions,
  JobSelection,
  JobsOptions,
  NackOptions,
  RegimeOptions,
  RequeueOptions,
  RescheduleOptions,
  SettleOptions,
} from "../../ports/channel-port.js";
import type { ChannelLog, GroupRegime, JobInfo, JobPage, OrderResult, SettleResult } from "../../ports/message-store.js";
import { checkCall } from "../call-options.js";
import { WritableChannel } from "../writable-channel.js";
import { claimFrom, groupName, knownGroup, progressOf, reasonOf, settleWith } from "./claiming.js";
import * as orders from "./work-orders.js";

/** What is done with the work of a channel: claims, settlements, and orders of whoever runs it. */
export abstract class ClaimableChannel<Content = unknown, Written = Content> extends WritableChannel<Content, Written> {
  readonly cancellations = new EventSource<{ cancelled: Cancellation }>();

  // ---------------------------------------------------------------- what a kind of channel may change

  /** What a reader may see: `undefined` is everything. */
  protected audienceOf(_readerId: string): string | undefined {
    return undefined;
  }

  // ---------------------------------------------------------------- claims

  async claim(readerId: string, options: ClaimOptions = {}): Promise<readonly Claim<Content>[]> {
    checkCall("claim", options);
    this.refuse("claim");
    this.assertAccepting();
    const log = await this.authorize(readerId, "claim");
    const group = groupName(options);
    const { signal, release } = linkSignals(options.signal, this.ending);
    try {
      const audience = this.audienceOf(readerId);
      const claims = await claimFrom({ log, options: this.options, changes: this.changes }, { ...options, readerId, audience, signal });
      return claims as readonly Claim<Content>[];
    } finally {
      release();
      this.forwardDead(group);
    }
  }

  /** Copies of what has just died in a group are made beside the call. */
  protected forwardDead(group: string): void {
    void this.guarded("dead-letter", () => this.deadForwarder.forward(this.log, group));
  }

  async acknowledge(readerId: string, receipts: readonly string[], options: SettleOptions = {}): Promise<readonly SettleResult[]> {
    checkCall("acknowledge", options);
    const log = await this.authorize(readerId, "acknowledge");
    return settleWith(log, readerId, receipts, options, (receipt) => ({ receipt, action: "acknowledge" }));
  }

  async nack(readerId: string, receipts: readonly string[], options: NackOptions = {}): Promise<readonly SettleResult[]> {
    checkCall("nack", options);
    const log = await this.authorize(readerId, "nack");
    const results = await settleWith(log, readerId, receipts, options, (receipt) => ({
      receipt,
      action: "release",
      delayMs: options.delayMs ?? this.options.backoff ?? 0,
      ...reasonOf(options),
      ...(options.uncounted === undefined ? {} : { uncounted: validateBoolean("uncounted", options.uncounted) }),
    }));
    this.forwardDead(groupName(options));
    return results;
  }

  async deadLetter(readerId: string, receipts: readonly string[], options: DeadLetterOptions = {}): Promise<readonly SettleResult[]> {
    checkCall("deadLetter", options);
    const log = await this.authorize(readerId, "dead-letter");
    const results = await settleWith(log, readerId, receipts, options, (receipt) => ({
      receipt,
      action: "dead-letter",
      ...reasonOf(options),
    }));
    this.forwardDead(groupName(options));
    return results;
  }

  async extend(readerId: string, receipts: readonly string[], options: ExtendOptions = {}): Promise<readonly SettleResult[]> {
    checkCall("extend", options);
    const log = await this.authorize(readerId, "extend");
    const progress = progressOf(options);
    return settleWith(log, readerId, receipts, options, (receipt) => ({
      receipt,
      action: "extend",
      leaseMs: options.leaseMs ?? this.options.claimTimeoutMs,
      ...progress,
    }));
  }

  /** Groups that are there before they claim. */
  protected expectedGroups(): readonly string[] {
    return [...(this.options.groups ?? [])];
  }

  // ---------------------------------------------------------------- orders about work

  async requeue(adminId: string, options: RequeueOptions = {}): Promise<number> {
    checkCall("requeue", options);
    return orders.requeue(await this.authorize(adminId, "requeue"), options);
  }

  async setRegime(adminId: string, regime: GroupRegime, options: RegimeOptions = {}): Promise<void> {
    checkCall("setRegime", options);
    const log = await this.authorize(adminId, "regime");
    return orders.setRegime(this.#withKnownGroup(log, options), regime, options);
  }

  async cancel(adminId: string, which: readonly string[] | JobSelection, options: CancelOptions = {}): Promise<readonly OrderResult[]> {
    checkCall("cancel", options);
    const log = await this.authorize(adminId, "cancel");
    const results = await orders.cancel(this.#withKnownGroup(log, options), which, options);
    const told = { group: groupName(options), ...reasonOf(options) };
    for (const { id, status } of results) if (status === "cancelled") this.cancellations.emit("cancelled", { id, ...told });
    return results;
  }

  async reschedule(adminId: string, ids: readonly string[], options: RescheduleOptions = {}): Promise<readonly OrderResult[]> {
    checkCall("reschedule", options);
    const log = await this.authorize(adminId, "reschedule");
    return orders.reschedule(this.#withKnownGroup(log, options), ids, options);
  }

  async job(adminId: string, id: string, options: SettleOptions = {}): Promise<JobInfo> {
    checkCall("job", options);
    return orders.job(await this.authorize(adminId, "jobs"), id, options);
  }

  async jobs(adminId: string, options: JobsOptions): Promise<JobPage> {
    checkCall("jobs", options);
    return orders.jobs(await this.authorize(adminId, "jobs"), options);
  }

  /** An order makes its group where there is none: one that is not to be is refused as a claim in it is. */
  #withKnownGroup(log: ChannelLog, options: SettleOptions): ChannelLog {
    knownGroup(log, this.options, groupName(options));
    return log;
  }
}
