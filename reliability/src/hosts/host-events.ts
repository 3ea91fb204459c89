import type { HistoryEvent } from "../history.js";

/** What a host is told at its start. */
export interface HostOptions {
  readonly url: string;
  readonly schema: string;
  readonly host: number;
  /** Names this life of the host. */
  readonly run: string;
  readonly patienceMs: number;
  /** Ids whose writes an earlier life had begun and was not told of. */
  readonly begun: readonly string[];
  /** What its follower has had. */
  readonly followed: number;
}

/** What a host is told later: to write nothing more, or to close and to end. */
export interface HostCommand {
  readonly type: "drain" | "stop";
}

/** What a host says it did, besides what all loads say. */
export type HostEvent =
  | HistoryEvent
  | { readonly type: "opened" }
  /** An id is being written. */
  | { readonly type: "writing"; readonly id: string }
  /** A write failed; `not_stored` promises that nothing of it is there. */
  | { readonly type: "write-failed"; readonly writer: string; readonly counts: readonly number[]; readonly outcome: string }
  /** A follower was given these, in this order. */
  | { readonly type: "followed"; readonly sequences: readonly number[] }
  | { readonly type: "broke-off"; readonly why: string };

/** When it was said, by {@link preciseMs}. */
export type Stamped<Event> = Event & { readonly stamp: number };

/** A clock that all processes of the machine share, finer than a millisecond. */
export function preciseMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** What a message of this load says of itself. */
export interface LoadContent {
  readonly writer: string;
  readonly count: number;
}
