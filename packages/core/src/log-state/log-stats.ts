import type { CursorInfo, CursorStats, GroupStats } from "../ports/message-store.js";
import type { ChannelMessage } from "../message.js";
import type { ClaimLedger } from "./ledger/claim-ledger.js";
import type { DueTimes } from "./due-times.js";
import type { IntervalSet } from "./interval-set.js";
import type { Step } from "./ledger/step.js";

/** What the figures are taken from. */
export interface LogView {
  readonly first: number;
  readonly last: number;
  readonly removed: IntervalSet;
  /** The log's time in ms since the epoch. */
  readonly now: number;
  readonly delayed: DueTimes;
  /** When the work of its groups is looked at. */
  readonly step: Step;
  /** The message at, or next behind, a sequence. */
  messageAt(sequence: number): Promise<ChannelMessage | undefined>;
}

/** For so many cursors figures look at a message each. */
export const MOST_CURSOR_STATS = 1_000;

/** What is counted of one group. */
export function groupCounts(
  name: string,
  ledger: ClaimLedger,
  view: Pick<LogView, "first" | "last" | "delayed" | "step">,
): Omit<GroupStats, "oldestUnfinishedMs"> {
  const { oldestUnfinished: _oldestUnfinished, ...counts } = ledger.stats(name, view.first, view.last, view.delayed, view.step);
  return counts;
}

/** The figures of one group. */
export async function groupStats(name: string, ledger: ClaimLedger, view: LogView): Promise<GroupStats> {
  const { oldestUnfinished, ...counts } = ledger.stats(name, view.first, view.last, view.delayed, view.step);
  const message = oldestUnfinished === undefined ? undefined : await view.messageAt(oldestUnfinished);
  if (!message) return counts;
  // What was written for later is late from then on, and not from when it was written.
  const due = Math.max(message.timestamp, message.availableAt ?? 0);
  return { ...counts, oldestUnfinishedMs: Math.max(0, view.now - due) };
}

/** The figures of one cursor. */
export async function cursorStats(cursor: CursorInfo, view: LogView): Promise<CursorStats> {
  const next = Math.max(cursor.sequence + 1, view.first);
  const timestamp = cursor.lag > 0 ? (await view.messageAt(next))?.timestamp : undefined;
  return { ...cursor, lagMs: timestamp === undefined ? 0 : Math.max(0, view.now - timestamp) };
}
