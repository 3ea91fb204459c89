import type { LiveBatch } from "./claim-batches.js";
import type { LedgerEntry } from "./claim-record.js";

interface Worker {
  /** How many leases it has. */
  held: number;
  /** What it is known or taken to have begun with, and is not done with. */
  readonly begun: Set<number>;
}

/** What each worker has begun with, for as long as it holds anything. */
export class BegunJobs {
  readonly #workers = new Map<string, Worker>();

  /** A lease is granted. */
  hold(worker: string): void {
    const known = this.#workers.get(worker);
    if (known) known.held++;
    else this.#workers.set(worker, { held: 1, begun: new Set() });
  }

  /** A lease has ended. */
  letGo(worker: string | undefined): void {
    const known = this.#workers.get(worker ?? "");
    if (known && --known.held === 0) this.#workers.delete(worker ?? "");
  }

  add(worker: string | undefined, sequence: number): void {
    this.#workers.get(worker ?? "")?.begun.add(sequence);
  }

  delete(worker: string | undefined, sequence: number): void {
    this.#workers.get(worker ?? "")?.begun.delete(sequence);
  }

  /**
   * Whether a handler may have begun with a claim whose lease lapsed. The rest of what its worker held was only fetched ahead.
   *
   * @param batchOf the batch in which a message is held, unless it is held by itself.
   */
  mayHave(entry: LedgerEntry, batchOf: (sequence: number) => LiveBatch | undefined): boolean {
    const { batch } = entry;
    // What was extended by itself was being worked on.
    if (!batch) return true;
    // Once a message, so that one which kills its workers dies in any case.
    if (batch.isRepeated && !entry.wasDoubted) return !(entry.wasDoubted = true);
    if (batch.working === undefined) return true;
    if (!batch.isJudged) this.#judge(batch, batch.working, batchOf);
    return this.#workers.get(batch.worker)?.begun.has(entry.sequence) ?? false;
  }

  /** A worker takes its messages in their order, and works on so many at once: those and no more can it have begun with. */
  #judge(batch: LiveBatch, working: number, batchOf: (sequence: number) => LiveBatch | undefined): void {
    batch.isJudged = true;
    const begun = this.#workers.get(batch.worker)?.begun;
    for (const { sequence } of batch.claims) {
      if (!begun || begun.size >= working) return;
      if (batchOf(sequence) === batch) begun.add(sequence);
    }
  }

  /** Forgets those that do not satisfy the condition. */
  keep(worker: string, condition: (sequence: number) => boolean): void {
    const begun = this.#workers.get(worker)?.begun;
    for (const sequence of begun ?? []) if (!condition(sequence)) begun?.delete(sequence);
  }
}
