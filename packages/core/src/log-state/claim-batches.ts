import { randomToken } from "./random.js";

/** One message of a {@link ClaimBatch}. */
export interface BatchedClaim {
  readonly sequence: number;
  readonly lane: string;
  readonly deliveries: number;
}

/** What one call has claimed: stored as one entry, because a claim that is settled in time is never looked at alone. */
export interface ClaimBatch {
  /** Later batches have higher numbers: where two name the same message, the later one is right. */
  readonly number: number;
  readonly readerId: string;
  readonly leaseMs: number;
  readonly expiresAt: number;
  /** The unguessable part of the receipts. */
  readonly token: string;
  readonly claims: readonly BatchedClaim[];
}

/** A batch whose claims are live, all or some. */
export interface LiveBatch extends ClaimBatch {
  readonly claims: BatchedClaim[];
  /** How many of its claims are neither ended nor stored by themselves. */
  live: number;
}

/** The batches of one group. */
export class ClaimBatches {
  #nextNumber = 1;
  #changed = new Map<number, ClaimBatch | undefined>();

  open(readerId: string, leaseMs: number, expiresAt: number): LiveBatch {
    return { number: this.#nextNumber++, readerId, leaseMs, expiresAt, token: randomToken(), claims: [], live: 0 };
  }

  /** A batch from the store; its claims join it one by one. */
  restore(stored: ClaimBatch): LiveBatch {
    this.#nextNumber = Math.max(this.#nextNumber, stored.number + 1);
    return { ...stored, claims: [...stored.claims], live: 0 };
  }

  /** A batch of which nothing turns out to be live is dropped. */
  settleRestored(batch: LiveBatch): void {
    if (batch.live === 0) this.#changed.set(batch.number, undefined);
  }

  join(batch: LiveBatch, claim: BatchedClaim): void {
    batch.claims.push(claim);
    batch.live++;
    this.#changed.set(batch.number, batch);
  }

  /** A claim has ended, or is stored by itself from now on. */
  leave(batch: LiveBatch): void {
    if (--batch.live === 0) this.#changed.set(batch.number, undefined);
  }

  takeChanges(): ReadonlyMap<number, ClaimBatch | undefined> {
    const changed = this.#changed;
    this.#changed = new Map();
    return changed;
  }
}
