import type { BatchedClaim, ClaimBatch, LiveBatch } from "./claim-batches.js";
import type { ClaimEntries } from "./claim-entries.js";
import type { LedgerEntry, StoredLedger } from "./claim-record.js";
import { sequenceToken } from "../random.js";
import type { Step } from "./step.js";

/** Takes in what a store has kept of a group. */
export function restoreStored(entries: ClaimEntries, { records = [], batches = [] }: StoredLedger, step: Step): void {
  for (const record of records) restoreEntry(entries, { ...record, place: -1, isStored: true }, step);
  const named = new Set<number>();
  for (const batch of [...batches].sort((left, right) => right.number - left.number)) restoreBatch(entries, batch, named, step);
}

/** What is stored by itself, and what a later batch says, is newer than what a batch says. */
function restoreBatch(entries: ClaimEntries, stored: ClaimBatch, named: Set<number>, step: Step): void {
  const batch = entries.batches.restore(stored);
  for (const claim of stored.claims) {
    const isNewest = named.size < named.add(claim.sequence).size;
    if (!isNewest || !restoreClaim(entries, batch, claim, step)) entries.batches.forgetClaim(batch, claim.sequence);
  }
  entries.batches.restored(batch, step.now);
}

/** A claim of a batch is live, was extended and is stored by itself, or is acknowledged. @returns false where it is neither. */
function restoreClaim(entries: ClaimEntries, batch: LiveBatch, claim: BatchedClaim, step: Step): boolean {
  const { sequence } = claim;
  const receipt = sequenceToken(sequence, batch.token);
  const known = entries.get(sequence);
  if (!known && entries.settled.has(sequence)) return true;
  if (known && known.receipt !== receipt) return false;
  const worker = entries.begun.hold(batch.worker);
  batch.live++;
  if (known) {
    // What was extended was being worked on: nobody else of its call need have been.
    worker.begun.add(sequence);
    Object.assign(known, { batch, worker });
    return true;
  }
  const { readerId, leaseMs, expiresAt } = batch;
  restoreEntry(entries, { ...claim, state: "leased", readerId, leaseMs, expiresAt, receipt, batch, worker, place: -1 }, step);
  return true;
}

/** A lease or a delay never outlives its own length after a restart, whatever the wall clock did meanwhile. */
function restoreEntry(entries: ClaimEntries, entry: LedgerEntry, step: Step): void {
  const { sequence, state, key } = entry;
  if (state === "leased") entry.expiresAt = Math.min(entry.expiresAt ?? 0, step.now + (entry.leaseMs ?? 0));
  if (state === "delayed") entry.availableAt = Math.min(entry.availableAt ?? 0, step.now + (entry.delayMs ?? Infinity));
  entries.add(entry);
  if (entry.isBehind && key !== undefined) entries.queues.keys.look({ key, after: sequence - 1, isSure: false });
  entries.dieIfExhausted(entry, step);
}
