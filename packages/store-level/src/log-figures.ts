import type { CursorInfo, LogCounts, LogStats } from "@sssn/core";
import { cursorStats, groupCounts, groupStats, type LogView } from "@sssn/core/log-state";
import type { Database } from "./database-folder.js";
import type { LogState } from "./log-state.js";
import type { MessageReader } from "./message-reader.js";

/** What figures are taken from. */
export function viewOf(database: Database, state: LogState, reader: MessageReader, now: number): LogView {
  return {
    first: state.first,
    last: state.stored,
    removed: state.removed,
    now,
    delayed: state.delayed,
    step: state.step(),
    messageAt: async (sequence: number) => (await reader.scan(database, state, sequence - 1, 1)).stored[0]?.message,
  };
}

/** What is in memory. */
export function countsOf(state: LogState): LogCounts {
  const view = { first: state.first, last: state.stored, delayed: state.delayed, step: state.step() };
  return {
    count: state.count,
    bytes: state.bytes,
    first: view.first,
    last: view.last,
    expired: state.expired.countWithin(view.first, view.last),
    groups: [...state.ledgers].map(([name, ledger]) => groupCounts(name, ledger, view)),
  };
}

/** With those that take a look at messages. */
export async function statsOf(state: LogState, view: LogView, cursors: readonly CursorInfo[]): Promise<LogStats> {
  return {
    ...countsOf(state),
    groups: await Promise.all([...state.ledgers].map(([name, ledger]) => groupStats(name, ledger, view))),
    cursors: await Promise.all(cursors.map((cursor) => cursorStats(cursor, view))),
  };
}
