import { PriorityQueue, type Queued } from "./ledger/priority-queue.js";

interface Due extends Queued {
  readonly sequence: number;
  readonly at: number;
  readonly key: string | undefined;
}

/** A message whose time has come. */
interface DueMessage {
  readonly sequence: number;
  readonly at: number;
  readonly key: string | undefined;
}

/** Messages of a log for which something happens at a time that is to come, such as the end of a delay or of a time to live. */
export class DueTimes {
  readonly #bySequence = new Map<number, Due>();
  readonly #queue = new PriorityQueue<Due>(({ at }) => at);

  /** @param at in ms since the epoch, by a clock of the caller's. @param key the message's, if it has one. */
  add(sequence: number, at: number, key?: string): void {
    const due: Due = { sequence, at, key, place: -1 };
    this.#bySequence.set(sequence, due);
    this.#queue.push(due);
  }

  delete(sequence: number): void {
    const due = this.#bySequence.get(sequence);
    if (!due) return;
    this.#bySequence.delete(sequence);
    this.#queue.delete(due);
  }

  /** Takes out those whose time has come, the earliest first. */
  takeDue(now: number): readonly DueMessage[] {
    if ((this.#queue.peek()?.at ?? Infinity) > now) return NONE;
    const taken: Due[] = [];
    for (let next = this.#queue.peek(); next && next.at <= now; next = this.#queue.peek()) {
      this.delete(next.sequence);
      taken.push(next);
    }
    return taken;
  }

  /** When the next one is due. */
  get nextAt(): number {
    return this.#queue.peek()?.at ?? Infinity;
  }

  has(sequence: number): boolean {
    return this.#bySequence.has(sequence);
  }

  sequences(): Iterable<number> {
    return this.#bySequence.keys();
  }
}

const NONE: readonly never[] = [];
