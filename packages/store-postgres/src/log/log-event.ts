import type { LedgerCall } from "@sssn/core/log-state";

/** A message that waits for a time, and the key that it has. */
export type TimedMessage = readonly [sequence: number, at: number, key?: string];

/** What happened to a log, as its journal tells it. Whoever takes in the same events in the same order has the same state. */
export type LogEvent =
  | readonly [
      "append",
      appended: {
        readonly count: number;
        readonly bytes: number;
        readonly newest: number;
        readonly delayed?: readonly TimedMessage[];
        readonly expiring?: readonly TimedMessage[];
        readonly priorities?: readonly number[];
      },
    ]
  | readonly ["expire" | "supersede", sequences: readonly number[]]
  | readonly ["remove", removed: readonly (readonly [sequence: number, bytes: number])[]]
  | readonly ["most", maxDeliveries: number]
  | readonly ["group", name: string, now: number]
  | readonly ["work", group: string, calls: readonly LedgerCall[]]
  | readonly ["drop", group: string];

/** A row of the journal. */
export interface JournalRow {
  readonly number: number;
  /** Steady time in ms since the epoch: it never goes back. */
  readonly at: number;
  /** What the server's clock said. */
  readonly wall: number;
  /** Tells a transaction whose answer was lost from others. */
  readonly token: string;
  readonly events: readonly LogEvent[];
}
