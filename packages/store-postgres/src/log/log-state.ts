import {
  ClaimLedger,
  DEFAULT_PRIORITY,
  DueTimes,
  IntervalSet,
  replayCalls,
  type Interval,
  type LedgerCall,
  type LedgerSnapshot,
  type Step,
} from "@sssn/core/log-state";
import type { JournalRow, LogEvent, TimedMessage } from "./log-event.js";

/** A state as a row of the database holds it. */
export interface StoredState {
  readonly last: number;
  readonly count: number;
  readonly bytes: number;
  readonly newest: number;
  readonly removed: readonly Interval[];
  readonly expired: readonly Interval[];
  readonly superseded: readonly Interval[];
  readonly delayed: readonly TimedMessage[];
  readonly expiring: readonly TimedMessage[];
  readonly priorities: readonly number[];
  readonly maxDeliveries?: number;
  readonly groups: readonly (readonly [name: string, ledger: LedgerSnapshot])[];
}

/** Where a state is in its journal. */
export type Place = Omit<JournalRow, "events">;

const START: Place = { number: 0, at: 0, wall: 0, token: "" };

/** Where what this host does to a log is told, so that it is written. */
export type Tell = (event: LogEvent) => void;

/** What of a log is held in memory at every host that has it open: figures, holes, and what is unfinished. It is the journal, taken in. */
export class LogState {
  place: Place = START;
  /** The last sequence given out. */
  last = 0;
  /** The last sequence that is stored: what readers see. */
  stored = 0;
  count = 0;
  bytes = 0;
  /** No later message has a lower timestamp. */
  newest = 0;
  removed = new IntervalSet();
  expired = new IntervalSet();
  superseded = new IntervalSet();
  readonly delayed = new DueTimes();
  readonly expiring = new DueTimes();
  /** The priorities that were ever seen, the highest first. */
  priorities: readonly number[] = [DEFAULT_PRIORITY];
  maxDeliveries = Infinity;
  readonly ledgers: TellingLedgers;
  readonly #tell: Tell;
  readonly #timed = { delayed: new Map<number, TimedMessage>(), expiring: new Map<number, TimedMessage>() };

  constructor(tell: Tell) {
    this.#tell = tell;
    this.ledgers = new TellingLedgers(tell);
  }

  static restore(stored: StoredState, place: Place, tell: Tell): LogState {
    const state = new LogState(tell);
    state.place = place;
    const { last, count, bytes, newest, priorities, maxDeliveries = Infinity } = stored;
    Object.assign(state, { last, stored: last, count, bytes, newest, priorities, maxDeliveries });
    state.removed = new IntervalSet(stored.removed);
    state.expired = new IntervalSet(stored.expired);
    state.superseded = new IntervalSet(stored.superseded);
    for (const timed of stored.delayed) state.#delay(timed);
    for (const timed of stored.expiring) state.#limit(timed);
    for (const [name, snapshot] of stored.groups) state.ledgers.take(name, ClaimLedger.restore(snapshot));
    return state;
  }

  /** The usual one, and others, the highest first. */
  static prioritiesWith(others: readonly number[]): readonly number[] {
    return [...new Set([DEFAULT_PRIORITY, ...others])].sort((left, right) => right - left);
  }

