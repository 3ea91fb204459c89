import type { Aftermath, HistoryEvent } from "./history.js";

/** A promise that was broken. */
export interface Violation {
  readonly rule: "lost" | "renumbered" | "doubled" | "redelivered" | "held twice" | "out of order" | "cursor went back" | "cursor ran ahead";
  readonly what: string;
}

/**
 * Judges from outside: follows what a store has acknowledged over any number of runs and kills, and compares it with what is there
 * afterwards. What was under way at a kill may have happened or not, and both are right.
 */
export class Checker {
  /** Acknowledged writes, and the sequence of each id. */
  readonly #written = new Map<number, string>();
  readonly #sequences = new Map<string, number>();
  /** Acknowledged for certain, and perhaps. */
  readonly #acknowledged = new Set<number>();
  readonly #perhapsAcknowledged = new Set<number>();
  /** Held by a worker, of this run or of one that was killed: all leases of the load outlast it. */
  readonly #held = new Set<number>();
  #cursor = 0;
  #delivered = 0;

  /** How much was acknowledged so far. */
  get counts(): { readonly writes: number; readonly jobs: number; readonly cursor: number } {
    return { writes: this.#written.size, jobs: this.#acknowledged.size, cursor: this.#cursor };
  }

  /** One run's history, then what was found after it. */
  judge(history: readonly HistoryEvent[], aftermath: Aftermath): Violation[] {
    return [...history.flatMap((event) => this.#observe(event)), ...this.#compare(aftermath)];
  }

  #observe(event: HistoryEvent): Violation[] {
    switch (event.type) {
      case "written":
        return this.#observeWrite(event);
      case "claimed":
        return this.#observeClaim(event.sequence);
      case "settling":
        return this.#observeSettling(event);
      case "settled":
        return this.#observeSettled(event);
      case "committed":
        return this.#observeCommit(event.position);
      case "read":
        return this.#observeRead(event.sequences);
    }
  }

  #observeWrite({ sequence, id }: { readonly sequence: number; readonly id: string }): Violation[] {
    const [other, earlier] = [this.#written.get(sequence), this.#sequences.get(id)];
    this.#written.set(sequence, id);
    this.#sequences.set(id, sequence);
    if (other !== undefined && other !== id) return [{ rule: "renumbered", what: `sequence ${sequence} was given to ${other} and to ${id}` }];
    if (earlier !== undefined && earlier !== sequence) return [{ rule: "doubled", what: `${id} was stored as ${earlier} and as ${sequence}` }];
    return [];
  }

  #observeClaim(sequence: number): Violation[] {
    const violations: Violation[] = [];
    if (this.#acknowledged.has(sequence)) violations.push({ rule: "redelivered", what: `${sequence} was handed out after its acknowledgement was confirmed` });
    if (this.#held.has(sequence)) violations.push({ rule: "held twice", what: `${sequence} was handed out while its lease was live` });
    this.#held.add(sequence);
    return violations;
  }

  #observeSettling({ action, sequences }: { readonly action: string; readonly sequences: readonly number[] }): Violation[] {
    for (const sequence of sequences) {
      if (action === "acknowledge") this.#perhapsAcknowledged.add(sequence);
      // From here on somebody else may have it, before this worker hears of it.
      else this.#held.delete(sequence);
    }
    return [];
  }

  #observeSettled({ action, sequences }: { readonly action: string; readonly sequences: readonly number[] }): Violation[] {
    if (action !== "acknowledge") return [];
    for (const sequence of sequences) {
      this.#acknowledged.add(sequence);
      this.#held.delete(sequence);
    }
    return [];
  }

  #observeCommit(position: number): Violation[] {
    const violations: Violation[] = [];
    if (position < this.#cursor) violations.push({ rule: "cursor went back", what: `from ${this.#cursor} to ${position}` });
    if (position > this.#delivered) violations.push({ rule: "cursor ran ahead", what: `to ${position}, but only ${this.#delivered} was delivered` });
    this.#cursor = Math.max(this.#cursor, position);
    return violations;
  }

  #observeRead(sequences: readonly number[]): Violation[] {
    const unordered = sequences.some((sequence, index) => index > 0 && sequence <= (sequences[index - 1] ?? 0));
    this.#delivered = Math.max(this.#delivered, ...sequences);
    return unordered ? [{ rule: "out of order", what: `a read returned ${sequences.join(", ")}` }] : [];
  }

  #compare({ messages, cursor, claimable }: Aftermath): Violation[] {
    const violations: Violation[] = [];
    for (const [sequence, id] of this.#written) {
      const found = messages.get(sequence);
      // Retention removes what was settled, and nothing else.
      if (found === undefined && !this.#perhapsAcknowledged.has(sequence)) violations.push({ rule: "lost", what: `${id} (${sequence}) was acknowledged and is gone` });
      if (found !== undefined && found !== id) violations.push({ rule: "renumbered", what: `${sequence} was ${id} and is now ${found}` });
    }
    const ids = [...messages.values()];
    if (new Set(ids).size < ids.length) violations.push({ rule: "doubled", what: "an id is there more than once" });
    if (cursor < this.#cursor) violations.push({ rule: "cursor went back", what: `${this.#cursor} was confirmed, ${cursor} is there` });
    if (cursor > this.#delivered) violations.push({ rule: "cursor ran ahead", what: `${cursor} is there, only ${this.#delivered} was delivered` });
    for (const sequence of claimable) {
      if (this.#acknowledged.has(sequence)) violations.push({ rule: "redelivered", what: `${sequence} is handed out after the restart, and its acknowledgement was confirmed` });
      if (this.#held.has(sequence)) violations.push({ rule: "held twice", what: `${sequence} is handed out after the restart, and its lease is live` });
    }
    return violations;
  }
}
