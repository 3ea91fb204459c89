import type { GroupRegime, SettleResult, Settlement } from "../../ports/message-store.js";
import type { BatchCall, BatchedClaim, LiveBatch } from "./claim-batches.js";
import { ClaimEntries } from "./claim-entries.js";
import { countGroup } from "./group-counts.js";
import {
  NO_CHANGES,
  restMs,
  startLease,
  type ClaimRecord,
  type Grant,
  type GroupCounts,
  type LedgerChanges,
  type LedgerEntry,
  type LedgerPolicy,
  type StoredLedger,
} from "./claim-record.js";
import type { DueTimes } from "../due-times.js";
import { GroupLimits, type Allowance } from "./group-limits.js";
import { callOf, givesNames, type LedgerCall, type LedgerTrail } from "./ledger-calls.js";
import { LedgerOrders, type LedgerMessage } from "./ledger-orders.js";
import { restoreStored } from "./ledger-restore.js";
import { digestOf, restoreSnapshot, takeSnapshot, type LedgerSnapshot } from "./ledger-snapshot.js";
import { takeKept, type KeptLedger } from "./kept-ledger.js";
import type { KeyTurns } from "./key-turns.js";
import type { LatelySettled } from "./settled-lately.js";
import { sequenceOfToken, sequenceToken } from "../random.js";
import type { Step } from "./step.js";

/**
 * The claims of one group: who holds what until when, what came back, what waits, what is settled. Pure state without I/O and
 * without waiting, so every step is atomic; a store drives it and writes its {@link LedgerChanges}. What time it is, and what makes names
 * unguessable, comes with each {@link Step}: the same steps have the same outcome wherever they are taken.
 */
export class ClaimLedger {
  /** Stands in for when a dead letter of an earlier release died. */
  readonly #openedAt: number;
  readonly #entries: ClaimEntries;
  readonly #limits: GroupLimits;
  readonly #trail: LedgerTrail = { tell: undefined };
  /** What happens without whoever claims. */
  readonly orders: LedgerOrders;

