/** How a worker ends or prolongs a claim. */
export type Action = "acknowledge" | "release" | "extend";

/** A claim as the load names it. */
export interface ClaimReference {
  readonly sequence: number;
  readonly receipt: string;
}

interface TimedClaim {
  readonly sequence: number;
  readonly asked: number;
  readonly answered: number;
  readonly leaseMs: number;
  /** When the store says that the lease ends, by the store's own clock. */
  readonly expiresAt?: number;
}

/** What the load program says that it did. What is only begun may or may not have happened when the process died. Times are {@link monotonicMs}. */
export type HistoryEvent =
  | { readonly type: "written"; readonly sequence: number; readonly id: string }
  | ({ readonly type: "claimed" } & TimedClaim & ClaimReference)
  | { readonly type: "settling"; readonly action: Action; readonly claims: readonly ClaimReference[] }
  | {
      readonly type: "settled";
      readonly action: Action;
      readonly asked: number;
      readonly answered: number;
      readonly leaseMs: number;
      readonly done: readonly ClaimReference[];
      readonly refused: readonly ClaimReference[];
    }
  | { readonly type: "refused"; readonly code: string }
  | { readonly type: "committed"; readonly position: number }
  | { readonly type: "read"; readonly sequences: readonly number[] }
  | { readonly type: "ordered-written"; readonly sequence: number; readonly key: string }
  | ({ readonly type: "ordered-claimed"; readonly key: string } & TimedClaim)
  | { readonly type: "ordered-settling"; readonly sequences: readonly number[]; readonly isRelease?: boolean }
  | { readonly type: "ordered-cancelled"; readonly sequence: number }
  | ({ readonly type: "bounded-claimed" } & TimedClaim)
  | { readonly type: "bounded-settling"; readonly sequences: readonly number[] };

/** What is found after the restart. */
export interface Aftermath {
  /** Every message that is still in the log: sequence and id. */
  readonly messages: ReadonlyMap<number, string>;
  readonly cursor: number;
  /** What the store hands out to a new worker right after the restart, and when. */
  readonly claimable: readonly number[];
  readonly at: number;
  /** What it hands out of the messages with keys. */
  readonly ordered: readonly number[];
}

/** A clock that all processes of the machine share and that nobody sets. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/** The events of one run; a last line that was cut off by the kill is left out. */
export function parseHistory(output: string): HistoryEvent[] {
  const lines = output.slice(0, output.lastIndexOf("\n") + 1).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as HistoryEvent);
}
