import { IntervalSet, type Interval } from "../interval-set.js";

/** The sequences that need no work in a group, as ranges, and which of the ranges have changed. */
export class SettledRanges {
  readonly #set: IntervalSet;
  #changed = new Map<number, number | undefined>();

  constructor(stored: Iterable<Interval>) {
    this.#set = new IntervalSet(stored);
  }

  has(sequence: number): boolean {
    return this.#set.has(sequence);
  }

  nextAbsent(sequence: number): number {
    return this.#set.nextAbsent(sequence);
  }

  previousAbsent(sequence: number): number {
    return this.#set.previousAbsent(sequence);
  }

  nextPresent(sequence: number): number | undefined {
    return this.#set.nextPresent(sequence);
  }

  countWithin(first: number, last: number): number {
    return this.#set.countWithin(first, last);
  }

  intervals(): readonly Interval[] {
    return [...this.#set];
  }

  add(start: number, end: number = start): void {
    const { gone, merged } = this.#set.add(start, end);
    for (const old of gone) this.#changed.set(old, undefined);
    this.#changed.set(merged.start, merged.end);
  }

  delete(sequence: number): void {
    const { gone, left } = this.#set.delete(sequence);
    for (const start of gone) this.#changed.set(start, undefined);
    for (const { start, end } of left) this.#changed.set(start, end);
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  /** By their start; `undefined` where a range is gone. */
  takeChanges(): ReadonlyMap<number, number | undefined> {
    const changed = this.#changed;
    this.#changed = new Map();
    return changed;
  }
}
