import type { CursorState, CursorStats, GroupStats } from "../ports/message-store.js";
import type { ChannelMessage } from "../message.js";
import type { ClaimLedger } from "./claim-ledger.js";
import type { DueTimes } from "./due-times.js";
import type { IntervalSet } from "./interval-set.js";
import type { Step } from "./step.js";

/** What the figures are taken from. */
export interface LogView {
  readonly first: number;
  readonly last: number;
  readonly removed: IntervalSet;
  /** The log's time in ms since the epoch. */
  readonly now: number;
  readonly delayed: DueTimes;
  /** The message at, or next behind, a sequence. */
  messageAt(sequence: number): Promise<ChannelMessage | undefined>;
}

/** The figures of one group. */
export async function groupStats(name: string, ledger: ClaimLedger, view: LogView, step: Step): Promise<GroupStats> {
  const { oldestUnfinished, ...counts } = ledger.stats(name, view.first, view.last, view.delayed, step);
  const message = oldestUnfinished === undefined ? undefined : await view.messageAt(oldestUnfinished);
  if (!message) return counts;
  // What was written for later is late from then on, and not from when it was written.
  const due = Math.max(message.timestamp, message.availableAt ?? 0);
  return { ...counts, oldestUnfinishedMs: Math.max(0, view.now - due) };
}

/** The figures of one cursor. */
export async function cursorStats(cursor: CursorState, view: LogView): Promise<CursorStats> {
  const next = Math.max(cursor.sequence + 1, view.first);
  const lag = Math.max(0, view.last - next + 1 - view.removed.countWithin(next, view.last));
  const timestamp = lag > 0 ? (await view.messageAt(next))?.timestamp : undefined;
  return {
    ...cursor,
    lag,
    lagMs: timestamp === undefined ? 0 : Math.max(0, view.now - timestamp),
    distanceToRetention: Math.max(0, cursor.sequence - view.first + 1),
  };
}
