import type { ChannelLog, GroupRegime, MessageDraft } from "@sssn/core";
import type { Bench } from "../harness.js";

/** After so many deliveries a message is dead. */
export const MAX_DELIVERIES = 3;

interface Held {
  readonly reader: string;
  readonly until: number;
  readonly receipt: string;
  readonly call: Call;
}

/** One claim: what it was granted, how much of it its reader works on at once, and what it is known to have begun with. */
export interface Call {
  readonly sequences: readonly number[];
  readonly working: number;
  readonly begun: Set<number>;
  isJudged: boolean;
}

export type Writing = Pick<MessageDraft, "ttlMs" | "key" | "priority" | "delayMs" | "supersede">;

/** What the model knows of a message from its write. */
interface Written {
  readonly key: string | undefined;
  /** It may be moved to another one. */
  priority: number;
}

/** What a log is: a list of messages, positions in it, and who holds what until when. Simple enough to be seen to be right. */
export class LogModel {
  last = 0;
  readonly kept = new Map<number, number>();
  readonly written = new Map<number, Written>();
  /** The priority that each was written with. */
  readonly original = new Map<number, number>();
  readonly names = new Map<string, number>();
  readonly cursors = new Map<string, number>();
  /** How many messages went while a cursor stood before them. */
  readonly lost = new Map<string, number>();
  readonly settled = new Set<number>();
  readonly held = new Map<number, Held>();
  readonly waiting = new Map<number, number>();
  /** Those that rest after they were given back. */
  readonly resting = new Set<number>();
  readonly deliveries = new Map<number, number>();
  readonly dead = new Set<number>();
  readonly cancelled = new Set<number>();
  /** What was taken from whoever had it. */
  readonly taken = new Map<string, string>();
  /** The last of each reader's receipts that was acknowledged, and when. */
  readonly acknowledged = new Map<string, { readonly receipt: string; readonly at: number }>();
  /** When times to live end, by the log's clock. */
  readonly expiring = new Map<number, number>();
  readonly expired = new Set<number>();
  readonly superseded = new Set<number>();
  regime: GroupRegime = {};
  granted: number[] = [];
  /** The first claim makes it. */
  hasGroup = false;
  /** Held by itself since its lease was extended: it was being worked on. */
  readonly extended = new Set<number>();

  write(sequence: number, { ttlMs, key, priority = 4, delayMs, supersede }: Writing, now: number, logNow: number): void {
    this.kept.set(sequence, sequence);
    this.written.set(sequence, { key, priority });
    this.original.set(sequence, priority);
    if (ttlMs !== undefined) this.expiring.set(sequence, logNow + ttlMs);
    if (delayMs !== undefined) this.waiting.set(sequence, now + delayMs);
    if (supersede === undefined) return;
    const replaced = this.names.get(supersede);
    this.names.set(supersede, sequence);
    if (replaced === undefined || !this.kept.has(replaced) || this.settled.has(replaced)) return;
    if (this.held.has(replaced) || (this.deliveries.get(replaced) ?? 0) > 0) return;
    this.settled.add(replaced);
    this.superseded.add(replaced);
  }

  /** What no group that comes has to do with. */
  get retired(): ReadonlySet<number> {
    return new Set([...this.expired, ...this.superseded]);
  }

  unsettled(): number[] {
    return [...this.kept.keys()].filter((sequence) => !this.settled.has(sequence));
  }

  /** What a claim is handed: the highest priority first, the oldest first within it, one of a key at a time, within the regime. */
  choose(limit: number, now: number): number[] {
    const chosen: number[] = [];
    while (chosen.length < Math.min(limit, this.#allowance(now))) {
      const [next] = this.unsettled()
        .filter((sequence) => !chosen.includes(sequence) && this.#isAvailable(sequence, chosen, now))
        .sort((left, right) => this.#priority(right) - this.#priority(left) || left - right);
      if (next === undefined) break;
      chosen.push(next);
    }
    return chosen;
  }

  #priority(sequence: number): number {
    return this.written.get(sequence)?.priority ?? 4;
  }

  #isAvailable(sequence: number, chosen: readonly number[], now: number): boolean {
    if (this.held.has(sequence) || (this.waiting.get(sequence) ?? 0) > now) return false;
    const key = this.written.get(sequence)?.key;
    if (key === undefined) return true;
    return this.unsettled()
      .filter((other) => other !== sequence && this.written.get(other)?.key === key)
      .every((other) => other > sequence && !chosen.includes(other) && !this.held.has(other) && !this.#rests(other, now));
  }

  #rests(sequence: number, now: number): boolean {
    return this.resting.has(sequence) && (this.waiting.get(sequence) ?? 0) > now;
  }

  #allowance(now: number): number {
    const { paused, maxInFlight = Infinity, rate } = this.regime;
    if (paused) return 0;
    const recent = rate ? this.granted.filter((at) => at > now - rate.perMs).length : 0;
    return Math.max(0, Math.min(maxInFlight - this.held.size, (rate?.count ?? Infinity) - recent));
  }