  constructor(step: Step, stored: StoredLedger = {}, policy: LedgerPolicy = {}) {
    const { settled = [], regime, grants } = stored;
    this.#openedAt = step.now;
    this.#entries = new ClaimEntries(settled, policy.maxDeliveries ?? Infinity, step.now);
    this.orders = new LedgerOrders(this.#entries, (moment) => this.refresh(moment), this.#trail);
    this.#limits = new GroupLimits(regime, grants);
    restoreStored(this.#entries, stored, step);
  }

  /** A ledger that goes on as the one did that a snapshot was taken from. */
  static restore(snapshot: LedgerSnapshot): ClaimLedger {
    const { openedAt, settled, regime, grants, maxDeliveries } = snapshot;
    const ledger = new ClaimLedger({ now: openedAt, token: "" }, { settled, regime, grants }, { maxDeliveries });
    restoreSnapshot(ledger.#entries, snapshot);
    return ledger;
  }

  /** From now on, whatever changes it is told: a copy to which the same is done goes on as it does. `undefined`: to nobody. */
  tell(listener: ((call: LedgerCall) => void) | undefined): void {
    this.#trail.tell = listener;
  }

  /** Everything that it is, for {@link ClaimLedger.restore}. Not while a claim goes on. */
  snapshot(): LedgerSnapshot {
    return takeSnapshot(this.#entries, this.#limits, this.#openedAt);
  }

  /** What a store has to keep of it, whole: from {@link storedOf} that it goes on as after a restart. Not while a claim goes on. */
  kept(): KeptLedger {
    return takeKept(this.#entries, this.#limits);
  }

  /** Tells whether two ledgers that took the same steps are the same. */
  digest(): string {
    return digestOf(this.snapshot());
  }

  /** From now on; what came back before and had as many is dead at once. */
  setMaxDeliveries(maxDeliveries: number, step: Step): void {
    this.#trail.tell?.(["most", maxDeliveries === Infinity ? null : maxDeliveries, step.now, step.token]);
    this.#entries.maxDeliveries = maxDeliveries;
    for (const entry of [...this.#entries.all()]) this.#entries.dieIfExhausted(entry, step);
  }

  /** What bounds the group's work. */
  get regime(): GroupRegime {
    return this.#limits.regime;
  }

  /** From now on, for everybody who claims in the group. */
  setRegime(regime: GroupRegime): void {
    this.#trail.tell?.(["bound", regime]);
    this.#limits.set(regime);
  }

  /** Whose turn it is among the messages of each key. */
  get keys(): KeyTurns {
    return this.#entries.queues.keys;
  }

  /** What is known of a message besides that it waits. */
  entry(sequence: number): Readonly<LedgerEntry> | undefined {
    return this.#entries.get(sequence);
  }

  /** What is remembered of a message that was settled not long ago. */
  lately(sequence: number): LatelySettled | undefined {
    return this.#entries.lately.find(sequence);
  }

  /** Those that were settled last, in the order of their sequences. */
  settledLately(): readonly number[] {
    return this.#entries.lately.sequences();
  }

  /** In which state the entry of a message is; `undefined`: it has none. One that is behind another of its key may be due without anybody having looked. */
  stateOf(sequence: number, { now }: Step): ClaimRecord["state"] | undefined {
    const entry = this.#entries.get(sequence);
    return entry?.state === "delayed" && (entry.availableAt ?? 0) <= now ? "returned" : entry?.state;
  }

  /** The messages that have an entry in a state, in no particular order. */
  sequencesIn(state: ClaimRecord["state"], step: Step): readonly number[] {
    return [...this.#entries.all()].map(({ sequence }) => sequence).filter((sequence) => this.stateOf(sequence, step) === state);
  }

  /** Whether nobody needs to look for this message: it is settled, or there is an entry for it. */
  isTaken(sequence: number): boolean {
    return this.#entries.has(sequence) || this.#entries.settled.has(sequence);
  }

  isSettled(sequence: number): boolean {
    return this.#entries.settled.has(sequence);
  }

  /** Whether it was settled out of its turn. */
  isCancelled(sequence: number): boolean {
    return this.#entries.cancelled.has(sequence);
  }

  /** The first sequence from here on that is not settled. */
  nextUnsettled(sequence: number): number {
    return this.#entries.settled.nextAbsent(sequence);
  }

  /** The last sequence up to here that is not settled; 0 where all are. */
  previousUnsettled(sequence: number): number {
    return this.#entries.settled.previousAbsent(sequence);
  }

  /** The first sequence from here on that is settled. */
  nextSettled(sequence: number): number | undefined {
    return this.#entries.settled.nextPresent(sequence);
  }

  /** Brings back what has expired and what has waited long enough. */
  refresh(step: Step): void {
    const { now } = step;
    const { queues, begun } = this.#entries;
    if (queues.nextChangeAt > now) return;
    this.#trail.tell?.(["refresh", now, step.token]);
    for (const entry of queues.takeLapsed(now)) {
      this.#entries.counters.count("lapsed");
      if (!begun.mayHave(entry, (sequence) => this.#entries.batchOf(sequence))) entry.deliveries--;
      this.#entries.endWork(entry, "lapsed", now);
      this.#entries.comeBack(entry, step);
    }
    for (const entry of queues.takeDue(now)) this.#entries.return(entry);
  }

  /** Whether the group's regime lets something be handed out now. */
  mayGrant(step: Step): boolean {
    return !this.#limits.isBounding || this.allowance(step).count > 0;
  }

  /** How much the group's regime lets be handed out now. */
  allowance({ now }: Step): Allowance {
    return this.#limits.allowance(now, this.#entries.queues.leased);
  }

  /** In how many ms the next lease ends, the next delay is over, or the group's rate allows more. */
  nextAvailableInMs(step: Step): number | undefined {
    const next = Math.min(this.#entries.queues.nextChangeAt - step.now, this.allowance(step).moreInMs ?? Infinity);
    return next === Infinity ? undefined : Math.max(0, next);
  }

  /** The lowest sequence of a lane that is available and has an entry. */
  firstReturned(lane: string): number | undefined {
    return this.#entries.queues.firstReturned(lane);
  }

  /** The priorities of what ever came back, or was moved. */
  get priorities(): readonly number[] {
    return this.#entries.queues.priorities;
  }

  /** How many of a lane are available and have an entry. */
  returnedIn(lane: string): number {
    return this.#entries.queues.returnedIn(lane);
  }

  /**
   * Sets a message aside that waits for its time, or for the turn of its key: it is at its turn as far as everything before it goes that has no
   * entry. It is derived from the message, so there is nothing to store.
   */
  lineUp(message: LedgerMessage, { now }: Step): void {
    const { sequence, lane, key, availableAt } = message;
    const known = this.#entries.get(sequence);
    if (known) {
      if (!known.isBehind) return;
      this.#trail.tell?.(["line-up", message, now]);
      delete known.isBehind;
      this.#entries.queues.push(known);
      return this.#entries.changed(known);
    }
    if (this.isSettled(sequence)) return;
    const state = availableAt !== undefined && availableAt > now ? "delayed" : "returned";
    this.#entries.add({
      sequence,
      lane,
      deliveries: 0,
      state,
      place: -1,
      ...(key === undefined ? {} : { key }),
      ...(state === "delayed" && availableAt !== undefined ? { availableAt } : {}),
    });
  }

  /** Begins a batch of claims for one reader, whose leases end together: they run from when it is closed with {@link ClaimLedger.closeBatch}. */
  openBatch(call: BatchCall, step: Step): LiveBatch {
    const batch = this.#entries.batches.open(call, step);
    this.#trail.tell?.(["open", callOf(call), step.now, step.token]);
    // Whoever claims is alive: what lapsed under it is no longer what it works on.
    const { begun } = this.#entries.begun.hold(batch.worker);
    for (const sequence of begun) if (this.#entries.get(sequence)?.state !== "leased") begun.delete(sequence);
    return batch;
  }

  /** Its call claims no more: the leases begin. */
  closeBatch(batch: LiveBatch, { now }: Step): void {
    const { queues, begun, batches } = this.#entries;
    const { opened = [] } = batch;
    this.#trail.tell?.(["close", batch.number, now]);
    batches.close(batch, now);
    for (const entry of opened) {
      if (entry.batch !== batch || entry.place >= 0) continue;
      entry.expiresAt = batch.expiresAt;
      queues.begin(entry);
    }
    begun.release(batch.worker);
  }

  /** What a call of this name was granted before and still holds: its answer may have been lost on the way. */
  grantedTo({ readerId, callId }: Pick<BatchCall, "readerId" | "callId">): readonly Grant[] {
    const batch = callId === undefined ? undefined : this.#entries.batches.ofCall(readerId, callId);
    if (!batch || callId === undefined) return [];
    this.#trail.tell?.(["repeat", readerId, callId]);
    batch.isRepeated = true;
    return batch.claims.flatMap(({ sequence }) => {
      const entry = this.#entries.get(sequence);
      const receipt = sequenceToken(sequence, batch.token);
      if (entry?.receipt !== receipt || entry.state !== "leased") return [];
      return [{ sequence, receipt, deliveries: entry.deliveries }];
    });
  }

  /** Leases a message: one that came back, or one that was never handed out. */
  grant(sequence: number, lane: string, batch: LiveBatch): Grant {
    const entry = this.#entries.get(sequence) ?? { sequence, lane, deliveries: 0, state: "returned", place: -1 };
    this.#entries.lease(entry);
    const receipt = startLease(entry, batch, this.#entries.begun.hold(batch.worker));
    const { deliveries, reason, key } = entry;
    this.#trail.tell?.(key === undefined ? ["grant", batch.number, sequence, lane] : ["grant", batch.number, sequence, lane, key]);
    const claim: { -readonly [Field in keyof BatchedClaim]: BatchedClaim[Field] } = { sequence, lane: entry.lane, deliveries };
    if (reason !== undefined) claim.reason = reason;
    if (key !== undefined) claim.key = key;
    this.#entries.batches.join(batch, claim);
    batch.opened?.push(entry);
    this.#entries.queues.push(entry);
    this.#limits.granted(batch.openedAt);
    return { sequence, receipt, deliveries };
  }

  /** Undoes a grant that nobody was told of. */
  takeBack(sequence: number, { now }: Step): void {
    const entry = this.#entries.get(sequence);
    if (entry?.state !== "leased") return;
    this.#trail.tell?.(["take-back", sequence, now]);
    if (entry.batch) this.#limits.takenBack(entry.batch.openedAt);
    this.#entries.queues.delete(entry);
    this.#entries.endWork(entry, "lost", now);
    entry.deliveries--;
    this.#entries.release(entry, now);
  }

  /** Settles one claim, if it is still held by this reader under this receipt. */
  settle(readerId: string, settlement: Settlement, step: Step): SettleResult {
    const { receipt } = settlement;
    const sequence = sequenceOfToken(receipt) ?? 0;
    const entry = this.#entries.get(sequence);
    if (entry?.receipt === receipt && entry.readerId === readerId) {
      if (entry.state === "leased") {
        this.#trail.tell?.(["settle", readerId, settlement, step.now, givesNames(settlement) ? step.token : ""]);
        return this.#apply(entry, settlement, step);
      }
      if (entry.state === "cancelled")
        return { receipt, status: "cancelled", ...(entry.reason === undefined ? {} : { reason: entry.reason }) };
    }
    return this.#entries.batches.answer(readerId, sequence, settlement);
  }

  #apply(entry: LedgerEntry, settlement: Settlement, step: Step): SettleResult {
    const { receipt, action } = settlement;
    const { now } = step;
    this.#entries.queues.delete(entry);
    if (action === "extend") entry.worker?.begun.add(entry.sequence);
    else this.#entries.endWork(entry, action === "acknowledge" ? "acknowledged" : "lost", now);
    switch (settlement.action) {
      case "acknowledge":
        this.#entries.counters.count("acknowledged");
        this.#entries.finish(entry, now);
        return { receipt, status: "acknowledged" };
      case "release":
        this.#entries.counters.count("released");
        if (settlement.reason !== undefined) entry.reason = settlement.reason;
        if (settlement.uncounted) entry.deliveries--;
        this.#entries.comeBack(entry, step, restMs(settlement.delayMs, entry.deliveries));
        return { receipt, status: "released" };
      case "dead-letter":
        if (settlement.reason !== undefined) entry.reason = settlement.reason;
        this.#entries.die(entry, step);
        return { receipt, status: "dead_lettered" };
      case "extend":
        entry.leaseMs = settlement.leaseMs;
        entry.expiresAt = now + settlement.leaseMs;
        if (settlement.progress !== undefined) entry.progress = settlement.progress;
        this.#entries.queues.push(entry);
        this.#entries.changed(entry);
        return { receipt, status: "extended", expiresAt: entry.expiresAt };
    }
  }

  /** The dead letters, oldest first. @param pending only those whose copy elsewhere is not known to be made. */
  deadRecords({ pending = false }: { readonly pending?: boolean }, step: Step): ClaimRecord[] {
    this.refresh(step);
    return this.#entries.dead.sequences(pending).flatMap((sequence) => this.#entries.get(sequence) ?? []);
  }

  /** The sequences of the dead letters, oldest first. */
  deadSequences(step: Step): readonly number[] {
    this.refresh(step);
    return this.#entries.dead.sequences();
  }

  /** A copy of a dead letter is safe elsewhere. */
  forwarded(sequence: number): void {
    const entry = this.#entries.get(sequence);
    if (!entry || !this.#entries.dead.forwarded(sequence)) return;
    this.#trail.tell?.(["forwarded", sequence]);
    entry.forwarded = true;
    this.#entries.changed(entry);
  }

  /** Lets go of dead letters that died before a moment: they are settled, and nothing more. */
  forgetDead(before: number): void {
    const old = this.#entries.dead.sequences().flatMap((sequence) => this.#entries.get(sequence) ?? []);
    const gone = old.filter(({ diedAt = this.#openedAt }) => diedAt < before);
    if (gone.length > 0) this.#trail.tell?.(["forget-dead", before]);
    for (const entry of gone) this.#entries.forget(entry);
  }

  /** Lets go of what need not be remembered any more of claims that have ended. */
  forgetEnded({ now }: Step): void {
    if (this.#entries.batches.forget(now)) this.#trail.tell?.(["forget-ended", now]);
  }

  /** Claims were told to whoever made them. */
  told(claims: number): void {
    if (claims > 0) this.#trail.tell?.(["told", claims]);
    this.#entries.counters.count("delivered", claims);
  }

  /** Whether something has ended since the last call, so that a claim that waits may be granted. */
  takeWake(): boolean {
    const [hasEnded, hasTurned] = [this.#entries.takeWake(), this.keys.takeWake()];
    return hasTurned || (hasEnded && this.#limits.regime.maxInFlight !== undefined);
  }

  /** Whether there is something to write. */
  get hasChanges(): boolean {
    return this.#entries.hasChanges || this.#limits.hasChanges;
  }

  /** What has changed since the last call; the store writes it in the same batch as whatever caused it. */
  takeChanges(): LedgerChanges {
    if (!this.hasChanges) return NO_CHANGES;
    const { records, batches, settled } = this.#entries.takeChanges();
    if (!this.#limits.hasChanges) return { records, batches, settled, grants: NO_CHANGES.grants };
    return { records, batches, settled, ...this.#limits.takeChanges() };
  }

  /** Counts over the kept sequences `first` to `last`. */
  stats(group: string, first: number, last: number, waiting: DueTimes, step: Step): GroupCounts {
    this.refresh(step);
    return countGroup(group, this.#entries, this.regime, { first, last, waiting, now: step.now });
  }
}
