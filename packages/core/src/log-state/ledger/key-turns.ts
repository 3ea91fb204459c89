import type { LedgerEntry } from "./claim-record.js";
import { PriorityQueue } from "./priority-queue.js";

/** Of one key: the entry whose turn it is, and known ones that wait for it to end. */
interface Turn {
  out: LedgerEntry;
  readonly waiting: PriorityQueue<LedgerEntry>;
}

/** A key whose next message has to be looked for. */
export interface Advance {
  readonly key: string;
  /** It lies behind this sequence. */
  readonly after: number;
  /** Everything of the key before it is known to be done. */
  readonly isSure: boolean;
}

/**
 * Whose turn it is among the messages of each key: one at a time, in the order of their sequences. Only messages that a group's ledger knows
 * are in here; the next one of a key is looked for when the last known one has ended, so that however many wait, none of them is held.
 */
export class KeyTurns {
  readonly #turns = new Map<string, Turn>();
  readonly #advances = new Map<string, Advance>();
  #mayCome = false;

  /**
   * An entry wants to stand in the queue of its state.
   *
   * @returns which entry is to stand there now, and which one has to leave its queue for it.
   */
  enter(entry: LedgerEntry, key: string): { readonly admitted?: LedgerEntry; readonly displaced?: LedgerEntry } {
    const turn = this.#turns.get(key);
    if (!turn) {
      // What follows is looked for when this one has ended.
      this.#advances.delete(key);
      this.#turns.set(key, { out: entry, waiting: new PriorityQueue<LedgerEntry>(({ sequence }) => sequence) });
      return { admitted: entry };
    }
    const { out, waiting } = turn;
    if (out === entry) return this.#reenter(turn);
    const goesFirst = !isOut(out) && (isOut(entry) || entry.sequence < out.sequence);
    if (!goesFirst) {
      waiting.push(entry);
      return {};
    }
    turn.out = entry;
    return { admitted: entry, displaced: out };
  }

  /** It is nobody's any more: an earlier one that has come meanwhile goes first. */
  #reenter(turn: Turn): { readonly admitted: LedgerEntry } {
    const { out, waiting } = turn;
    const first = waiting.peek();
    if (isOut(out) || !first || first.sequence > out.sequence) return { admitted: out };
    waiting.delete(first);
    waiting.push(out);
    turn.out = first;
    return { admitted: first };
  }

  /** It waits from now on. */
  wait(entry: LedgerEntry, key: string): void {
    this.#turns.get(key)?.waiting.push(entry);
  }

  /** It waits no more, if it did. Its turn stays its own. */
  take(entry: LedgerEntry, key: string): void {
    this.#turns.get(key)?.waiting.delete(entry);
  }

  /** An entry has ended. @returns the one whose turn comes with that. */
  leave(entry: LedgerEntry, key: string): LedgerEntry | undefined {
    const turn = this.#turns.get(key);
    if (turn?.out !== entry) {
      if (!turn) this.look({ key, after: entry.sequence, isSure: false });
      return undefined;
    }
    const next = turn.waiting.pop();
    this.#mayCome = true;
    if (next) return (turn.out = next);
    this.#turns.delete(key);
    this.look({ key, after: entry.sequence, isSure: true });
    return undefined;
  }

  /** Something of a key may be at its turn that no entry is there for. */
  look(advance: Advance): void {
    const { key } = advance;
    if (this.#turns.has(key)) return;
    this.#mayCome = true;
    const known = this.#advances.get(key);
    this.#advances.set(key, known ? { key, after: Math.min(known.after, advance.after), isSure: known.isSure && advance.isSure } : advance);
  }

  /** Whether a turn may have come since the last call. */
  takeWake(): boolean {
    const wakes = this.#mayCome;
    this.#mayCome = false;
    return wakes;
  }

  /** The entry of a key that is out or comes next, of those that are known. */
  current(key: string): LedgerEntry | undefined {
    return this.#turns.get(key)?.out;
  }

  /** Whether some message may keep others of its key waiting. */
  get hasTurns(): boolean {
    return this.#turns.size > 0;
  }

  get hasAdvances(): boolean {
    return this.#advances.size > 0;
  }

  /** The keys to look at; each is kept until {@link KeyTurns.looked}, because looking may fail. */
  advances(): readonly Advance[] {
    return [...this.#advances.values()];
  }

  looked(advance: Advance): void {
    if (this.#advances.get(advance.key) === advance) this.#advances.delete(advance.key);
  }
}

/** Somebody has it, or it rests after somebody had it. */
function isOut({ state, delayMs }: LedgerEntry): boolean {
  return state === "leased" || (state === "delayed" && delayMs !== undefined);
}
