import type { GroupRegime } from "../../ports/message-store.js";
import type { BatchedClaim, ClaimBatch } from "./claim-batches.js";
import type { ClaimEntries } from "./claim-entries.js";
import { toRecord, type ClaimRecord, type StoredLedger } from "./claim-record.js";
import type { GroupLimits } from "./group-limits.js";
import type { Interval } from "../interval-set.js";

/** Claims of one call that have all ended, of which some were acknowledged: so that a repeated acknowledgement is known as one. */
export interface AcknowledgedBatch {
  readonly number: number;
  readonly readerId: string;
  /** The unguessable part of the receipts. */
  readonly token: string;
  readonly sequences: readonly number[];
}

/**
 * What outlives a restart of a group's claims, as JSON and in an order that does not tell how it came to be. What time alone has not been looked at
 * for is as it was: a lease that is over stays one until somebody asks.
 */
export interface KeptLedger {
  /** Ranges that need no work: settled, or removed. */
  readonly settled: readonly Interval[];
  /** What stands by itself: extended, resting, come back, dead, cancelled. */
  readonly records: readonly ClaimRecord[];
  /** Claims that were made together, of which some are live. */
  readonly batches: readonly ClaimBatch[];
  readonly acknowledged: readonly AcknowledgedBatch[];
  readonly regime: GroupRegime;
  /** How many were handed out when, in steady ms, as far as the group's rate asks for it. */
  readonly grants: readonly (readonly [at: number, count: number])[];
}

/** Takes out what a store has to keep. What waits for its time or its turn, and nobody ever had, follows from the messages. */
export function takeKept(entries: ClaimEntries, limits: GroupLimits): KeptLedger {
  const { live, ended } = entries.batches.snapshot();
  const records = [...entries.all()].filter(({ isStored }) => isStored).map(toRecord);
  const acknowledged = [...ended.older, ...ended.newer].flatMap(([token, { number, readerId, sequences }]) =>
    sequences.length > 0 ? [{ number, readerId, token, sequences }] : [],
  );
  return {
    settled: entries.settled.intervals(),
    records: records.sort((left, right) => left.sequence - right.sequence),
    batches: live.map(toBatch),
    acknowledged: acknowledged.sort((left, right) => left.number - right.number),
    regime: limits.regime,
    grants: limits.grants(),
  };
}

function toBatch({ number, readerId, leaseMs, working, workerId, expiresAt, token, claims }: ClaimBatch): ClaimBatch {
  return {
    number,
    readerId,
    leaseMs,
    expiresAt,
    token,
    claims,
    ...(working === undefined ? {} : { working }),
    ...(workerId === undefined ? {} : { workerId }),
  };
}

/** What was kept, as a ledger is made from it. */
export function storedOf({ settled, records, batches, acknowledged, regime, grants }: KeptLedger): StoredLedger & {
  readonly batches: readonly ClaimBatch[];
} {
  return { settled, records, batches: [...acknowledged.map(endedBatch), ...batches], regime, grants };
}

/** Of claims that have ended nothing is looked at but whose they were, and which. */
function endedBatch({ number, readerId, token, sequences }: AcknowledgedBatch): ClaimBatch {
  const claims = sequences.map((sequence): BatchedClaim => ({ sequence, lane: "", deliveries: 1 }));
  return { number, readerId, token, leaseMs: 0, expiresAt: 0, claims };
}
