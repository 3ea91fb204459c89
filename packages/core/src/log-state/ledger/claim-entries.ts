import { BegunJobs } from "./begun-jobs.js";
import { ClaimBatches, type ClaimBatch, type LiveBatch } from "./claim-batches.js";
import { ClaimQueues } from "./claim-queues.js";
import { GroupCounters } from "./group-totals.js";
import { endLease, endLife, toRecord, type ClaimRecord, type LedgerEntry } from "./claim-record.js";
import { DeadLetters } from "./dead-letters.js";
import type { Interval } from "../interval-set.js";
import { SettledLately } from "./settled-lately.js";
import { SettledRanges } from "./settled-ranges.js";
import type { Step } from "./step.js";

/** What of a group's entries has changed. */
interface EntryChanges {
  readonly records: ReadonlyMap<number, ClaimRecord | undefined>;
  readonly batches: ReadonlyMap<number, ClaimBatch | undefined>;
  readonly settled: ReadonlyMap<number, number | undefined>;
}

/** So many cancelled messages are remembered as such. */
const REMEMBERED_CANCELLED = 10_000;
/** So many of them are looked at when one comes, so that many which have to stay cost it nothing. */
const MOST_LOOKED_AT = 16;

/**
 * The messages of a group that are more than waiting or settled: held, resting, come back, dead, cancelled. Every way from one state to
 * another is here, so that queues, turns, settled ranges and what has to be stored never disagree.
 */
export class ClaimEntries {
  readonly settled: SettledRanges;
  readonly queues = new ClaimQueues();
  readonly dead = new DeadLetters();
  readonly cancelled = new Set<number>();
  readonly lately = new SettledLately();
  readonly batches: ClaimBatches;
  readonly begun = new BegunJobs();
  readonly counters: GroupCounters;
  maxDeliveries: number;
  readonly #bySequence = new Map<number, LedgerEntry>();
  #changed = new Map<number, ClaimRecord | undefined>();
  #mayWake = false;

  constructor(settled: Iterable<Interval>, maxDeliveries: number, now: number) {
    this.settled = new SettledRanges(settled);
    this.batches = new ClaimBatches(now);
    this.counters = new GroupCounters(now);
    this.maxDeliveries = maxDeliveries;
  }

  get(sequence: number): LedgerEntry | undefined {
    return this.#bySequence.get(sequence);
  }

  has(sequence: number): boolean {
    return this.#bySequence.has(sequence);
  }

  /** In no particular order. */
  all(): Iterable<LedgerEntry> {
    return this.#bySequence.values();
  }

  /** The batch in which a message is held, unless it is held by itself. */
  batchOf(sequence: number): LiveBatch | undefined {
    const entry = this.#bySequence.get(sequence);
    return entry?.isStored ? undefined : entry?.batch;
  }

  /** A claim of a snapshot finds its batch. */
  attach(entry: LedgerEntry): void {
    const { state, receipt } = entry;
    const batch = state === "leased" && receipt !== undefined ? this.batches.ofReceipt(receipt) : undefined;
    if (batch) Object.assign(entry, { batch, worker: this.begun.hold(batch.worker) });
  }

  /** A new entry, in the place that its state gives it. */
  add(entry: LedgerEntry): void {
    this.#bySequence.set(entry.sequence, entry);
    if (entry.state === "dead") this.dead.add(entry);
    else if (entry.state === "cancelled") this.cancelled.add(entry.sequence);
    else this.queues.push(entry);
  }

