import type { LiveBatch } from "./claim-batches.js";
import type { LedgerEntry } from "./claim-record.js";

/** A worker, as far as a group knows it. */
export interface Worker {
  readonly name: string;
  /** How many leases it has, and calls that go on claiming. */
  held: number;
  /** What it is known or taken to have begun with, and is not done with. */
  readonly begun: Set<number>;
}

/** A {@link Worker} in a snapshot. */
export interface WorkerState {
  readonly name: string;
  readonly begun: readonly number[];
}

/** What each worker has begun with, for as long as it holds anything. */
export class BegunJobs {
  readonly #workers = new Map<string, Worker>();

  /** One more lease, or call, of a worker. */
  hold(name: string): Worker {
    const known = this.#workers.get(name);
    if (known) {
      known.held++;
      return known;
    }
    const worker = { name, held: 1, begun: new Set<number>() };
    this.#workers.set(name, worker);
    return worker;
  }

  /** A lease has ended. */
  letGo(worker: Worker | undefined): void {
    if (worker && --worker.held === 0) this.#workers.delete(worker.name);
  }

  /** A call has ended. */
  release(name: string): void {
    this.letGo(this.#workers.get(name));
  }

  /**
   * Whether a handler may have begun with a claim whose lease lapsed. The rest of what its worker held was only fetched ahead.
   *
   * @param batchOf the batch in which a message is held, unless it is held by itself.
   */
  mayHave(entry: LedgerEntry, batchOf: (sequence: number) => LiveBatch | undefined): boolean {
    const { batch, worker } = entry;
    // What was extended by itself was being worked on.
    if (!batch || entry.isStored) return true;
    // Once a message, so that one which kills its workers dies in any case.
    if (batch.isRepeated && !entry.wasDoubted) return !(entry.wasDoubted = true);
    if (batch.working === undefined) return true;
    if (!batch.isJudged) judge(batch, batch.working, worker, batchOf);
    return worker?.begun.has(entry.sequence) ?? false;
  }

  snapshot(): readonly WorkerState[] {
    const workers = [...this.#workers.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
    return workers.map(({ name, begun }) => ({ name, begun: [...begun] }));
  }

  /** Those who hold nothing are not restored. */
  restore(workers: readonly WorkerState[]): void {
    for (const { name, begun } of workers) for (const sequence of begun) this.#workers.get(name)?.begun.add(sequence);
  }
}

/** A worker takes its messages in their order, and works on so many at once: those and no more can it have begun with. */
function judge(batch: LiveBatch, working: number, worker: Worker | undefined, batchOf: (sequence: number) => LiveBatch | undefined): void {
  batch.isJudged = true;
  for (const { sequence } of batch.claims) {
    if (!worker || worker.begun.size >= working) return;
    if (batchOf(sequence) === batch) worker.begun.add(sequence);
  }
}