  snapshot(): StoredState {
    const { last, count, bytes, newest, priorities, maxDeliveries } = this;
    return {
      last,
      count,
      bytes,
      newest,
      priorities,
      ...(maxDeliveries === Infinity ? {} : { maxDeliveries }),
      removed: [...this.removed],
      expired: [...this.expired],
      superseded: [...this.superseded],
      delayed: [...this.#timed.delayed.values()].filter(([sequence]) => this.delayed.has(sequence)),
      expiring: [...this.#timed.expiring.values()].filter(([sequence]) => this.expiring.has(sequence)),
      groups: [...this.ledgers].map(([name, ledger]) => [name, ledger.snapshot()] as const),
    };
  }

  get first(): number {
    return this.removed.nextAbsent(1);
  }

  /** Whether no group that comes has to do with a message. */
  isRetired(sequence: number): boolean {
    return this.removed.has(sequence) || this.expired.has(sequence) || this.superseded.has(sequence);
  }

  get settledForAll(): readonly Interval[] {
    return [...this.removed, ...this.expired, ...this.superseded];
  }

  newLedger(step: Step): ClaimLedger {
    return new ClaimLedger(step, { settled: this.settledForAll }, { maxDeliveries: this.maxDeliveries });
  }

  /** Does something, and tells of it. */
  do(event: Exclude<LogEvent, readonly ["work" | "group", ...unknown[]]>): void {
    this.#take(event);
    this.#tell(event);
  }

  /** Takes in what another host, or this one in an earlier life, has done. */
  takeIn({ events, ...place }: JournalRow): void {
    for (const event of events) this.#take(event);
    this.stored = this.last;
    this.place = place;
  }

  #take(event: LogEvent): void {
    switch (event[0]) {
      case "append":
        return this.#append(event[1]);
      case "expire":
        for (const sequence of event[1]) {
          this.expiring.delete(sequence);
          this.#timed.expiring.delete(sequence);
          this.expired.add(sequence);
        }
        return;
      case "supersede":
        for (const sequence of event[1]) this.superseded.add(sequence);
        return;
      case "remove":
        for (const [sequence, bytes] of event[1]) this.#remove(sequence, bytes);
        return;
      case "most":
        this.maxDeliveries = event[1];
        return;
      case "group":
        return this.ledgers.take(event[1], this.newLedger({ now: event[2], token: "" }));
      case "work":
        return this.ledgers.replay(event[1], event[2]);
      case "drop":
        this.ledgers.drop(event[1]);
    }
  }

  #append({
    count,
    bytes,
    newest,
    delayed = [],
    expiring = [],
    priorities = [],
  }: Extract<LogEvent, readonly ["append", unknown]>[1]): void {
    this.last += count;
    this.count += count;
    this.bytes += bytes;
    this.newest = newest;
    for (const timed of delayed) this.#delay(timed);
    for (const timed of expiring) this.#limit(timed);
    const fresh = priorities.filter((priority) => !this.priorities.includes(priority));
    if (fresh.length > 0) this.priorities = LogState.prioritiesWith([...this.priorities, ...fresh]);
  }

  #delay(timed: TimedMessage): void {
    this.delayed.add(timed[0], timed[1]);
    this.#timed.delayed.set(timed[0], timed);
  }

  #limit(timed: TimedMessage): void {
    this.expiring.add(...timed);
    this.#timed.expiring.set(timed[0], timed);
  }

  #remove(sequence: number, bytes: number): void {
    if (this.removed.has(sequence)) return;
    this.removed.add(sequence);
    for (const set of [this.expired, this.superseded]) if (set.has(sequence)) set.delete(sequence);
    for (const kind of ["delayed", "expiring"] as const) {
      this[kind].delete(sequence);
      this.#timed[kind].delete(sequence);
    }
    this.count--;
    this.bytes -= bytes;
  }
}

/** The ledgers of a log's groups: whatever is done to one at this host is told. */
class TellingLedgers extends Map<string, ClaimLedger> {
  readonly #tell: Tell;
  #dropped: ((name: string) => void) | undefined;

  constructor(tell: Tell) {
    super();
    this.#tell = tell;
  }

  /** Calls back when another host has deleted a group. */
  onDrop(listener: (name: string) => void): void {
    this.#dropped = listener;
  }

  /** A group that is made here. */
  override set(name: string, ledger: ClaimLedger): this {
    const { openedAt } = ledger.snapshot();
    this.#tell(["group", name, openedAt]);
    this.take(name, ledger);
    return this;
  }

  /** A group that was made elsewhere, or before. */
  take(name: string, ledger: ClaimLedger): void {
    super.set(name, ledger);
    ledger.tell((call) => this.#tell(["work", name, [call]]));
  }

  /** A group that is deleted here. */
  override delete(name: string): boolean {
    if (!super.delete(name)) return false;
    this.#tell(["drop", name]);
    return true;
  }

  drop(name: string): void {
    super.delete(name);
    this.#dropped?.(name);
  }

  replay(name: string, calls: readonly LedgerCall[]): void {
    const ledger = this.get(name);
    if (!ledger) return;
    ledger.tell(undefined);
    replayCalls(ledger, calls);
    ledger.takeChanges();
    ledger.takeWake();
    this.take(name, ledger);
  }
}
