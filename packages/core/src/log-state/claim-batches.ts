import { randomToken } from "./random.js";

/** One message of a {@link ClaimBatch}. */
export interface BatchedClaim {
  readonly sequence: number;
  readonly lane: string;
  readonly deliveries: number;
  /** What an earlier delivery ended with. */
  readonly reason?: string;
  readonly key?: string;
}

/** Who claims, for how long, and in which call. */
export interface BatchCall {
  readonly readerId: string;
  readonly leaseMs: number;
  /** How many of its claims the reader works on at once; `undefined`: all of them. */
  readonly working?: number | undefined;
  /** Tells workers of one reader apart; left out: every call is one of its own. */
  readonly workerId?: string | undefined;
  /** Names the call, where it may be repeated because its answer was lost. */
  readonly callId?: string | undefined;
}

/** What one call has claimed: stored as one entry, because a claim that is settled in time is never looked at alone. */
export interface ClaimBatch {
  /** Later batches have higher numbers: where two name the same message, the later one is right. */
  readonly number: number;
  readonly readerId: string;
  readonly leaseMs: number;
  /** How many of its claims the reader works on at once; left out: all of them. */
  readonly working?: number;
  readonly workerId?: string;
  readonly expiresAt: number;
  /** The unguessable part of the receipts. */
  readonly token: string;
  readonly claims: readonly BatchedClaim[];
}

/** A batch whose claims are live, all or some. */
export interface LiveBatch extends ClaimBatch {
  readonly claims: BatchedClaim[];
  expiresAt: number;
  /** When its first claim was made. */
  readonly openedAt: number;
  /** Its call goes on claiming: until that has ended, no lease of it can lapse. */
  isOpen?: boolean;
  /** Who works on it: a worker that names itself, or this one call. */
  readonly worker: string;
  /** How many of its claims are neither ended nor stored by themselves. */
  live: number;
  /** Its leases have lapsed, and it was decided which of them a handler may have begun with. */
  isJudged?: boolean;
  readonly callKey?: string;
  /** The call was repeated: its answer may never have come, whichever attempt it was. */
  isRepeated?: boolean;
}

/** The batches of one group. */
export class ClaimBatches {
  #nextNumber = 1;
  /** Live batches by the call that made them. Not stored: a call outlives no restart of its host. */
  readonly #byCall = new Map<string, LiveBatch>();
  #changed = new Map<number, ClaimBatch | undefined>();

  open({ readerId, leaseMs, working, workerId, callId }: BatchCall, now: number): LiveBatch {
    const number = this.#nextNumber++;
    return {
      number,
      readerId,
      worker: workerOf({ readerId, workerId, number }),
      leaseMs,
      expiresAt: now + leaseMs,
      openedAt: now,
      isOpen: true,
      token: randomToken(),
      claims: [],
      live: 0,
      ...(working === undefined ? {} : { working }),
      ...(workerId === undefined ? {} : { workerId }),
      ...(callId === undefined ? {} : { callKey: keyOfCall(readerId, callId) }),
    };
  }

  ofCall(readerId: string, callId: string): LiveBatch | undefined {
    return this.#byCall.get(keyOfCall(readerId, callId));
  }

  /** A batch from the store; its claims join it one by one. */
  restore(stored: ClaimBatch): LiveBatch {
    this.#nextNumber = Math.max(this.#nextNumber, stored.number + 1);
    return { ...stored, worker: workerOf(stored), claims: [...stored.claims], openedAt: stored.expiresAt - stored.leaseMs, live: 0 };
  }

  /** A batch of which nothing turns out to be live is dropped. */
  settleRestored(batch: LiveBatch): void {
    if (batch.live === 0) this.#changed.set(batch.number, undefined);
  }

  join(batch: LiveBatch, claim: BatchedClaim): void {
    batch.claims.push(claim);
    batch.live++;
    if (batch.callKey !== undefined) this.#byCall.set(batch.callKey, batch);
    this.#changed.set(batch.number, batch);
  }

  /** A claim has ended, or is stored by itself from now on. */
  leave(batch: LiveBatch): void {
    if (--batch.live > 0) return;
    this.#changed.set(batch.number, undefined);
    if (batch.callKey !== undefined) this.#byCall.delete(batch.callKey);
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  takeChanges(): ReadonlyMap<number, ClaimBatch | undefined> {
    const changed = this.#changed;
    this.#changed = new Map();
    return changed;
  }
}

function keyOfCall(readerId: string, callId: string): string {
  return `${readerId} ${callId}`;
}

function workerOf({ readerId, workerId, number }: { readerId: string; workerId?: string | undefined; number: number }): string {
  return `${readerId} ${workerId ?? number}`;
}
