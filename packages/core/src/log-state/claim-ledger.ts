import type { Backoff, GroupStats, SettleResult, Settlement } from "../ports/message-store.js";
import { BoundedMemory } from "./bounded-memory.js";
import { ClaimBatches, type ClaimBatch, type LiveBatch } from "./claim-batches.js";
import { IntervalSet, type Interval } from "./interval-set.js";
import { PriorityQueue, type Queued } from "./priority-queue.js";
import { sequenceOfToken, sequenceToken } from "./random.js";

/** How many settled claims a group remembers, so that an acknowledgement that is repeated gets the same answer. */
const REMEMBERED_RECEIPTS = 10_000;

/** The state of one message in one group, from its first hand-out to its end, as a store keeps it. */
export interface ClaimRecord {
  readonly sequence: number;
  /** Whom the message is addressed to, in an addressed log. */
  readonly lane: string;
  readonly deliveries: number;
  readonly state: "leased" | "delayed" | "returned" | "dead";
  readonly readerId?: string;
  readonly receipt?: string;
  readonly leaseMs?: number;
  readonly expiresAt?: number;
  readonly availableAt?: number;
  /** How long the delay was when it began. */
  readonly delayMs?: number;
  readonly reason?: string;
}

/** What a reader is told of a claim, as it was when it was given. */
export interface Grant {
  readonly sequence: number;
  readonly receipt: string;
  readonly deliveries: number;
  readonly expiresAt: number;
}

/** What a store has to write to keep a group: `undefined` means that the entry is gone. */
export interface LedgerChanges {
  readonly records: ReadonlyMap<number, ClaimRecord | undefined>;
  /** Claims that were made together, by the batch's number. */
  readonly batches: ReadonlyMap<number, ClaimBatch | undefined>;
  /** Settled ranges by their start. */
  readonly settled: ReadonlyMap<number, number | undefined>;
}

/** What a store has kept of a group. */
export interface StoredLedger {
  /** Ranges that need no work: settled, or removed. */
  readonly settled?: Iterable<Interval>;
  readonly records?: Iterable<ClaimRecord>;
  readonly batches?: readonly ClaimBatch[];
}

type Entry = { -readonly [Key in keyof ClaimRecord]: ClaimRecord[Key] } & Queued & { batch?: LiveBatch };

/**
 * The claims of one group: who holds what until when, what came back, what waits, what is settled. Pure state without I/O and
 * without waiting, so every step is atomic; a store drives it and writes its {@link LedgerChanges}.
 */
export class ClaimLedger {
  readonly #now: () => number;
  readonly #settled: IntervalSet;
  readonly #entries = new Map<number, Entry>();
  readonly #leased = new PriorityQueue<Entry>((entry) => entry.expiresAt ?? 0);
  readonly #delayed = new PriorityQueue<Entry>((entry) => entry.availableAt ?? 0);
  readonly #returned = new Map<string, PriorityQueue<Entry>>();
  readonly #dead = new Set<number>();
  readonly #remembered = new BoundedMemory<{ readonly readerId: string; readonly status: SettleResult["status"] }>(REMEMBERED_RECEIPTS);
  readonly #batches = new ClaimBatches();
  #changedRecords = new Map<number, ClaimRecord | undefined>();
  #changedSettled = new Map<number, number | undefined>();

  /** @param now steady time in ms since the epoch. */
  constructor(now: () => number, { settled = [], records = [], batches = [] }: StoredLedger = {}) {
    this.#now = now;
    this.#settled = new IntervalSet(settled);
    for (const record of records) this.#restore(record);
    for (const batch of [...batches].sort((left, right) => right.number - left.number)) this.#restoreBatch(batch);
  }

