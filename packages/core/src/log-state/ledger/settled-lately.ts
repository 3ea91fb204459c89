/** So many are remembered. */
const REMEMBERED = 1_000;

/** A message that was settled not long ago. */
export interface LatelySettled {
  readonly sequence: number;
  readonly deliveries: number;
  /** In steady ms since the epoch. */
  readonly at: number;
}

/** The messages of a group that were settled last, in a ring of plain numbers: every acknowledgement passes here. Nothing keeps it over a restart. */
export class SettledLately {
  readonly #sequences: number[] = [];
  readonly #deliveries: number[] = [];
  readonly #times: number[] = [];
  #next = 0;

  add(sequence: number, deliveries: number, at: number): void {
    const place = this.#next;
    this.#sequences[place] = sequence;
    this.#deliveries[place] = deliveries;
    this.#times[place] = at;
    this.#next = place + 1 === REMEMBERED ? 0 : place + 1;
  }

  find(sequence: number): LatelySettled | undefined {
    const place = this.#sequences.lastIndexOf(sequence);
    const [deliveries, at] = [this.#deliveries[place], this.#times[place]];
    return deliveries === undefined || at === undefined ? undefined : { sequence, deliveries, at };
  }

  /** The earliest first. */
  snapshot(): readonly LatelySettled[] {
    const inOrder = [...this.#sequences.keys()].map((place) => (this.#next + place) % this.#sequences.length);
    return inOrder.map((place) => ({
      sequence: this.#sequences[place] as number,
      deliveries: this.#deliveries[place] as number,
      at: this.#times[place] as number,
    }));
  }

  restore(settled: readonly LatelySettled[]): void {
    for (const { sequence, deliveries, at } of settled) this.add(sequence, deliveries, at);
  }

  /** In ascending order. */
  sequences(): readonly number[] {
    return [...new Set(this.#sequences)].sort((left, right) => left - right);
  }
}
