import type { LedgerEntry } from "./claim-record.js";
import { KeyTurns } from "./key-turns.js";
import { PriorityQueue } from "./priority-queue.js";
import { priorityOf } from "../work-lane.js";

/**
 * Unfinished claims in the order in which something is to be done with them: an entry stands in the queue of its state, unless another one
 * of its key is before it.
 */
export class ClaimQueues {
  readonly keys = new KeyTurns();
  readonly #leased = new PriorityQueue<LedgerEntry>(({ expiresAt = 0 }) => expiresAt);
  readonly #delayed = new PriorityQueue<LedgerEntry>(({ availableAt = 0 }) => availableAt);
  readonly #returned = new Map<string, PriorityQueue<LedgerEntry>>();
  #priorities: readonly number[] = [];
  /** How many are leased by calls that go on claiming: their leases have not begun. */
  #open = 0;

  push(entry: LedgerEntry): void {
    const { key } = entry;
    if (isOpen(entry)) this.#open++;
    if (entry.isBehind) return;
    if (key === undefined) return this.#queueOf(entry)?.push(entry);
    const { admitted, displaced } = this.keys.enter(entry, key);
    if (displaced) {
      this.#queueOf(displaced)?.delete(displaced);
      this.keys.wait(displaced, key);
    }
    if (admitted) this.#queueOf(admitted)?.push(admitted);
  }

  /** Before its state changes. The turn of its key stays its own. */
  delete(entry: LedgerEntry): void {
    if (isOpen(entry)) this.#open--;
    if (entry.key !== undefined) this.keys.take(entry, entry.key);
    this.#queueOf(entry)?.delete(entry);
  }

  /** The leases of a call begin with its end. */
  begin(entry: LedgerEntry): void {
    this.#open--;
    this.#leased.push(entry);
  }

  /** It needs no work any more: the next one of its key may come. */
  leave(entry: LedgerEntry): void {
    if (entry.key === undefined) {
      // Mostly it has left its queue already.
      if (entry.place >= 0) this.#queueOf(entry)?.delete(entry);
      return;
    }
    this.keys.take(entry, entry.key);
    this.#queueOf(entry)?.delete(entry);
    const next = this.keys.leave(entry, entry.key);
    if (next) this.#queueOf(next)?.push(next);
  }

  #queueOf(entry: LedgerEntry): PriorityQueue<LedgerEntry> | undefined {
    const { state, lane } = entry;
    if (state === "leased") return isOpen(entry) ? undefined : this.#leased;
    if (state === "delayed") return this.#delayed;
    if (state !== "returned") return undefined;
    let queue = this.#returned.get(lane);
    if (!queue) {
      this.#returned.set(lane, (queue = new PriorityQueue<LedgerEntry>(({ sequence }) => sequence)));
      this.#priorities = [...new Set([...this.#returned.keys()].map(priorityOf))];
    }
    return queue;
  }

  /** The priorities of what ever came back, or was moved. */
  get priorities(): readonly number[] {
    return this.#priorities;
  }

  /** Takes out the claims whose leases have ended. */
  takeLapsed(now: number): readonly LedgerEntry[] {
    return takeUntil(this.#leased, now, ({ expiresAt = 0 }) => expiresAt);
  }

  /** Takes out the messages whose delays are over. */
  takeDue(now: number): readonly LedgerEntry[] {
    return takeUntil(this.#delayed, now, ({ availableAt = 0 }) => availableAt);
  }

  /** When the next lease ends or the next delay is over. */
  get nextChangeAt(): number {
    return Math.min(this.#leased.peek()?.expiresAt ?? Infinity, this.#delayed.peek()?.availableAt ?? Infinity);
  }

  /** The lowest sequence of a lane that came back and is available. */
  firstReturned(lane: string): number | undefined {
    return this.#returned.get(lane)?.peek()?.sequence;
  }

  /** How many of a lane are available without being looked for in the log. */
  returnedIn(lane: string): number {
    return this.#returned.get(lane)?.size ?? 0;
  }

  get leased(): number {
    return this.#leased.size + this.#open;
  }

  get delayed(): number {
    return this.#delayed.size;
  }
}

function isOpen({ state, batch }: LedgerEntry): boolean {
  return state === "leased" && batch?.opened !== undefined;
}

const NONE: readonly never[] = [];

/** In an order that does not depend on when they came to stand in the queue. */
function takeUntil(queue: PriorityQueue<LedgerEntry>, now: number, timeOf: (entry: LedgerEntry) => number): readonly LedgerEntry[] {
  const first = queue.peek();
  if (!first || timeOf(first) > now) return NONE;
  const taken: LedgerEntry[] = [];
  for (let entry = queue.peek(); entry && timeOf(entry) <= now; entry = queue.peek()) {
    queue.delete(entry);
    taken.push(entry);
  }
  return taken.sort((left, right) => timeOf(left) - timeOf(right) || left.sequence - right.sequence);
}