  /** What a listing of one state shows. */
  inState(state: "ready" | "claimed" | "resting" | "dead" | "cancelled", now: number): number[] {
    if (state === "dead" || state === "cancelled")
      return [...this[state]].filter((sequence) => this.kept.has(sequence)).sort((a, b) => a - b);
    return this.unsettled().filter((sequence) => {
      if (this.held.has(sequence)) return state === "claimed";
      return state === ((this.waiting.get(sequence) ?? 0) > now ? "resting" : "ready");
    });
  }

  /** What time has done to it. */
  refresh({ log, bench }: Real): void {
    this.#lapse(bench.clock.monotonic());
    for (const [sequence, until] of this.expiring) {
      if (until > log.now()) continue;
      this.expiring.delete(sequence);
      this.expired.add(sequence);
      if (!this.held.has(sequence)) this.settled.add(sequence);
    }
  }

  /** Ends what has lapsed. Only what a handler may have begun with counts as delivered. */
  #lapse(now: number): void {
    const lapsed = [...this.held].filter(([, { until }]) => until <= now);
    for (const [sequence, { call }] of lapsed) {
      if (!this.extended.has(sequence)) this.#judge(call);
      if (!this.extended.has(sequence) && !call.begun.has(sequence)) this.#uncount(sequence);
    }
    for (const [sequence] of lapsed) this.comeBack(sequence);
  }

  #judge(call: Call): void {
    if (call.isJudged) return;
    call.isJudged = true;
    for (const sequence of call.sequences) {
      if (call.begun.size >= call.working) return;
      if (this.held.get(sequence)?.call === call && !this.extended.has(sequence)) call.begun.add(sequence);
    }
  }

  #uncount(sequence: number): void {
    this.deliveries.set(sequence, (this.deliveries.get(sequence) ?? 1) - 1);
  }

  /** A delivery has ended without an acknowledgement. */
  comeBack(sequence: number): void {
    this.letGo(sequence);
    if ((this.deliveries.get(sequence) ?? 0) >= MAX_DELIVERIES || this.expired.has(sequence)) this.resting.delete(sequence);
    const isDead = (this.deliveries.get(sequence) ?? 0) >= MAX_DELIVERIES;
    if (isDead) this.dead.add(sequence);
    if (isDead || this.expired.has(sequence)) this.settled.add(sequence);
  }

  /** It is no longer in the log. */
  drop(sequence: number): void {
    for (const [owner, position] of this.cursors) if (position < sequence) this.lost.set(owner, (this.lost.get(owner) ?? 0) + 1);
    const holder = this.held.get(sequence);
    this.takeAway(sequence);
    for (const set of [this.dead, this.cancelled, this.resting]) set.delete(sequence);
    if (holder) this.taken.delete(holder.receipt);
    this.kept.delete(sequence);
  }

  /** It gets another chance, as if nothing had been. */
  revive(sequence: number): void {
    for (const set of [this.dead, this.cancelled, this.settled, this.resting]) set.delete(sequence);
    this.deliveries.set(sequence, 0);
    this.waiting.delete(sequence);
  }

  /** It is taken from whoever has it, who may begin with another one. */
  takeAway(sequence: number): void {
    this.held.get(sequence)?.call.begun.delete(sequence);
    this.letGo(sequence);
  }

  letGo(sequence: number): void {
    this.held.delete(sequence);
    this.extended.delete(sequence);
  }
}

/** A log under test. */
export interface Real {
  readonly bench: Bench;
  log: ChannelLog;
}
