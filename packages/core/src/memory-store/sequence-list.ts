/** Sequences in ascending order. What is taken out is cleared away once it is the larger part, so that taking out is cheap. */
export class SequenceList {
  #sequences: number[] = [];
  readonly #gone = new Set<number>();

  /** @param sequence higher than all before. */
  push(sequence: number): void {
    this.#sequences.push(sequence);
  }

  delete(sequence: number): void {
    if (this.#sequences[this.#indexBehind(sequence - 1)] !== sequence) return;
    this.#gone.add(sequence);
    if (this.#gone.size * 2 <= this.#sequences.length) return;
    this.#sequences = this.#sequences.filter((kept) => !this.#gone.has(kept));
    this.#gone.clear();
  }

  get isEmpty(): boolean {
    return this.#sequences.length === this.#gone.size;
  }

  /** The first `limit` ones behind a sequence. */
  behind(after: number, limit: number): number[] {
    const found: number[] = [];
    for (let index = this.#indexBehind(after); index < this.#sequences.length && found.length < limit; index++) {
      const sequence = this.#sequences[index] as number;
      if (!this.#gone.has(sequence)) found.push(sequence);
    }
    return found;
  }

  /** The last one before a sequence. */
  before(sequence: number): number | undefined {
    let index = this.#indexBehind(sequence - 1) - 1;
    while (index >= 0 && this.#gone.has(this.#sequences[index] as number)) index--;
    return this.#sequences[index];
  }

  #indexBehind(after: number): number {
    let [low, high] = [0, this.#sequences.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sequences[middle] as number) <= after) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Lists of sequences by a name, without the empty ones. */
export class SequenceIndex {
  readonly #lists = new Map<string, SequenceList>();

  add(name: string, sequence: number): void {
    let list = this.#lists.get(name);
    if (!list) this.#lists.set(name, (list = new SequenceList()));
    list.push(sequence);
  }

  delete(name: string, sequence: number): void {
    const list = this.#lists.get(name);
    list?.delete(sequence);
    if (list?.isEmpty) this.#lists.delete(name);
  }

  behind(name: string, after: number, limit: number): number[] {
    return this.#lists.get(name)?.behind(after, limit) ?? [];
  }

  before(name: string, sequence: number): number | undefined {
    return this.#lists.get(name)?.before(sequence);
  }
}
