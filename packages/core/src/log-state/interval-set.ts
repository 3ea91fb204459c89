/** An inclusive range of sequences. */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

/**
 * A set of sequences, kept as merged intervals: a million settled messages without a gap are one entry, so memory and storage
 * grow with what is unfinished and not with what is done.
 */
export class IntervalSet {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  constructor(intervals: Iterable<Interval> = []) {
    for (const { start, end } of intervals) this.add(start, end);
  }

  *[Symbol.iterator](): IterableIterator<Interval> {
    for (let index = 0; index < this.#starts.length; index++)
      yield { start: this.#starts[index] as number, end: this.#ends[index] as number };
  }

  has(sequence: number): boolean {
    return this.#indexOf(sequence) >= 0;
  }

  /** The first sequence from here on that is not in the set. */
  nextAbsent(sequence: number): number {
    const index = this.#indexOf(sequence);
    return index < 0 ? sequence : (this.#ends[index] as number) + 1;
  }

  /** The first sequence from here on that is in the set. */
  nextPresent(sequence: number): number | undefined {
    if (this.has(sequence)) return sequence;
    return this.#starts[this.#firstStartAbove(sequence)];
  }

  /** The last sequence up to here that is not in the set. */
  previousAbsent(sequence: number): number {
    const index = this.#indexOf(sequence);
    return index < 0 ? sequence : (this.#starts[index] as number) - 1;
  }

  /** How many sequences from `start` to `end`, both included, are in the set. */
  countWithin(start: number, end: number): number {
    let count = 0;
    for (let index = Math.max(0, this.#firstStartAbove(start) - 1); index < this.#starts.length; index++) {
      const from = Math.max(start, this.#starts[index] as number);
      if (from > end) break;
      count += Math.max(0, Math.min(end, this.#ends[index] as number) - from + 1);
    }
    return count;
  }

  /** A copy without what lies behind a sequence. */
  upTo(last: number): IntervalSet {
    const left = [...this].filter(({ start }) => start <= last);
    return new IntervalSet(left.map(({ start, end }) => ({ start, end: Math.min(end, last) })));
  }

  /** Adds a range. Returns the starts of intervals that ceased to exist and the interval that now holds the range. */
  add(start: number, end: number = start): { readonly gone: readonly number[]; readonly merged: Interval } {
    let from = this.#firstStartAbove(start);
    if (from > 0 && (this.#ends[from - 1] as number) >= start - 1) from--;
    let to = from;
    let merged: Interval = { start, end };
    while (to < this.#starts.length && (this.#starts[to] as number) <= end + 1) {
      merged = { start: Math.min(merged.start, this.#starts[to] as number), end: Math.max(merged.end, this.#ends[to] as number) };
      to++;
    }
    const gone = this.#starts.slice(from, to).filter((old) => old !== merged.start);
    this.#starts.splice(from, to - from, merged.start);
    this.#ends.splice(from, to - from, merged.end);
    return { gone, merged };
  }

  /** Takes one sequence out. Returns the intervals that changed: the old start, and what is left of it. */
  delete(sequence: number): { readonly gone: readonly number[]; readonly left: readonly Interval[] } {
    const index = this.#indexOf(sequence);
    if (index < 0) return { gone: [], left: [] };
    const [start, end] = [this.#starts[index] as number, this.#ends[index] as number];
    const left: Interval[] = [];
    if (start < sequence) left.push({ start, end: sequence - 1 });
    if (sequence < end) left.push({ start: sequence + 1, end });
    this.#starts.splice(index, 1, ...left.map((interval) => interval.start));
    this.#ends.splice(index, 1, ...left.map((interval) => interval.end));
    return { gone: [start], left };
  }

  #indexOf(sequence: number): number {
    const index = this.#firstStartAbove(sequence) - 1;
    return index >= 0 && sequence <= (this.#ends[index] as number) ? index : -1;
  }

  /** The index of the first interval that starts behind a sequence. */
  #firstStartAbove(sequence: number): number {
    let [low, high] = [0, this.#starts.length];
    // Work is mostly finished at the end of the set: looking there first spares the search.
    if (high > 0 && (this.#starts[high - 1] as number) <= sequence) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] as number) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
