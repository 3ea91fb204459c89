import type { LedgerEntry } from "./claim-record.js";
import { PriorityQueue } from "./priority-queue.js";

/** Unfinished claims in the order in which something is to be done with them: an entry stands in the queue of its state. */
export class ClaimQueues {
  readonly #leased = new PriorityQueue<LedgerEntry>(({ expiresAt = 0 }) => expiresAt);
  readonly #delayed = new PriorityQueue<LedgerEntry>(({ availableAt = 0 }) => availableAt);
  readonly #returned = new Map<string, PriorityQueue<LedgerEntry>>();

  push(entry: LedgerEntry): void {
    this.#queueOf(entry)?.push(entry);
  }

  /** Before its state changes. */
  delete(entry: LedgerEntry): void {
    this.#queueOf(entry)?.delete(entry);
  }

  #queueOf({ state, lane }: LedgerEntry): PriorityQueue<LedgerEntry> | undefined {
    if (state === "leased") return this.#leased;
    if (state === "delayed") return this.#delayed;
    if (state === "dead") return undefined;
    let queue = this.#returned.get(lane);
    if (!queue) this.#returned.set(lane, (queue = new PriorityQueue<LedgerEntry>(({ sequence }) => sequence)));
    return queue;
  }

  /** Takes out the next claim whose lease has ended. */
  takeLapsed(now: number): LedgerEntry | undefined {
    return takeUntil(this.#leased, now, this.#leased.peek()?.expiresAt);
  }

  /** Takes out the next message whose delay is over. */
  takeDue(now: number): LedgerEntry | undefined {
    return takeUntil(this.#delayed, now, this.#delayed.peek()?.availableAt);
  }

  /** When the next lease ends or the next delay is over. */
  get nextChangeAt(): number {
    return Math.min(this.#leased.peek()?.expiresAt ?? Infinity, this.#delayed.peek()?.availableAt ?? Infinity);
  }

  /** The lowest sequence of a lane that came back and is available. */
  firstReturned(lane: string): number | undefined {
    return this.#returned.get(lane)?.peek()?.sequence;
  }

  get leased(): number {
    return this.#leased.size;
  }

  get delayed(): number {
    return this.#delayed.size;
  }
}

function takeUntil(queue: PriorityQueue<LedgerEntry>, now: number, at: number | undefined): LedgerEntry | undefined {
  const first = queue.peek();
  if (!first || (at ?? 0) > now) return undefined;
  queue.delete(first);
  return first;
}
