import type { ClaimLedger } from "../ledger/claim-ledger.js";
import type { Advance } from "../ledger/key-turns.js";
import type { LaneSource, WaitingMessage } from "./lane-source.js";
import type { Step } from "../ledger/step.js";
import { laneName } from "../work-lane.js";

/**
 * Finds the next message of a key in the log, at a cost that does not grow with how many there are. It rests on this: messages of a key are
 * settled in their order, so where one is settled all before it are, or have an entry in the ledger. Those that were settled out of their
 * order are known: a group knows what was cancelled in it, and a log leaves out what it removed, what is past its time, and what was replaced.
 */
export class KeyOrder {
  readonly #ledger: ClaimLedger;
  readonly #source: LaneSource;

  constructor(ledger: ClaimLedger, source: LaneSource) {
    this.#ledger = ledger;
    this.#source = source;
  }

  /** Whether every message of a key before this one is done, or has an entry that ends before this one comes. */
  async isAtTurn({ sequence, previous }: WaitingMessage, key: string): Promise<boolean> {
    if (previous === undefined) return true;
    if (!this.#ledger.isSettled(previous)) return false;
    return !this.#isOutOfOrder(previous) || this.#isDoneUpTo(key, sequence - 1);
  }

  /** Sees to it that the next message of every key that has none in the ledger has an entry there. */
  async advance(step: Step): Promise<void> {
    await Promise.all(this.#ledger.keys.advances().map((advance) => this.#advance(advance, step)));
  }

  async #advance(advance: Advance, step: Step): Promise<void> {
    const sequence = await this.#first(advance);
    const message = sequence === undefined ? undefined : (await this.#source.load([sequence])).get(sequence)?.message;
    this.#ledger.keys.looked(advance);
    // Meanwhile another one of the key may have come back: then what follows is looked for when that one has ended.
    if (message?.key === advance.key && !this.#ledger.keys.current(advance.key))
      this.#ledger.lineUp(
        {
          sequence: message.sequence,
          lane: laneName(this.#source.laneOf(message)),
          key: advance.key,
          availableAt: message.availableAt,
        },
        step,
      );
  }

  /** The first unsettled message of a key, if it lies behind what an advance names. */
  async #first({ key, after, isSure }: Advance): Promise<number | undefined> {
    if (!isSure && !(await this.#isDoneUpTo(key, after))) return undefined;
    const next = await this.#source.nextOfKey(key, after);
    if (next === undefined || !this.#ledger.isSettled(next)) return next;
    let [done, open] = [next, this.#source.last()];
    if (await this.#isDoneUpTo(key, open)) return undefined;
    while (open - done > 1) {
      const middle = Math.floor((done + open) / 2);
      if (await this.#isDoneUpTo(key, middle)) done = middle;
      else open = middle;
    }
    return open;
  }

  async #isDoneUpTo(key: string, sequence: number): Promise<boolean> {
    const last = await this.lastInOrder(key, sequence);
    return last === undefined || this.#ledger.isSettled(last);
  }

  /** The last message of a key up to a sequence that was not settled out of its order. */
  async lastInOrder(key: string, sequence: number): Promise<number | undefined> {
    let last = await this.#source.previousOfKey(key, sequence + 1);
    while (last !== undefined && this.#isOutOfOrder(last))
      last = await this.#source.previousOfKey(key, this.#ledger.previousUnsettled(last) + 1);
    return last;
  }

  /** What a log leaves out may still be found in it, until that is stored. */
  #isOutOfOrder(sequence: number): boolean {
    return this.#ledger.isCancelled(sequence) || this.#source.isOutOfOrder(sequence);
  }
}
