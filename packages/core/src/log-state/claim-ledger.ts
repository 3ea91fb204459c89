import type { SettleResult, Settlement } from "../ports/message-store.js";
import { BegunJobs } from "./begun-jobs.js";
import { ClaimBatches, type BatchCall, type ClaimBatch, type LiveBatch } from "./claim-batches.js";
import { ClaimQueues } from "./claim-queues.js";
import {
  endLease,
  endLife,
  restMs,
  startAnew,
  startLease,
  type ClaimRecord,
  type Grant,
  type GroupCounts,
  type LedgerChanges,
  type LedgerEntry,
  type LedgerPolicy,
  type StoredLedger,
} from "./claim-record.js";
import { DeadLetters } from "./dead-letters.js";
import type { DueTimes } from "./due-times.js";
import type { IntervalSet } from "./interval-set.js";
import { PastClaims } from "./past-claims.js";
import { sequenceOfToken, sequenceToken } from "./random.js";
import { SettledRanges } from "./settled-ranges.js";

/**
 * The claims of one group: who holds what until when, what came back, what waits, what is settled. Pure state without I/O and
 * without waiting, so every step is atomic; a store drives it and writes its {@link LedgerChanges}.
 */
export class ClaimLedger {
  readonly #now: () => number;
  /** Stands in for when a dead letter of an earlier release died. */
  readonly #openedAt: number;
  #maxDeliveries: number;
  readonly #settled: SettledRanges;
  readonly #entries = new Map<number, LedgerEntry>();
  readonly #queues = new ClaimQueues();
  readonly #dead = new DeadLetters();
  readonly #past = new PastClaims();
  readonly #batches = new ClaimBatches();
  readonly #begun = new BegunJobs();
  #changedRecords = new Map<number, ClaimRecord | undefined>();

  /** @param now steady time in ms since the epoch. */
  constructor(now: () => number, { settled = [], records = [], batches = [] }: StoredLedger = {}, policy: LedgerPolicy = {}) {
    this.#now = now;
    this.#openedAt = now();
    this.#maxDeliveries = policy.maxDeliveries ?? Infinity;
    this.#settled = new SettledRanges(settled);
    for (const record of records) this.#restore(record);
    for (const batch of [...batches].sort((left, right) => right.number - left.number)) this.#restoreBatch(batch);
  }

