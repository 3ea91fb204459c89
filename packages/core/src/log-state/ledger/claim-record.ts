import type { JsonValue } from "../../json-value.js";
import type { Backoff, GroupRegime, GroupStats } from "../../ports/message-store.js";
import type { Worker } from "./begun-jobs.js";
import type { ClaimBatch, LiveBatch } from "./claim-batches.js";
import type { Interval } from "../interval-set.js";
import type { Queued } from "./priority-queue.js";
import { sequenceToken } from "../random.js";
import type { Step } from "./step.js";

/** The state of one message in one group, from its first hand-out to its end, as a store keeps it. */
export interface ClaimRecord {
  readonly sequence: number;
  /** The name of the lane in which it waits. */
  readonly lane: string;
  /** Of one key, one message at a time is handed out. */
  readonly key?: string;
  readonly deliveries: number;
  readonly state: "leased" | "delayed" | "returned" | "dead" | "cancelled";
  readonly readerId?: string;
  /** Who had it before, where nobody has it. */
  readonly lastReaderId?: string;
  readonly receipt?: string;
  readonly leaseMs?: number;
  readonly expiresAt?: number;
  readonly availableAt?: number;
  /** How long the delay was when it began. */
  readonly delayMs?: number;
  /** What the last failure, or who cancelled it, gave as its reason. */
  readonly reason?: string;
  /** How far its handler said that it was. */
  readonly progress?: JsonValue;
  /** Moved to another time or priority while others of its key were before it, which nothing here knows of. */
  readonly isBehind?: boolean;
  /** Cancelled ones: when, in steady ms since the epoch. */
  readonly cancelledAt?: number;
  /** Dead letters: when it died, in steady ms since the epoch. */
  readonly diedAt?: number;
  /** Dead letters: names this death, so that a copy of it elsewhere is made once. */
  readonly deathId?: string;
  /** Dead letters: whether the copy was made, or is not wanted. */
  readonly forwarded?: boolean;
}

/** What a reader is told of a claim besides its lease. */
export interface Grant {
  readonly sequence: number;
  readonly receipt: string;
  readonly deliveries: number;
}

/** What a store has to write to keep a group: `undefined` means that the entry is gone. */
export interface LedgerChanges {
  readonly records: ReadonlyMap<number, ClaimRecord | undefined>;
  /** Claims that were made together, by the batch's number. */
  readonly batches: ReadonlyMap<number, ClaimBatch | undefined>;
  /** Settled ranges by their start. */
  readonly settled: ReadonlyMap<number, number | undefined>;
  /** How many were handed out when, in steady ms, as far as the group's rate asks for it. */
  readonly grants: ReadonlyMap<number, number | undefined>;
  /** Left out: as before. */
  readonly regime?: GroupRegime;
}

const NOTHING: ReadonlyMap<number, undefined> = new Map();
/** Of a ledger that nothing was done to. */
export const NO_CHANGES: LedgerChanges = { records: NOTHING, batches: NOTHING, settled: NOTHING, grants: NOTHING };

/** What holds for all groups of a log. */
export interface LedgerPolicy {
  /** After so many deliveries that count, a message that comes back is dead. */
  readonly maxDeliveries?: number | undefined;
}

/** What a store has kept of a group. */
export interface StoredLedger {
  /** Ranges that need no work: settled, or removed. */
  readonly settled?: Iterable<Interval>;
  readonly records?: Iterable<ClaimRecord>;
  readonly batches?: readonly ClaimBatch[];
  readonly regime?: GroupRegime;
  /** How many were handed out when. */
  readonly grants?: Iterable<readonly [at: number, count: number]>;
}

/** A record at work: where it is queued, and what need not be stored. */
export type LedgerEntry = { -readonly [Key in keyof ClaimRecord]: ClaimRecord[Key] } & Queued & {
    /** In which it was claimed. */
    batch?: LiveBatch;
    worker?: Worker;
    /** A delivery was not counted because it was not known whether anybody had heard of it. */
    wasDoubted?: boolean;
    /** Its time to live has ended under its lease. */
    isPast?: boolean;
    /** A store has a record of it by itself, which is of no use once it changes. */
    isStored?: boolean;
  };

/** An entry as a store keeps it. */
export function toRecord(entry: LedgerEntry): ClaimRecord {
  const { place: _place, batch: _batch, worker: _worker, wasDoubted: _doubted, isPast: _isPast, isStored: _isStored, ...record } = entry;
  return record;
}

/** A reader holds it from now on. @returns the receipt. */
export function startLease(entry: LedgerEntry, batch: LiveBatch, worker: Worker): string {
  const receipt = sequenceToken(entry.sequence, batch.token);
  entry.state = "leased";
  entry.deliveries += 1;
  delete entry.lastReaderId;
  entry.readerId = batch.readerId;
  entry.receipt = receipt;
  entry.leaseMs = batch.leaseMs;
  entry.expiresAt = batch.expiresAt;
  entry.batch = batch;
  entry.worker = worker;
  return receipt;
}

/** Nobody holds it any more. */
export function endLease(entry: LedgerEntry): void {
  if (entry.readerId !== undefined) entry.lastReaderId = entry.readerId;
  delete entry.readerId;
  delete entry.receipt;
  delete entry.expiresAt;
  delete entry.leaseMs;
  delete entry.batch;
  delete entry.worker;
}

/** How long a message rests after so many deliveries. */
export function restMs(delay: number | Backoff, deliveries: number): number {
  if (typeof delay === "number") return delay;
  return Math.round(Math.min(delay.maxMs, delay.initialMs * delay.factor ** Math.max(0, deliveries - 1)));
}

/** A group in figures, before anything is read for them. */
export type GroupCounts = Omit<GroupStats, "oldestUnfinishedMs"> & { readonly oldestUnfinished?: number };

/** It is a dead letter from now on. */
export function endLife(entry: LedgerEntry, { now, token }: Step): void {
  endLease(entry);
  delete entry.availableAt;
  delete entry.delayMs;
  entry.state = "dead";
  entry.diedAt = now;
  entry.deathId = `${token}.${entry.sequence.toString(36)}`;
  entry.reason ??= `delivered ${entry.deliveries} times without an acknowledgement`;
}

/** A dead letter that gets another chance, as if nothing had been. */
export function startAnew(entry: LedgerEntry): void {
  entry.deliveries = 0;
  delete entry.reason;
  delete entry.lastReaderId;
  delete entry.progress;
  delete entry.diedAt;
  delete entry.deathId;
  delete entry.forwarded;
  delete entry.cancelledAt;
}