  /** A reader has it from now on: what was stored of it is no longer so. */
  lease(entry: LedgerEntry): void {
    if (this.#bySequence.has(entry.sequence)) this.queues.delete(entry);
    else this.#bySequence.set(entry.sequence, entry);
    if (!entry.isStored) return;
    this.#changed.set(entry.sequence, undefined);
    delete entry.isStored;
  }

  /** Its reader has it no more. What lapsed may still be worked on. */
  endWork(entry: LedgerEntry, end: "acknowledged" | "lost" | "lapsed", now: number): void {
    const { worker, sequence, batch } = entry;
    this.begun.letGo(worker);
    if (end !== "lapsed") worker?.begun.delete(sequence);
    if (!batch) return;
    if (end === "acknowledged") this.batches.acknowledged(batch, now);
    else {
      this.batches.lost(batch, sequence, now);
      delete entry.batch;
      delete entry.worker;
    }
  }

  /** A delivery has ended without an acknowledgement: the message is available again, or it had its last chance. */
  comeBack(entry: LedgerEntry, step: Step, delayMs = 0): void {
    if (entry.deliveries >= this.maxDeliveries) this.die(entry, step);
    else if (entry.isPast) this.finish(entry, step.now);
    else this.release(entry, step.now, delayMs);
  }

  /** What came back under a policy that allowed more deliveries. */
  dieIfExhausted(entry: LedgerEntry, step: Step): void {
    if ((entry.state !== "delayed" && entry.state !== "returned") || entry.deliveries < this.maxDeliveries) return;
    this.queues.delete(entry);
    this.die(entry, step);
  }

  die(entry: LedgerEntry, step: Step): void {
    this.counters.count("deadLettered");
    endLife(entry, step);
    this.#leave(entry);
    this.dead.add(entry);
    this.changed(entry);
    this.settled.add(entry.sequence);
  }

  release(entry: LedgerEntry, now: number, delayMs = 0): void {
    endLease(entry);
    if (delayMs > 0) {
      entry.state = "delayed";
      entry.availableAt = now + delayMs;
      entry.delayMs = delayMs;
      this.queues.push(entry);
    } else this.return(entry);
    this.changed(entry);
  }

  return(entry: LedgerEntry): void {
    entry.state = "returned";
    delete entry.availableAt;
    delete entry.delayMs;
    this.queues.push(entry);
  }

  finish(entry: LedgerEntry, now: number): void {
    this.forget(entry);
    this.settled.add(entry.sequence);
    this.lately.add(entry.sequence, entry.deliveries, now);
  }

  /** Nobody is handed it any more, and whoever has it has lost it. */
  cancel(entry: LedgerEntry, reason: string | undefined, now: number): void {
    this.counters.count("cancelled");
    this.queues.delete(entry);
    if (entry.state === "leased") this.endWork(entry, "lost", now);
    this.dead.delete(entry.sequence);
    entry.state = "cancelled";
    entry.cancelledAt = now;
    delete entry.availableAt;
    delete entry.delayMs;
    delete entry.isBehind;
    if (reason === undefined) delete entry.reason;
    else entry.reason = reason;
    this.#bySequence.set(entry.sequence, entry);
    this.#leave(entry);
    this.cancelled.add(entry.sequence);
    this.settled.add(entry.sequence);
    this.changed(entry);
    this.#forgetCancelled();
  }

  /** One of a key has to be told from what was done in its turn until everything before it is done. */
  #forgetCancelled(): void {
    if (this.cancelled.size <= REMEMBERED_CANCELLED) return;
    const firstUnsettled = this.settled.nextAbsent(1);
    let looked = 0;
    for (const sequence of this.cancelled) {
      if (++looked > MOST_LOOKED_AT) return;
      const entry = this.#bySequence.get(sequence);
      if (!entry || (entry.key !== undefined && sequence > firstUnsettled)) continue;
      this.forget(entry);
      if (this.cancelled.size <= REMEMBERED_CANCELLED) return;
    }
  }

  forget(entry: LedgerEntry): void {
    const { sequence, state } = entry;
    this.#bySequence.delete(sequence);
    if (state === "dead") this.dead.delete(sequence);
    if (state === "cancelled") this.cancelled.delete(sequence);
    this.#leave(entry);
    if (entry.isStored) this.#changed.set(sequence, undefined);
  }

  /** A dead letter or a cancelled message gets another chance. */
  revive(entry: LedgerEntry, now: number): void {
    this.dead.delete(entry.sequence);
    this.cancelled.delete(entry.sequence);
    this.settled.delete(entry.sequence);
    this.release(entry, now);
  }

  #leave(entry: LedgerEntry): void {
    this.queues.leave(entry);
    this.#mayWake = true;
  }

  /** From here on it is stored by itself. */
  changed(entry: LedgerEntry): void {
    entry.isStored = true;
    this.#changed.set(entry.sequence, toRecord(entry));
  }

  /** Whether something has ended since the last call, so that others may come. */
  takeWake(): boolean {
    const wakes = this.#mayWake;
    this.#mayWake = false;
    return wakes;
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0 || this.batches.hasChanges || this.settled.hasChanges;
  }

  takeChanges(): EntryChanges {
    const records = this.#changed;
    if (records.size > 0) this.#changed = new Map();
    return { records, batches: this.batches.takeChanges(), settled: this.settled.takeChanges() };
  }
}
