import { startAnew, type LedgerEntry } from "./claim-record.js";
import type { ClaimEntries } from "./claim-entries.js";
import { IntervalSet } from "../interval-set.js";
import type { LedgerTrail } from "./ledger-calls.js";
import type { Step } from "./step.js";

/** A message of a group, as far as a ledger has to do with it. */
export interface LedgerMessage {
  readonly sequence: number;
  /** The name of the lane in which it waits. */
  readonly lane: string;
  readonly key?: string | undefined;
  /** When it may be handed out, in steady ms; left out: at once. */
  readonly availableAt?: number | undefined;
}

/** What became of an order to cancel or to move a message. */
export type OrderOutcome = "done" | "held" | "settled";

/** What happens to messages of a group without whoever has claimed them: they are past their time, replaced, cancelled, moved, removed, or get another chance. */
export class LedgerOrders {
  readonly #entries: ClaimEntries;
  /** Brings back what has expired: what a worker had begun with by then is judged by what it held by then. */
  readonly #refresh: (step: Step) => void;

  readonly #trail: LedgerTrail;

  constructor(entries: ClaimEntries, refresh: (step: Step) => void, trail: LedgerTrail) {
    this.#entries = entries;
    this.#refresh = refresh;
    this.#trail = trail;
  }

  /** Nobody needs to be handed a message any more. What is being worked on may still be settled, and does not come back. */
  expire({ sequence, key }: Pick<LedgerMessage, "sequence" | "key">, { now }: Step): void {
    this.#trail.tell?.(["expire", { sequence, key }, now]);
    const entry = this.#entries.get(sequence);
    if (!entry) {
      if (!this.#entries.settled.has(sequence)) this.#entries.counters.count("expired");
      return this.#settleUnseen(sequence, key);
    }
    if (entry.state === "dead" || entry.state === "cancelled") return;
    if (entry.state === "leased") {
      entry.isPast = true;
      return;
    }
    this.#entries.counters.count("expired");
    this.#entries.finish(entry, now);
  }

  /** Its successor may be at its turn. */
  #settleUnseen(sequence: number, key: string | undefined): void {
    if (key !== undefined && !this.#entries.settled.has(sequence)) this.#entries.queues.keys.look({ key, after: sequence, isSure: false });
    this.#entries.settled.add(sequence);
  }

  /** Nobody needs to be handed any of these. What is held of them may still be settled. */
  expireAll(past: IntervalSet, step: Step): void {
    const unfinished = [...this.#entries.all()].filter(({ sequence }) => past.has(sequence));
    for (const { sequence } of unfinished) this.expire({ sequence }, step);
    const held = unfinished.filter(({ state }) => state === "leased").map(({ sequence }) => sequence);
    for (const { start, end } of without(past, held))
      if (this.#entries.settled.nextAbsent(start) <= end) this.#entries.settled.add(start, end);
  }

  /** A message that waits is replaced by a later one. What somebody has, or had, is left alone. @returns whether it was. */
  supersede({ sequence, key }: Pick<LedgerMessage, "sequence" | "key">, step: Step): boolean {
    this.#refresh(step);
    const entry = this.#entries.get(sequence);
    if (this.#entries.settled.has(sequence) || (entry && (entry.state === "leased" || entry.deliveries > 0))) return false;
    this.#trail.tell?.(["supersede", { sequence, key }, step.now]);
    this.#entries.counters.count("superseded");
    if (entry) this.#entries.finish(entry, step.now);
    else this.#settleUnseen(sequence, key);
    return true;
  }

  /** What waits, rests or is dead needs no work any more; what is out is taken from whoever has it. */
  cancel(message: LedgerMessage, reason: string | undefined, { now }: Step): OrderOutcome {
    const { sequence, lane, key } = message;
    const known = this.#entries.get(sequence);
    if (known?.state === "cancelled" || (this.#entries.settled.has(sequence) && known?.state !== "dead")) return "settled";
    this.#trail.tell?.(["cancel", { sequence, lane, key }, reason ?? null, now]);
    this.#entries.cancel(
      known ?? { sequence, lane, deliveries: 0, state: "returned", place: -1, ...(key === undefined ? {} : { key }) },
      reason,
      now,
    );
    return "done";
  }

  /** Moves what nobody has to another time or into another lane. */
  reschedule(message: LedgerMessage, { now }: Step): OrderOutcome {
    const { sequence, lane, key, availableAt } = message;
    if (this.#entries.settled.has(sequence)) return "settled";
    const known = this.#entries.get(sequence);
    if (known?.state === "leased") return "held";
    this.#trail.tell?.(["move", message, now]);
    const entry: LedgerEntry = known ?? { sequence, lane, deliveries: 0, state: "returned", place: -1 };
    if (known) this.#entries.queues.delete(known);
    entry.lane = lane;
    if (!known && key !== undefined) this.#putBehind(entry, key);
    // It does not rest after a failure: unlike that, it lets others of its key before it.
    delete entry.delayMs;
    delete entry.availableAt;
    entry.state = "returned";
    if (availableAt !== undefined && availableAt > now) Object.assign(entry, { state: "delayed", availableAt });
    this.#entries.add(entry);
    this.#entries.changed(entry);
    return "done";
  }

  /** Forgets a message that is removed from the log: it counts as settled. */
  remove({ sequence, key }: Pick<LedgerMessage, "sequence" | "key">, step: Step): void {
    this.#refresh(step);
    this.#trail.tell?.(["remove", { sequence, key }, step.now]);
    const entry = this.#entries.get(sequence);
    if (!this.#entries.settled.has(sequence)) this.#entries.counters.count("removed");
    if (entry?.state === "leased") {
      this.#entries.queues.delete(entry);
      this.#entries.endWork(entry, "lost", step.now);
    }
    if (entry) this.#entries.forget(entry);
    this.#settleUnseen(sequence, key);
  }

  /** Makes a dead letter, or a cancelled message, available again. */
  revive(sequence: number, { now }: Step): boolean {
    const entry = this.#entries.get(sequence);
    if (entry?.state !== "dead" && entry?.state !== "cancelled") return false;
    this.#trail.tell?.(["revive", sequence, now]);
    // A dead letter had its turn, a cancelled message need not.
    if (entry.state === "cancelled" && entry.key !== undefined) this.#putBehind(entry, entry.key);
    startAnew(entry);
    this.#entries.revive(entry, now);
    return true;
  }

  /** Others of its key may be before it that have no entry: it is found when they have ended, or at the next look when there are none. */
  #putBehind(entry: LedgerEntry, key: string): void {
    entry.key = key;
    const current = this.#entries.queues.keys.current(key);
    if (current && current.sequence > entry.sequence) return;
    entry.isBehind = true;
    this.#entries.queues.keys.look({ key, after: entry.sequence - 1, isSure: false });
  }
}

/** What is left of a set without some of it. */
function without(set: IntervalSet, sequences: readonly number[]): IntervalSet {
  const rest = new IntervalSet(set);
  for (const sequence of sequences) rest.delete(sequence);
  return rest;
}
