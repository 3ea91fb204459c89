/** For so long it is remembered at least what was acknowledged, */
const REMEMBERED_MS = 600_000;
/** unless so many other claims have been acknowledged since. */
const REMEMBERED_CLAIMS = 50_000;
/** So many forgotten batches are told at once, so that no step writes many. */
const FORGOTTEN_AT_ONCE = 64;

/** What was claimed in one call, and acknowledged. */
export interface EndedBatch {
  readonly number: number;
  readonly readerId: string;
  readonly sequences: readonly number[];
}

/** {@link EndedBatches} in a snapshot. */
export interface EndedBatchesState {
  readonly newer: readonly (readonly [token: string, batch: EndedBatch])[];
  readonly older: readonly (readonly [token: string, batch: EndedBatch])[];
  readonly since: number;
  readonly forgotten: readonly number[];
}

/**
 * Batches of claims that nobody holds any more, by the unguessable part of their receipts: an acknowledgement that is repeated, because its
 * answer was lost, gets an answer that says so. Two maps take turns, because taking single old entries out of one large map costs more with every one
 * that was taken.
 */
export class EndedBatches {
  #newer = new Map<string, EndedBatch>();
  #older: ReadonlyMap<string, EndedBatch> = new Map();
  #claims = 0;
  /** When the newer ones began to be gathered. */
  #since: number;
  #forgotten: number[] = [];

  constructor(now: number) {
    this.#since = now;
  }

  find(token: string): EndedBatch | undefined {
    return this.#newer.get(token) ?? this.#older.get(token);
  }

  add(token: string, batch: EndedBatch, now: number): void {
    this.forget(now);
    this.#newer.set(token, batch);
    this.#claims += weightOf(batch);
  }

  /** Lets go of what need not be remembered any more. @returns whether its time had come, with something to remember. */
  forget(now: number): boolean {
    if (this.#claims < REMEMBERED_CLAIMS && now - this.#since < REMEMBERED_MS) return false;
    const hadAny = this.#newer.size > 0 || this.#older.size > 0;
    for (const { number } of this.#older.values()) this.#forgotten.push(number);
    this.#older = this.#newer;
    this.#newer = new Map();
    this.#claims = 0;
    this.#since = now;
    return hadAny;
  }

  get hasForgotten(): boolean {
    return this.#forgotten.length > 0;
  }

  /** The numbers of some that were let go of, since the last call. */
  takeForgotten(): readonly number[] {
    return this.#forgotten.splice(-FORGOTTEN_AT_ONCE);
  }

  snapshot(): EndedBatchesState {
    return { newer: [...this.#newer], older: [...this.#older], since: this.#since, forgotten: [...this.#forgotten] };
  }

  restore({ newer, older, since, forgotten }: EndedBatchesState): void {
    this.#newer = new Map(newer);
    this.#older = new Map(older);
    this.#claims = newer.reduce((sum, [, batch]) => sum + weightOf(batch), 0);
    this.#since = since;
    this.#forgotten = [...forgotten];
  }
}

/** One of which nothing was acknowledged takes room as well. */
function weightOf({ sequences }: EndedBatch): number {
  return Math.max(1, sequences.length);
}
