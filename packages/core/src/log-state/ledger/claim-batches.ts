import type { LedgerEntry } from "./claim-record.js";
import { EndedBatches, type EndedBatchesState } from "./ended-batches.js";
import { randomPartOf } from "../random.js";
import type { Step } from "./step.js";
import type { SettleResult, Settlement } from "../../ports/message-store.js";

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

/**
 * What one call has claimed, and has not lost since: stored as one entry, because a claim that is settled in time is never looked at alone. It is kept for
 * a while when all of it is acknowledged, to know that by.
 */
export interface ClaimBatch {
  /** Later batches have higher numbers: where two name the same message, the later one is right. */
  readonly number: number;
  readonly readerId: string;
  readonly leaseMs: number;
  /** How many of its claims the reader works on at once; left out: all of them. */
  readonly working?: number | undefined;
  readonly workerId?: string | undefined;
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
  /** Who works on it: a worker that names itself, or this one call. */
  readonly worker: string;
  /** What its call, which goes on claiming, has been granted: until that has ended, no lease of it can lapse. */
  opened: LedgerEntry[] | undefined;
  /** How many of its claims have not ended. */
  live: number;
  /** Its leases have lapsed, and it was decided which of them a handler may have begun with. */
  isJudged?: boolean;
  readonly callKey?: string | undefined;
  /** The call was repeated: its answer may never have come, whichever attempt it was. */
  isRepeated?: boolean;
}

/** {@link ClaimBatches} in a snapshot. */
export interface ClaimBatchesState {
  readonly nextNumber: number;
  readonly live: readonly LiveBatch[];
  readonly ended: EndedBatchesState;
}

/** The batches of one group. */
export class ClaimBatches {
  #nextNumber = 1;
  readonly #live = new Map<string, LiveBatch>();
  readonly #ended: EndedBatches;
  /** Live batches by the call that made them. Not stored: a call outlives no restart of its host. */
  readonly #byCall = new Map<string, LiveBatch>();
  #changed = new Map<number, ClaimBatch | undefined>();

  constructor(now: number) {
    this.#ended = new EndedBatches(now);
  }

  open({ readerId, leaseMs, working, workerId, callId }: BatchCall, { now, token }: Step): LiveBatch {
    const number = this.#nextNumber++;
    return {
      number,
      readerId,
      leaseMs,
      working,
      workerId,
      expiresAt: now + leaseMs,
      token,
      claims: [],
      worker: workerOf({ readerId, workerId, number }),
      openedAt: now,
      opened: [],
      live: 0,
      callKey: callId === undefined ? undefined : keyOfCall(readerId, callId),
    };
  }

  ofCall(readerId: string, callId: string): LiveBatch | undefined {
    return this.#byCall.get(keyOfCall(readerId, callId));
  }

  /** The batch of a receipt, if any of its claims is live. */
  ofReceipt(receipt: string): LiveBatch | undefined {
    return this.#live.get(randomPartOf(receipt));
  }

  /** A batch from the store. Who of its claims is live is said with `live` and `lost` one by one, before {@link ClaimBatches.restored}. */
  restore(stored: ClaimBatch): LiveBatch {
    this.#nextNumber = Math.max(this.#nextNumber, stored.number + 1);
    const batch = {
      ...stored,
      worker: workerOf(stored),
      claims: [...stored.claims],
      openedAt: stored.expiresAt - stored.leaseMs,
      opened: undefined,
      live: 0,
    };
    this.#live.set(batch.token, batch);
    return batch;
  }

  /** It is known what became of each of its claims. */
  restored(batch: LiveBatch, now: number): void {
    if (batch.live === 0) this.#end(batch, now);
  }

  join(batch: LiveBatch, claim: BatchedClaim): void {
    if (batch.claims.push(claim) === 1) this.#live.set(batch.token, batch);
    batch.live++;
    if (batch.callKey !== undefined) this.#byCall.set(batch.callKey, batch);
    this.#changed.set(batch.number, batch);
  }

  /** A claim is acknowledged. */
  acknowledged(batch: LiveBatch, now: number): void {
    if (--batch.live === 0) this.#end(batch, now);
  }

  /** A claim has ended otherwise. */
  lost(batch: LiveBatch, sequence: number, now: number): void {
    this.forgetClaim(batch, sequence);
    if (--batch.live === 0) this.#end(batch, now);
  }

  /** A claim that had ended long ago, as it turns out, was not acknowledged. */
  forgetClaim(batch: LiveBatch, sequence: number): void {
    const place = batch.claims.findIndex((claim) => claim.sequence === sequence);
    if (place >= 0) batch.claims.splice(place, 1);
    this.#changed.set(batch.number, batch);
  }

  #end(batch: LiveBatch, now: number): void {
    const { number, token, readerId, claims, callKey } = batch;
    if (batch.opened) return;
    this.#live.delete(token);
    if (callKey !== undefined && this.#byCall.get(callKey) === batch) this.#byCall.delete(callKey);
    // Nothing of it was acknowledged: a store need not know of it any more.
    if (claims.length === 0) this.#changed.set(number, undefined);
    this.#ended.add(token, { number, readerId, sequences: claims.map(({ sequence }) => sequence) }, now);
  }

  /** Its call claims no more. */
  close(batch: LiveBatch, now: number): void {
    batch.opened = undefined;
    batch.expiresAt = now + batch.leaseMs;
    if (batch.live === 0 && this.#live.has(batch.token)) this.#end(batch, now);
  }

  /** What whoever settles a claim is told that nobody holds any more. */
  answer(readerId: string, sequence: number, { receipt, action }: Settlement): SettleResult {
    const token = randomPartOf(receipt);
    const live = this.#live.get(token);
    const ended = live ? undefined : this.#ended.find(token);
    if ((live ?? ended)?.readerId !== readerId) return { receipt, status: "unknown" };
    const isAcknowledged = live ? live.claims.some((claim) => claim.sequence === sequence) : ended?.sequences.includes(sequence);
    return { receipt, status: isAcknowledged && action === "acknowledge" ? "already_acknowledged" : "lost" };
  }

  /** Lets go of what need not be remembered any more. @returns whether there was anything. */
  forget(now: number): boolean {
    return this.#ended.forget(now);
  }

  snapshot(): ClaimBatchesState {
    const live = [...this.#live.values()].sort((left, right) => left.number - right.number);
    return {
      nextNumber: this.#nextNumber,
      live: live.map((batch) => ({ ...batch, claims: [...batch.claims] })),
      ended: this.#ended.snapshot(),
    };
  }

  restoreSnapshot({ nextNumber, live, ended }: ClaimBatchesState): void {
    this.#nextNumber = nextNumber;
    for (const state of live) {
      const batch: LiveBatch = { ...state, claims: [...state.claims], opened: undefined };
      this.#live.set(batch.token, batch);
      if (batch.callKey !== undefined) this.#byCall.set(batch.callKey, batch);
    }
    this.#ended.restore(ended);
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0 || this.#ended.hasForgotten;
  }

  takeChanges(): ReadonlyMap<number, ClaimBatch | undefined> {
    const changed = this.#changed;
    if (this.#ended.hasForgotten) for (const number of this.#ended.takeForgotten()) changed.set(number, undefined);
    if (changed.size > 0) this.#changed = new Map();
    return changed;
  }
}

function keyOfCall(readerId: string, callId: string): string {
  return `${readerId} ${callId}`;
}

function workerOf({ readerId, workerId, number }: { readerId: string; workerId?: string | undefined; number: number }): string {
  return `${readerId} ${workerId ?? number}`;
}