  /** What is stored by itself, and what a later batch says, is newer than what a batch says. */
  #restoreBatch(stored: ClaimBatch): void {
    const batch = this.#batches.restore(stored);
    const { readerId, leaseMs, expiresAt, token } = stored;
    for (const claim of stored.claims) {
      if (this.isTaken(claim.sequence)) continue;
      this.#restore({ ...claim, state: "leased", readerId, leaseMs, expiresAt, receipt: sequenceToken(claim.sequence, token) }, batch);
      batch.live++;
    }
    this.#batches.settleRestored(batch);
  }

  /** A lease or a delay never outlives its own length after a restart, whatever the wall clock did meanwhile. */
  #restore(record: ClaimRecord, batch?: LiveBatch): void {
    const entry: LedgerEntry = { ...record, place: -1, ...(batch ? { batch, worker: batch.worker } : {}) };
    if (batch) this.#begun.hold(batch.worker);
    this.#entries.set(entry.sequence, entry);
    if (entry.state === "leased") entry.expiresAt = Math.min(entry.expiresAt ?? 0, this.#now() + (entry.leaseMs ?? 0));
    if (entry.state === "delayed") entry.availableAt = Math.min(entry.availableAt ?? 0, this.#now() + (entry.delayMs ?? Infinity));
    if (entry.state === "dead") this.#dead.add(entry);
    else this.#queues.push(entry);
    this.#dieIfExhausted(entry);
  }

  /** What came back under a policy that allowed more deliveries. */
  #dieIfExhausted(entry: LedgerEntry): void {
    if ((entry.state !== "delayed" && entry.state !== "returned") || entry.deliveries < this.#maxDeliveries) return;
    this.#queues.delete(entry);
    this.#die(entry);
  }

  /** From now on; what came back before and had as many is dead at once. */
  setMaxDeliveries(maxDeliveries: number): void {
    this.#maxDeliveries = maxDeliveries;
    for (const entry of [...this.#entries.values()]) this.#dieIfExhausted(entry);
  }

  /** Steady time, in ms since the epoch. */
  get now(): number {
    return this.#now();
  }

  /** Whether nobody needs to be handed this message now: it is settled, or it is being worked on. */
  isTaken(sequence: number): boolean {
    return this.#entries.has(sequence) || this.#settled.has(sequence);
  }

  isSettled(sequence: number): boolean {
    return this.#settled.has(sequence);
  }

  /** The first sequence from here on that is not settled. */
  nextUnsettled(sequence: number): number {
    return this.#settled.nextAbsent(sequence);
  }

  /** The first sequence from here on that is settled. */
  nextSettled(sequence: number): number | undefined {
    return this.#settled.nextPresent(sequence);
  }

  /** Brings back what has expired and what has waited long enough. */
  refresh(): void {
    const now = this.#now();
    for (let entry = this.#queues.takeLapsed(now); entry; entry = this.#queues.takeLapsed(now)) {
      this.#past.remember(entry, "lost");
      if (!this.#begun.mayHave(entry, (sequence) => this.#entries.get(sequence)?.batch)) entry.deliveries--;
      this.#comeBack(entry);
      this.#begun.letGo(entry.worker);
    }
    for (let entry = this.#queues.takeDue(now); entry; entry = this.#queues.takeDue(now)) this.#return(entry);
  }

  /** In how many ms the next lease ends or the next delay is over. */
  nextAvailableInMs(): number | undefined {
    const due = this.#queues.nextChangeAt;
    return due === Infinity ? undefined : Math.max(0, due - this.#now());
  }

  /** The lowest sequence of a lane that came back and is available. */
  firstReturned(lane: string): number | undefined {
    return this.#queues.firstReturned(lane);
  }

  /** Sets a message aside that was written with a delay. It is derived from the message, so there is nothing to store. */
  defer(sequence: number, lane: string, availableAt: number): void {
    const entry: LedgerEntry = { sequence, lane, deliveries: 0, state: "delayed", availableAt, place: -1 };
    this.#entries.set(sequence, entry);
    this.#queues.push(entry);
  }

  /** Begins a batch of claims for one reader, whose leases end together. */
  openBatch(call: BatchCall): LiveBatch {
    const batch = this.#batches.open(call, this.#now() + call.leaseMs);
    // Whoever claims is alive: what lapsed under it is no longer what it works on.
    this.#begun.keep(batch.worker, (sequence) => this.#entries.get(sequence)?.state === "leased");
    return batch;
  }

  /** What a call of this name was granted before and still holds: its answer may have been lost on the way. */
  grantedTo({ readerId, callId }: Pick<BatchCall, "readerId" | "callId">): readonly Grant[] {
    const batch = callId === undefined ? undefined : this.#batches.ofCall(readerId, callId);
    if (!batch) return [];
    batch.isRepeated = true;
    return batch.claims.flatMap(({ sequence }) => {
      const entry = this.#entries.get(sequence);
      const receipt = sequenceToken(sequence, batch.token);
      if (entry?.receipt !== receipt || entry.expiresAt === undefined) return [];
      return [{ sequence, receipt, deliveries: entry.deliveries, expiresAt: entry.expiresAt }];
    });
  }

  /** Leases a message: one that came back, or one that was never handed out. */
  grant(sequence: number, lane: string, batch: LiveBatch): Grant {
    const known = this.#entries.get(sequence);
    const entry: LedgerEntry = known ?? { sequence, lane, deliveries: 0, state: "returned", place: -1 };
    if (known) {
      this.#queues.delete(known);
      this.#changedRecords.set(sequence, undefined);
    } else this.#entries.set(sequence, entry);
    const receipt = startLease(entry, batch);
    this.#begun.hold(batch.worker);
    const { deliveries, reason } = entry;
    this.#batches.join(batch, { sequence, lane: entry.lane, deliveries, ...(reason === undefined ? {} : { reason }) });
    this.#queues.push(entry);
    return { sequence, receipt, deliveries, expiresAt: batch.expiresAt };
  }

  /** Undoes a grant that nobody was told of. */
  takeBack(sequence: number): void {
    const entry = this.#entries.get(sequence);
    if (entry?.state !== "leased") return;
    this.#queues.delete(entry);
    this.#begun.letGo(entry.worker);
    entry.deliveries--;
    this.#release(entry);
  }

  /** Nobody needs to be handed a message any more. What is being worked on may still be settled, and does not come back. */
  expire(sequence: number): void {
    const entry = this.#entries.get(sequence);
    if (!entry) return this.#settled.add(sequence);
    if (entry.state === "dead") return;
    if (entry.state === "leased") {
      entry.isPast = true;
      return;
    }
    this.#queues.delete(entry);
    this.#finish(entry);
  }

  /** What is unfinished of these needs no work any more. */
  expireAll(past: IntervalSet): void {
    for (const sequence of [...this.#entries.keys()]) if (past.has(sequence)) this.expire(sequence);
  }

  /** Settles one claim, if it is still held by this reader under this receipt. */
  settle(readerId: string, settlement: Settlement): SettleResult {
    const { receipt } = settlement;
    const entry = this.#entries.get(sequenceOfToken(receipt) ?? 0);
    if (!entry || entry.state !== "leased" || entry.receipt !== receipt || entry.readerId !== readerId)
      return this.#past.answer(readerId, settlement);
    return this.#apply(entry, settlement);
  }

  #apply(entry: LedgerEntry, settlement: Settlement): SettleResult {
    const { receipt } = settlement;
    this.#queues.delete(entry);
    if (settlement.action === "extend") this.#begun.add(entry.worker, entry.sequence);
    else this.#endWork(entry);
    switch (settlement.action) {
      case "acknowledge":
        this.#past.remember(entry, "acknowledged");
        this.#finish(entry);
        return { receipt, status: "acknowledged" };
      case "release":
        this.#past.remember(entry, "released");
        if (settlement.reason !== undefined) entry.reason = settlement.reason;
        if (settlement.uncounted) entry.deliveries--;
        this.#comeBack(entry, restMs(settlement.delayMs, entry.deliveries));
        return { receipt, status: "released" };
      case "dead-letter":
        this.#past.remember(entry, "dead_lettered");
        if (settlement.reason !== undefined) entry.reason = settlement.reason;
        this.#die(entry);
        return { receipt, status: "dead_lettered" };
      case "extend":
        entry.leaseMs = settlement.leaseMs;
        entry.expiresAt = this.#now() + settlement.leaseMs;
        this.#queues.push(entry);
        this.#changed(entry);
        return { receipt, status: "extended", expiresAt: entry.expiresAt };
    }
  }

  #endWork({ worker, sequence }: LedgerEntry): void {
    this.#begun.delete(worker, sequence);
    this.#begun.letGo(worker);
  }

  /** Forgets messages that are removed from the log: they count as settled. */
  remove(start: number, end: number = start): void {
    for (const sequence of this.#entriesWithin(start, end)) {
      const entry = this.#entries.get(sequence);
      if (!entry) continue;
      if (entry.state === "leased") {
        this.#past.remember(entry, "lost");
        this.#endWork(entry);
      }
      this.#queues.delete(entry);
      this.#dead.delete(sequence);
      this.#forget(entry);
    }
    this.#settled.add(start, end);
  }

  /** The dead letters, oldest first. @param pending only those whose copy elsewhere is not known to be made. */
  deadRecords({ pending = false }: { readonly pending?: boolean } = {}): ClaimRecord[] {
    this.refresh();
    return this.#dead.sequences(pending).flatMap((sequence) => this.#entries.get(sequence) ?? []);
  }

  /** The sequences of the dead letters, oldest first. */
  get deadSequences(): readonly number[] {
    this.refresh();
    return this.#dead.sequences();
  }

  /** A copy of a dead letter is safe elsewhere. */
  forwarded(sequence: number): void {
    const entry = this.#entries.get(sequence);
    if (!entry || !this.#dead.forwarded(sequence)) return;
    entry.forwarded = true;
    this.#changed(entry);
  }

  /** Lets go of dead letters that died before a moment: they are settled, and nothing more. */
  forgetDead(before: number): void {
    for (const sequence of this.#dead.sequences()) {
      const entry = this.#entries.get(sequence);
      if (!entry || (entry.diedAt ?? this.#openedAt) >= before) continue;
      this.#dead.delete(sequence);
      this.#forget(entry);
    }
  }

  /** Makes a dead letter available again. */
  revive(sequence: number): boolean {
    const entry = this.#entries.get(sequence);
    if (!entry || !this.#dead.delete(sequence)) return false;
    this.#settled.delete(sequence);
    startAnew(entry);
    this.#release(entry);
    return true;
  }

  /** Whether there is something to write. */
  get hasChanges(): boolean {
    return this.#changedRecords.size > 0 || this.#batches.hasChanges || this.#settled.hasChanges;
  }

  /** What has changed since the last call; the store writes it in the same batch as whatever caused it. */
  takeChanges(): LedgerChanges {
    const changes = { records: this.#changedRecords, batches: this.#batches.takeChanges(), settled: this.#settled.takeChanges() };
    this.#changedRecords = new Map();
    return changes;
  }

  /** Counts over the kept sequences `first` to `last`. */
  stats(group: string, first: number, last: number, waiting: DueTimes): GroupCounts {
    this.refresh();
    const unfinished = Math.max(0, last - first + 1) - this.#settled.countWithin(first, last);
    waiting.takeDue(this.#now());
    let unmet = 0;
    for (const sequence of waiting.sequences()) if (sequence >= first && !this.isTaken(sequence)) unmet++;
    const [claimed, delayed] = [this.#queues.leased, this.#queues.delayed + unmet];
    let oldest = this.#settled.nextAbsent(first);
    while (oldest <= last && waiting.has(oldest)) oldest = this.#settled.nextAbsent(oldest + 1);
    return {
      group,
      ready: unfinished - claimed - delayed,
      claimed,
      delayed,
      dead: this.#dead.size,
      ...(oldest <= last ? { oldestUnfinished: oldest } : {}),
    };
  }

  /** A delivery has ended without an acknowledgement: the message is available again, or it had its last chance. */
  #comeBack(entry: LedgerEntry, delayMs = 0): void {
    if (entry.deliveries >= this.#maxDeliveries) this.#die(entry);
    else if (entry.isPast) this.#finish(entry);
    else this.#release(entry, delayMs);
  }

  #die(entry: LedgerEntry): void {
    endLife(entry, this.#now());
    this.#dead.add(entry);
    this.#changed(entry);
    this.#settled.add(entry.sequence);
  }

  #release(entry: LedgerEntry, delayMs = 0): void {
    endLease(entry);
    if (delayMs > 0) {
      entry.state = "delayed";
      entry.availableAt = this.#now() + delayMs;
      entry.delayMs = delayMs;
      this.#queues.push(entry);
    } else this.#return(entry);
    this.#changed(entry);
  }

  #return(entry: LedgerEntry): void {
    entry.state = "returned";
    delete entry.availableAt;
    delete entry.delayMs;
    this.#queues.push(entry);
  }

  #finish(entry: LedgerEntry): void {
    this.#forget(entry);
    this.#settled.add(entry.sequence);
  }

  #forget(entry: LedgerEntry): void {
    this.#entries.delete(entry.sequence);
    if (entry.batch) this.#batches.leave(entry.batch);
    else this.#changedRecords.set(entry.sequence, undefined);
  }

  /** From here on the claim is stored by itself. */
  #changed(entry: LedgerEntry): void {
    if (entry.batch) this.#batches.leave(entry.batch);
    delete entry.batch;
    const { place: _place, worker: _worker, wasDoubted: _wasDoubted, isPast: _isPast, ...record } = entry;
    this.#changedRecords.set(entry.sequence, record);
  }

  #entriesWithin(start: number, end: number): Iterable<number> {
    if (end - start < this.#entries.size) return Array.from({ length: end - start + 1 }, (_, offset) => start + offset);
    return [...this.#entries.keys()].filter((sequence) => sequence >= start && sequence <= end);
  }
}
