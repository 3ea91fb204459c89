import type { Aftermath, ClaimReference, HistoryEvent } from "./history.js";

/** A promise that was broken. */
export interface Violation {
  readonly rule:
    | "lost"
    | "renumbered"
    | "doubled"
    | "redelivered"
    | "held twice"
    | "acknowledged late"
    | "lease ended early"
    | "out of order"
    | "out of turn"
    | "beyond its bounds"
    | "unsound"
    | "cursor went back"
    | "cursor ran ahead"
    | "missed"
    | "repeated"
    | "stuck"
    | "died";
  readonly what: string;
}

/** Clocks of two processes on one machine agree to the millisecond, and to a rounding. */
const TOLERANCE_MS = 5;

interface Holder {
  readonly receipt: string;
  /** The lease is live at least until then. */
  readonly until: number;
}

type EventOf<Type extends HistoryEvent["type"]> = Extract<HistoryEvent, { readonly type: Type }>;

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
  /** Who was handed a message last. */
  readonly #holders = new Map<number, Holder>();
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

  /** Takes what is there as what was acknowledged, after a loss that is allowed. Returns the acknowledged writes that are gone. */
  forgive({ messages, cursor }: Aftermath): readonly number[] {
    const lost = [...this.#written.keys()].filter((sequence) => !messages.has(sequence) && !this.#perhapsAcknowledged.has(sequence));
    this.#written.clear();
    this.#sequences.clear();
    for (const [sequence, id] of messages) {
      this.#written.set(sequence, id);
      this.#sequences.set(id, sequence);
    }
    // What is there and was settled may be removed later; the sequences of what is gone are given out again.
    for (const sequence of this.#perhapsAcknowledged) if (!messages.has(sequence)) this.#perhapsAcknowledged.delete(sequence);
    this.#acknowledged.clear();
    this.#holders.clear();
    this.#cursor = cursor;
    return lost;
  }

  #observe(event: HistoryEvent): Violation[] {
    switch (event.type) {
      case "written":
        return this.#observeWrite(event);
      case "claimed":
        return this.#observeClaim(event);
      case "settling":
        return this.#observeSettling(event);
      case "settled":
        return this.#observeSettled(event);
      case "committed":
        return this.#observeCommit(event.position);
      case "read":
        return this.#observeRead(event.sequences);
      default:
        return [];
    }
  }

  #observeWrite({ sequence, id }: EventOf<"written">): Violation[] {
    const [other, earlier] = [this.#written.get(sequence), this.#sequences.get(id)];
    this.#written.set(sequence, id);
    this.#sequences.set(id, sequence);
    if (other !== undefined && other !== id)
      return [{ rule: "renumbered", what: `sequence ${sequence} was given to ${other} and to ${id}` }];
    if (earlier !== undefined && earlier !== sequence)
      return [{ rule: "doubled", what: `${id} was stored as ${earlier} and as ${sequence}` }];
    return [];
  }

  #observeClaim({ sequence, receipt, asked, answered, leaseMs }: EventOf<"claimed">): Violation[] {
    const violations: Violation[] = [];
    if (this.#acknowledged.has(sequence))
      violations.push({ rule: "redelivered", what: `${sequence} was handed out after its acknowledgement was confirmed` });
    if (this.#isHeld(sequence, answered))
      violations.push({ rule: "held twice", what: `${sequence} was handed out while its lease was live` });
    this.#holders.set(sequence, { receipt, until: asked + leaseMs - TOLERANCE_MS });
    return violations;
  }

  #isHeld(sequence: number, at: number): boolean {
    return (this.#holders.get(sequence)?.until ?? 0) > at;
  }

  #observeSettling({ action, claims }: EventOf<"settling">): Violation[] {
    for (const { sequence, receipt } of claims) {
      if (action === "acknowledge") this.#perhapsAcknowledged.add(sequence);
      // From here on somebody else may have it, before this worker hears of it.
      if (action === "release" && this.#holders.get(sequence)?.receipt === receipt) this.#holders.delete(sequence);
    }
    return [];
  }

  #observeSettled({ action, asked, answered, leaseMs, done, refused }: EventOf<"settled">): Violation[] {
    const early = refused.filter((claim) => this.#isHolder(claim) && this.#isHeld(claim.sequence, answered));
    const late =
      action === "acknowledge" ? done.filter(({ sequence, receipt }) => (this.#holders.get(sequence)?.receipt ?? receipt) !== receipt) : [];
    for (const { sequence, receipt } of done) {
      if (action === "acknowledge") this.#acknowledged.add(sequence);
      if (action === "acknowledge") this.#holders.delete(sequence);
      if (action === "extend") this.#holders.set(sequence, { receipt, until: asked + leaseMs - TOLERANCE_MS });
    }
    return [
      ...early.map(({ sequence }): Violation => ({
        rule: "lease ended early",
        what: `${action} of ${sequence} was refused while its lease was live`,
      })),
      ...late.map(({ sequence }): Violation => ({
        rule: "acknowledged late",
        what: `${sequence} was acknowledged under a claim after somebody else was handed it`,
      })),
    ];
  }

  #isHolder({ sequence, receipt }: ClaimReference): boolean {
    return this.#holders.get(sequence)?.receipt === receipt;
  }

  #observeCommit(position: number): Violation[] {
    const violations: Violation[] = [];
    if (position < this.#cursor) violations.push({ rule: "cursor went back", what: `from ${this.#cursor} to ${position}` });
    if (position > this.#delivered)
      violations.push({ rule: "cursor ran ahead", what: `to ${position}, but only ${this.#delivered} was delivered` });
    this.#cursor = Math.max(this.#cursor, position);
    return violations;
  }

  #observeRead(sequences: readonly number[]): Violation[] {
    const unordered = sequences.some((sequence, index) => index > 0 && sequence <= (sequences[index - 1] ?? 0));
    this.#delivered = Math.max(this.#delivered, ...sequences);
    return unordered ? [{ rule: "out of order", what: `a read returned ${sequences.join(", ")}` }] : [];
  }

  #compare({ messages, cursor, claimable, at }: Aftermath): Violation[] {
    const violations: Violation[] = [];
    for (const [sequence, id] of this.#written) {
      const found = messages.get(sequence);
      // Retention removes what was settled, and nothing else.
      if (found === undefined && !this.#perhapsAcknowledged.has(sequence))
        violations.push({ rule: "lost", what: `${id} (${sequence}) was acknowledged and is gone` });
      if (found !== undefined && found !== id) violations.push({ rule: "renumbered", what: `${sequence} was ${id} and is now ${found}` });
    }
    const ids = [...messages.values()];
    if (new Set(ids).size < ids.length) violations.push({ rule: "doubled", what: "an id is there more than once" });
    if (cursor < this.#cursor) violations.push({ rule: "cursor went back", what: `${this.#cursor} was confirmed, ${cursor} is there` });
    if (cursor > this.#delivered)
      violations.push({ rule: "cursor ran ahead", what: `${cursor} is there, only ${this.#delivered} was delivered` });
    for (const sequence of claimable) {
      if (this.#acknowledged.has(sequence))
        violations.push({
          rule: "redelivered",
          what: `${sequence} is handed out after the restart, and its acknowledgement was confirmed`,
        });
      if (this.#isHeld(sequence, at))
        violations.push({ rule: "held twice", what: `${sequence} is handed out after the restart, and its lease is live` });
    }
    return violations;
  }
}