  /** What is stored by itself, and what a later batch says, is newer than what a batch says. */
  #restoreBatch(stored: ClaimBatch): void {
    const batch = this.#batches.restore(stored);
    for (const { sequence, lane, deliveries } of stored.claims) {
      if (this.isTaken(sequence)) continue;
      const { readerId, leaseMs, expiresAt, token } = stored;
      this.#restore(
        { sequence, lane, deliveries, state: "leased", readerId, leaseMs, expiresAt, receipt: sequenceToken(sequence, token) },
        batch,
      );
      batch.live++;
    }
    this.#batches.settleRestored(batch);
  }

  /** A lease or a delay never outlives its own length after a restart, whatever the wall clock did meanwhile. */
  #restore(record: ClaimRecord, batch?: LiveBatch): void {
    const entry: Entry = { ...record, place: -1, ...(batch ? { batch } : {}) };
    this.#entries.set(entry.sequence, entry);
    if (entry.state === "leased") {
      entry.expiresAt = Math.min(entry.expiresAt ?? 0, this.#now() + (entry.leaseMs ?? 0));
      this.#leased.push(entry);
    } else if (entry.state === "delayed") {
      entry.availableAt = Math.min(entry.availableAt ?? 0, this.#now() + (entry.delayMs ?? Infinity));
      this.#delayed.push(entry);
    } else if (entry.state === "dead") this.#dead.add(entry.sequence);
    else this.#return(entry);
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
    for (let entry = this.#leased.peek(); entry && (entry.expiresAt ?? 0) <= now; entry = this.#leased.peek()) {
      this.#leased.delete(entry);
      this.#remember(entry, "lost");
      this.#release(entry);
    }
    for (let entry = this.#delayed.peek(); entry && (entry.availableAt ?? 0) <= now; entry = this.#delayed.peek()) {
      this.#delayed.delete(entry);
      this.#return(entry);
    }
  }

  /** In how many ms the next lease ends or the next delay is over. */
  nextAvailableInMs(): number | undefined {
    const due = Math.min(this.#leased.peek()?.expiresAt ?? Infinity, this.#delayed.peek()?.availableAt ?? Infinity);
    return due === Infinity ? undefined : Math.max(0, due - this.#now());
  }

  /** The lowest sequence of a lane that came back and is available. */
  firstReturned(lane: string): number | undefined {
    return this.#returned.get(lane)?.peek()?.sequence;
  }

  /** Sets a message aside that was written with a delay. It is derived from the message, so there is nothing to store. */
  defer(sequence: number, lane: string, availableAt: number): void {
    const entry: Entry = { sequence, lane, deliveries: 0, state: "delayed", availableAt, place: -1 };
    this.#entries.set(sequence, entry);
    this.#delayed.push(entry);
  }

  /** Begins a batch of claims for one reader, whose leases end together. */
  openBatch(readerId: string, leaseMs: number): LiveBatch {
    return this.#batches.open(readerId, leaseMs, this.#now() + leaseMs);
  }

  /** Leases a message: one that came back, or one that was never handed out. */
  grant(sequence: number, lane: string, batch: LiveBatch): Grant {
    const known = this.#entries.get(sequence);
    const entry: Entry = known ?? { sequence, lane, deliveries: 0, state: "returned", place: -1 };
    if (known) {
      this.#returned.get(known.lane)?.delete(known);
      this.#changedRecords.set(sequence, undefined);
    } else this.#entries.set(sequence, entry);
    entry.state = "leased";
    entry.deliveries += 1;
    entry.readerId = batch.readerId;
    const receipt = (entry.receipt = sequenceToken(sequence, batch.token));
    entry.leaseMs = batch.leaseMs;
    entry.expiresAt = batch.expiresAt;
    entry.batch = batch;
    this.#batches.join(batch, { sequence, lane: entry.lane, deliveries: entry.deliveries });
    this.#leased.push(entry);
    return { sequence, receipt, deliveries: entry.deliveries, expiresAt: batch.expiresAt };
  }

  /** Settles one claim, if it is still held by this reader under this receipt. */
  settle(readerId: string, settlement: Settlement): SettleResult {
    const { receipt } = settlement;
    const entry = this.#entries.get(sequenceOfToken(receipt) ?? 0);
    if (!entry || entry.state !== "leased" || entry.receipt !== receipt || entry.readerId !== readerId) {
      const past = this.#remembered.get(receipt);
      if (!past || past.readerId !== readerId) return { receipt, status: "unknown" };
      const repeated = past.status === "acknowledged" && settlement.action === "acknowledge";
      return { receipt, status: repeated ? "already_acknowledged" : "lost" };
    }
    return this.#apply(entry, settlement);
  }

  #apply(entry: Entry, settlement: Settlement): SettleResult {
    const { receipt } = settlement;
    this.#leased.delete(entry);
    switch (settlement.action) {
      case "acknowledge":
        this.#remember(entry, "acknowledged");
        this.#finish(entry);
        return { receipt, status: "acknowledged" };
      case "release":
        this.#remember(entry, "released");
        if (settlement.reason !== undefined) entry.reason = settlement.reason;
        if (settlement.uncounted) entry.deliveries--;
        this.#release(entry, restMs(settlement.delayMs, entry.deliveries));
        return { receipt, status: "released" };
      case "dead-letter":
        this.#remember(entry, "dead_lettered");
        if (settlement.reason !== undefined) entry.reason = settlement.reason;
        entry.state = "dead";
        this.#dead.add(entry.sequence);
        this.#changed(entry);
        this.#addSettled(entry.sequence);
        return { receipt, status: "dead_lettered" };
      case "extend":
        entry.leaseMs = settlement.leaseMs;
        entry.expiresAt = this.#now() + settlement.leaseMs;
        this.#leased.push(entry);
        this.#changed(entry);
        return { receipt, status: "extended", expiresAt: entry.expiresAt };
    }
  }

  /** Forgets messages that are removed from the log: they count as settled. */
  remove(start: number, end: number = start): void {
    for (const sequence of this.#entriesWithin(start, end)) {
      const entry = this.#entries.get(sequence);
      if (!entry) continue;
      if (entry.state === "leased") this.#remember(entry, "lost");
      this.#leased.delete(entry);
      this.#delayed.delete(entry);
      this.#returned.get(entry.lane)?.delete(entry);
      this.#dead.delete(sequence);
      this.#forget(entry);
    }
    this.#addSettled(start, end);
  }

  /** The dead letters, oldest first. */
  deadRecords(): ClaimRecord[] {
    return [...this.#dead].sort((left, right) => left - right).flatMap((sequence) => this.#entries.get(sequence) ?? []);
  }

  /** Makes a dead letter available again. */
  revive(sequence: number): boolean {
    const entry = this.#entries.get(sequence);
    if (!entry || !this.#dead.delete(sequence)) return false;
    const { gone, left } = this.#settled.delete(sequence);
    for (const start of gone) this.#changedSettled.set(start, undefined);
    for (const interval of left) this.#changedSettled.set(interval.start, interval.end);
    entry.deliveries = 0;
    this.#release(entry);
    return true;
  }

  /** What has changed since the last call; the store writes it in the same batch as whatever caused it. */
  takeChanges(): LedgerChanges {
    const changes = { records: this.#changedRecords, batches: this.#batches.takeChanges(), settled: this.#changedSettled };
    this.#changedRecords = new Map();
    this.#changedSettled = new Map();
    return changes;
  }

  /** Counts over the kept sequences `first` to `last`; deferred messages that nobody has met yet count as ready. */
  stats(group: string, first: number, last: number): Omit<GroupStats, "oldestUnfinishedMs"> & { readonly oldestUnfinished?: number } {
    this.refresh();
    const unfinished = Math.max(0, last - first + 1) - this.#settled.countWithin(first, last);
    const [claimed, delayed] = [this.#leased.size, this.#delayed.size];
    const oldest = this.#settled.nextAbsent(first);
    return {
      group,
      ready: unfinished - claimed - delayed,
      claimed,
      delayed,
      dead: this.#dead.size,
      ...(oldest <= last ? { oldestUnfinished: oldest } : {}),
    };
  }

  #release(entry: Entry, delayMs = 0): void {
    delete entry.readerId;
    delete entry.receipt;
    delete entry.expiresAt;
    delete entry.leaseMs;
    if (delayMs > 0) {
      entry.state = "delayed";
      entry.availableAt = this.#now() + delayMs;
      entry.delayMs = delayMs;
      this.#delayed.push(entry);
    } else this.#return(entry);
    this.#changed(entry);
  }

  #return(entry: Entry): void {
    entry.state = "returned";
    delete entry.availableAt;
    delete entry.delayMs;
    let queue = this.#returned.get(entry.lane);
    if (!queue) this.#returned.set(entry.lane, (queue = new PriorityQueue<Entry>((queued) => queued.sequence)));
    queue.push(entry);
  }

  #finish(entry: Entry): void {
    this.#forget(entry);
    this.#addSettled(entry.sequence);
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry.sequence);
    if (entry.batch) this.#batches.leave(entry.batch);
    else this.#changedRecords.set(entry.sequence, undefined);
  }

  #addSettled(start: number, end: number = start): void {
    const { gone, merged } = this.#settled.add(start, end);
    for (const old of gone) this.#changedSettled.set(old, undefined);
    this.#changedSettled.set(merged.start, merged.end);
  }

  /** From here on the claim is stored by itself. */
  #changed(entry: Entry): void {
    if (entry.batch) this.#batches.leave(entry.batch);
    delete entry.batch;
    const { place: _place, ...record } = entry;
    this.#changedRecords.set(entry.sequence, record);
  }

  #entriesWithin(start: number, end: number): Iterable<number> {
    if (end - start < this.#entries.size) return Array.from({ length: end - start + 1 }, (_, offset) => start + offset);
    return [...this.#entries.keys()].filter((sequence) => sequence >= start && sequence <= end);
  }

  #remember(entry: Entry, status: SettleResult["status"]): void {
    if (entry.receipt === undefined || entry.readerId === undefined) return;
    this.#remembered.set(entry.receipt, { readerId: entry.readerId, status });
  }
}

function restMs(delay: number | Backoff, deliveries: number): number {
  if (typeof delay === "number") return delay;
  return Math.round(Math.min(delay.maxMs, delay.initialMs * delay.factor ** Math.max(0, deliveries - 1)));
}
