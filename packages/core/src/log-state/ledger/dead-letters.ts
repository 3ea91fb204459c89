import type { LedgerEntry } from "./claim-record.js";

/** The dead letters of a group, and those among them whose copy elsewhere is not known to be made. */
export class DeadLetters {
  readonly #all = new Set<number>();
  readonly #pending = new Set<number>();

  get size(): number {
    return this.#all.size;
  }

  add({ sequence, deathId, forwarded }: LedgerEntry): void {
    this.#all.add(sequence);
    // One without a name was made by an earlier release, which copied first.
    if (deathId !== undefined && !forwarded) this.#pending.add(sequence);
  }

  has(sequence: number): boolean {
    return this.#all.has(sequence);
  }

  delete(sequence: number): boolean {
    this.#pending.delete(sequence);
    return this.#all.delete(sequence);
  }

  /** A copy is made, or not wanted. Tells whether that is new. */
  forwarded(sequence: number): boolean {
    return this.#pending.delete(sequence);
  }

  /** Oldest first. */
  sequences(pending = false): number[] {
    return [...(pending ? this.#pending : this.#all)].sort((left, right) => left - right);
  }
}
