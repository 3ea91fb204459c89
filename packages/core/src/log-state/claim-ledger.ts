import type { Backoff, GroupStats, SettleResult, Settlement } from "../ports/message-store.js";
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

/** What a store has to write to keep a group: `undefined` means that the entry is gone. */
export interface LedgerChanges {
  readonly records: ReadonlyMap<number, ClaimRecord | undefined>;
  /** Settled ranges by their start. */
  readonly settled: ReadonlyMap<number, number | undefined>;
}

type Entry = { -readonly [Key in keyof ClaimRecord]: ClaimRecord[Key] } & Queued;

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
  readonly #remembered = new Map<string, { readonly readerId: string; readonly status: SettleResult["status"] }>();
  #changedRecords = new Map<number, ClaimRecord | undefined>();
  #changedSettled = new Map<number, number | undefined>();

  /** @param now steady time in ms since the epoch. @param settled ranges that need no work: settled or removed before. */
  constructor(now: () => number, settled: Iterable<Interval> = [], records: Iterable<ClaimRecord> = []) {
    this.#now = now;
    this.#settled = new IntervalSet(settled);
    for (const record of records) this.#restore(record);
  }

  /** A lease or a delay never outlives its own length after a restart, whatever the wall clock did meanwhile. */
  #restore(record: ClaimRecord): void {
    const entry: Entry = { ...record, place: -1 };
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

  /** Leases a message to a reader: one that came back, or one that was never handed out. */
  grant(sequence: number, lane: string, readerId: string, leaseMs: number): ClaimRecord {
    const entry: Entry = this.#entries.get(sequence) ?? { sequence, lane, deliveries: 0, state: "returned", place: -1 };
    this.#returned.get(entry.lane)?.delete(entry);
    this.#entries.set(sequence, entry);
    entry.state = "leased";
    entry.deliveries += 1;
    entry.readerId = readerId;
    entry.receipt = sequenceToken(sequence);
    entry.leaseMs = leaseMs;
    entry.expiresAt = this.#now() + leaseMs;
    this.#leased.push(entry);
    this.#changed(entry);
    return { ...entry };
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
        this.#finish(entry.sequence);
        return { receipt, status: "acknowledged" };
      case "release":
        this.#remember(entry, "released");
        if (settlement.reason !== undefined) entry.reason = settlement.reason;
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
      this.#entries.delete(sequence);
      this.#changedRecords.set(sequence, undefined);
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
    const changes = { records: this.#changedRecords, settled: this.#changedSettled };
    this.#changedRecords = new Map();
    this.#changedSettled = new Map();
    return changes;
  }

  /** Everything that a store would have to write to keep this group from nothing. */
  snapshot(): { readonly settled: readonly Interval[]; readonly records: readonly ClaimRecord[] } {
    return { settled: [...this.#settled], records: [...this.#entries.values()].filter(isStored).map((entry) => ({ ...entry })) };
  }

  /** Counts over the kept sequences `first` to `last`; deferred messages that nobody has met yet count as ready. */
  stats(group: string, first: number, last: number): Omit<GroupStats, "oldestUnfinishedMs"> & { readonly oldestUnfinished?: number } {
    this.refresh();
    const unfinished = Math.max(0, last - first + 1) - this.#settled.countWithin(first, last);
    const [claimed, delayed] = [this.#leased.size, this.#delayed.size];
    const oldest = this.#settled.nextAbsent(first);
    return { group, ready: unfinished - claimed - delayed, claimed, delayed, dead: this.#dead.size, ...(oldest <= last ? { oldestUnfinished: oldest } : {}) };
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

  #finish(sequence: number): void {
    this.#entries.delete(sequence);
    this.#changedRecords.set(sequence, undefined);
    this.#addSettled(sequence);
  }

  #addSettled(start: number, end: number = start): void {
    const { gone, merged } = this.#settled.add(start, end);
    for (const old of gone) this.#changedSettled.set(old, undefined);
    this.#changedSettled.set(merged.start, merged.end);
  }

  #changed(entry: Entry): void {
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
    if (this.#remembered.size > REMEMBERED_RECEIPTS) this.#remembered.delete(this.#remembered.keys().next().value as string);
  }
}

/** A message that only waits for the delay it was written with has nothing of its own to store. */
function isStored(record: ClaimRecord): boolean {
  return record.deliveries > 0 || record.state !== "delayed";
}

function restMs(delay: number | Backoff, deliveries: number): number {
  if (typeof delay === "number") return delay;
  return Math.round(Math.min(delay.maxMs, delay.initialMs * delay.factor ** Math.max(0, deliveries - 1)));
}
