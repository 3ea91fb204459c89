import type { Violation } from "./checker.js";
import type { HistoryEvent } from "./history.js";
import { BOUNDS } from "./ordered-load.js";

/** Clocks of two processes on one machine agree to the millisecond, and to a rounding. */
const TOLERANCE_MS = 5;

interface Ordered {
  readonly key: string;
  /** It may have been settled: others of its key may come. */
  mayBeSettled: boolean;
  /** Nobody may be handed it. */
  isCancelled: boolean;
  /** Somebody has it at least until then. */
  heldUntil: number;
}

/** Judges the order of keys, cancelled messages, and the bounds of a group, over any number of runs and kills. */
export class OrderChecker {
  readonly #messages = new Map<number, Ordered>();
  /** Of each key, what is certainly not settled. */
  readonly #open = new Map<string, Set<number>>();
  readonly #bounded = new Map<number, number>();
  /** When the newest claims of the bounded group were asked for, the newest last. */
  #claimedAt: number[] = [];
  #counts = { ordered: 0, cancelled: 0, bounded: 0 };

  /** How much was judged so far. */
  get counts(): Readonly<{ ordered: number; cancelled: number; bounded: number }> {
    return this.#counts;
  }

  /** One run's history, then what is handed out of the keys after it. */
  judge(history: readonly HistoryEvent[], claimable: readonly number[], at: number): Violation[] {
    const violations = history.flatMap((event) => this.#observe(event));
    return [...violations, ...claimable.flatMap((sequence) => this.#judgeClaim(sequence, at))];
  }

  #observe(event: HistoryEvent): Violation[] {
    switch (event.type) {
      case "ordered-written":
        this.#meet(event.sequence, event.key);
        return [];
      case "ordered-settling":
        for (const sequence of event.sequences) this.#settle(sequence, event.isRelease === true);
        return [];
      case "ordered-cancelled":
        this.#cancel(event.sequence);
        return [];
      case "ordered-claimed":
        return this.#observeClaim(event);
      case "bounded-settling":
        for (const sequence of event.sequences) this.#bounded.delete(sequence);
        return [];
      case "bounded-claimed":
        return this.#observeBounded(event);
      default:
        return [];
    }
  }

  /** A worker may be handed a message before its writer hears that it is stored. */
  #meet(sequence: number, key: string): Ordered {
    const known = this.#messages.get(sequence);
    if (known) return known;
    const message: Ordered = { key, mayBeSettled: false, isCancelled: false, heldUntil: 0 };
    this.#messages.set(sequence, message);
    this.#openOf(key).add(sequence);
    return message;
  }

  #openOf(key: string): Set<number> {
    let open = this.#open.get(key);
    if (!open) this.#open.set(key, (open = new Set()));
    return open;
  }

  /** What is given back stays unsettled; but from here on somebody else may have it. */
  #settle(sequence: number, isRelease: boolean): void {
    const message = this.#messages.get(sequence);
    if (!message) return;
    message.heldUntil = 0;
    if (isRelease) return;
    message.mayBeSettled = true;
    this.#openOf(message.key).delete(sequence);
  }

  #cancel(sequence: number): void {
    const message = this.#messages.get(sequence);
    if (message) message.isCancelled = true;
    this.#counts.cancelled++;
  }

  #observeClaim({ sequence, key, asked, answered, leaseMs }: Extract<HistoryEvent, { type: "ordered-claimed" }>): Violation[] {
    this.#counts.ordered++;
    const violations = this.#judgeClaim(sequence, answered);
    this.#meet(sequence, key).heldUntil = asked + leaseMs - TOLERANCE_MS;
    return violations;
  }

  #judgeClaim(sequence: number, at: number): Violation[] {
    const message = this.#messages.get(sequence);
    if (!message) return [];
    if (message.isCancelled) return [{ rule: "redelivered", what: `${sequence} was handed out after it was cancelled` }];
    const others = [...this.#openOf(message.key)].filter((other) => other !== sequence);
    const earlier = others.find((other) => other < sequence);
    if (earlier !== undefined)
      return [{ rule: "out of turn", what: `${sequence} of ${message.key} was handed out before ${earlier} was settled` }];
    const held = others.find((other) => (this.#messages.get(other)?.heldUntil ?? 0) > at);
    return held === undefined ? [] : [{ rule: "out of turn", what: `${sequence} of ${message.key} was handed out while ${held} was out` }];
  }

  #observeBounded({ sequence, asked, answered, leaseMs }: Extract<HistoryEvent, { type: "bounded-claimed" }>): Violation[] {
    this.#counts.bounded++;
    this.#bounded.set(sequence, asked + leaseMs - TOLERANCE_MS);
    for (const [other, until] of this.#bounded) if (until <= answered) this.#bounded.delete(other);
    const { maxInFlight, rate } = BOUNDS;
    const violations: Violation[] = [];
    if (this.#bounded.size > maxInFlight)
      violations.push({ rule: "beyond its bounds", what: `${this.#bounded.size} messages were out at once, ${maxInFlight} may be` });
    this.#claimedAt.push(asked);
    this.#claimedAt = this.#claimedAt.slice(-rate.count - 1);
    const [first] = this.#claimedAt;
    if (first !== undefined && this.#claimedAt.length > rate.count && answered - first < rate.perMs - TOLERANCE_MS)
      violations.push({ rule: "beyond its bounds", what: `${this.#claimedAt.length} messages were handed out in ${answered - first} ms` });
    return violations;
  }
}
