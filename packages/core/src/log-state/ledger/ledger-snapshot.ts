import { canonicalText } from "../canonical-text.js";
import type { GroupRegime, GroupTotals } from "../../ports/message-store.js";
import type { WorkerState } from "./begun-jobs.js";
import type { ClaimBatchesState } from "./claim-batches.js";
import type { ClaimEntries } from "./claim-entries.js";
import { toRecord, type ClaimRecord, type LedgerEntry } from "./claim-record.js";
import type { GroupLimits } from "./group-limits.js";
import type { Interval } from "../interval-set.js";
import type { Advance } from "./key-turns.js";
import type { LatelySettled } from "./settled-lately.js";

/** An entry with what a store need not keep of it. */
interface EntryState extends ClaimRecord {
  readonly isStored?: boolean;
  readonly isPast?: boolean;
  readonly wasDoubted?: boolean;
}

/**
 * Everything that a group's claims are, as JSON: a ledger that is made from it goes on exactly as the one that it was taken from. Unlike what a store keeps,
 * from which a ledger goes on as after a restart.
 */
export interface LedgerSnapshot {
  /** Left out: there is no bound. */
  readonly maxDeliveries?: number;
  readonly openedAt: number;
  readonly settled: readonly Interval[];
  readonly entries: readonly EntryState[];
  /** Those that were cancelled, the earliest first. */
  readonly cancelled: readonly number[];
  readonly batches: ClaimBatchesState;
  readonly workers: readonly WorkerState[];
  readonly advances: readonly Advance[];
  readonly lately: readonly LatelySettled[];
  readonly totals: GroupTotals;
  readonly regime: GroupRegime;
  readonly grants: readonly (readonly [at: number, count: number])[];
}

/** Takes a snapshot, in an order that does not tell how it came to be. */
export function takeSnapshot(entries: ClaimEntries, limits: GroupLimits, openedAt: number): LedgerSnapshot {
  const { maxDeliveries, settled, cancelled, batches, begun, queues, lately, counters } = entries;
  return {
    ...(maxDeliveries === Infinity ? {} : { maxDeliveries }),
    openedAt,
    settled: settled.intervals(),
    entries: [...entries.all()].sort((left, right) => left.sequence - right.sequence).map(stateOf),
    cancelled: [...cancelled],
    batches: batches.snapshot(),
    workers: begun.snapshot(),
    advances: [...queues.keys.advances()].sort((left, right) => (left.key < right.key ? -1 : 1)),
    lately: lately.snapshot(),
    totals: counters.totals,
    regime: limits.regime,
    grants: limits.grants(),
  };
}

/** @param entries without any. */
export function restoreSnapshot(entries: ClaimEntries, snapshot: LedgerSnapshot): void {
  entries.batches.restoreSnapshot(snapshot.batches);
  const restored = snapshot.entries.map((state): LedgerEntry => ({ ...state, place: -1 }));
  for (const entry of restored) entries.attach(entry);
  // Whose turn it is among those of a key is known by what they are, whoever of them comes first.
  for (const entry of restored) entries.add(entry);
  entries.cancelled.clear();
  for (const sequence of snapshot.cancelled) entries.cancelled.add(sequence);
  for (const advance of snapshot.advances) entries.queues.keys.look(advance);
  entries.begun.restore(snapshot.workers);
  entries.lately.restore(snapshot.lately);
  entries.counters.restore(snapshot.totals);
  entries.takeChanges();
  entries.takeWake();
}

function stateOf(entry: LedgerEntry): EntryState {
  const { isStored, isPast, wasDoubted } = entry;
  return { ...toRecord(entry), ...(isStored ? { isStored } : {}), ...(isPast ? { isPast } : {}), ...(wasDoubted ? { wasDoubted } : {}) };
}

/** Two snapshots have the same digest, of 16 hexadecimal digits, if they are the same; another one if they are not, but for chance. It tells those apart that went different ways by mistake, not by intent. */
export function digestOf(snapshot: LedgerSnapshot): string {
  const text = canonicalText(snapshot);
  let [first, second] = [0xdeadbeef, 0x41c6ce57];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    first = Math.imul(first ^ code, 2_654_435_761);
    second = Math.imul(second ^ code, 1_597_334_677);
  }
  first = Math.imul(first ^ (second >>> 16), 2_246_822_507);
  second = Math.imul(second ^ (first >>> 13), 3_266_489_909);
  return [first, second].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
