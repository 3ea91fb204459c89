import type { CursorState, CursorStats, GroupStats } from "../ports/message-store.js";
import type { ClaimLedger } from "./claim-ledger.js";
import type { IntervalSet } from "./interval-set.js";

/** What the figures are taken from. */
export interface LogView {
  readonly first: number;
  readonly last: number;
  readonly removed: IntervalSet;
  /** Wall-clock time in ms since the epoch. */
  readonly now: number;
  /** The timestamp of the message at, or next behind, a sequence. */
  timestampOf(sequence: number): Promise<number | undefined>;
}

/** The figures of one group. */
export async function groupStats(name: string, ledger: ClaimLedger, view: LogView): Promise<GroupStats> {
  const { oldestUnfinished, ...counts } = ledger.stats(name, view.first, view.last);
  const timestamp = oldestUnfinished === undefined ? undefined : await view.timestampOf(oldestUnfinished);
  return timestamp === undefined ? counts : { ...counts, oldestUnfinishedMs: Math.max(0, view.now - timestamp) };
}

/** The figures of one cursor. */
export async function cursorStats(cursor: CursorState, view: LogView): Promise<CursorStats> {
  const next = Math.max(cursor.sequence + 1, view.first);
  const lag = Math.max(0, view.last - next + 1 - view.removed.countWithin(next, view.last));
  const timestamp = lag > 0 ? await view.timestampOf(next) : undefined;
  return {
    ...cursor,
    lag,
    lagMs: timestamp === undefined ? 0 : Math.max(0, view.now - timestamp),
    distanceToRetention: Math.max(0, cursor.sequence - view.first + 1),
  };
}
