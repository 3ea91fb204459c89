import type { CursorInfo, CursorKey } from "../ports/message-store.js";
import type { IntervalSet } from "./interval-set.js";

/** What a store keeps of a cursor. */
export interface CursorTrace {
  readonly sequence: number;
  /** When it was moved last, by the log's clock. Left out: an earlier release moved it, and nobody knows. */
  readonly movedAt?: number;
  /** Messages that were removed while it stood before them, up to its last move. */
  readonly lost: number;
  /** How many messages behind it were gone already when it was moved to where it stands: those it has not lost there. */
  readonly gone: number;
}

/** What a log knows of what its cursors stand before. */
export interface CursorView {
  readonly first: number;
  readonly last: number;
  readonly removed: IntervalSet;
}

/** The trace of a cursor of which only the position is known: what is gone behind it, it has lost. */
export function traceOfPosition(sequence: number): CursorTrace {
  return { sequence, lost: 0, gone: 0 };
}

/** The trace after a move. What it has lost by now stays lost, whichever way it goes. */
export function movedTrace(before: CursorTrace | undefined, sequence: number, now: number, removed: IntervalSet): CursorTrace {
  return { sequence, movedAt: now, lost: before === undefined ? 0 : lostBy(before, removed), gone: goneBehind(sequence, removed) };
}

/** How far a cursor is, without a look at any message. */
export function cursorInfo({ owner, name }: CursorKey, trace: CursorTrace, { first, last, removed }: CursorView): CursorInfo {
  const { sequence, movedAt } = trace;
  const next = Math.max(sequence + 1, first);
  return {
    owner,
    name,
    sequence,
    lag: Math.max(0, last - next + 1 - removed.countWithin(next, last)),
    distanceToRetention: Math.max(0, sequence - first + 1),
    lost: lostBy(trace, removed),
    ...(movedAt === undefined ? {} : { movedAt }),
  };
}

function lostBy({ sequence, lost, gone }: CursorTrace, removed: IntervalSet): number {
  return lost + Math.max(0, goneBehind(sequence, removed) - gone);
}

function goneBehind(sequence: number, removed: IntervalSet): number {
  return removed.countWithin(sequence + 1, Number.MAX_SAFE_INTEGER);
}
