/** What the load program says that it did. What is only begun may or may not have happened when the process died. */
export type HistoryEvent =
  | { readonly type: "written"; readonly sequence: number; readonly id: string }
  | { readonly type: "claimed"; readonly sequence: number }
  | { readonly type: "settling"; readonly action: "acknowledge" | "release"; readonly sequences: readonly number[] }
  | { readonly type: "settled"; readonly action: "acknowledge" | "release"; readonly sequences: readonly number[] }
  | { readonly type: "committed"; readonly position: number }
  | { readonly type: "read"; readonly sequences: readonly number[] };

/** What is found after the restart. */
export interface Aftermath {
  /** Every message that is still in the log: sequence and id. */
  readonly messages: ReadonlyMap<number, string>;
  readonly cursor: number;
  /** What the store hands out to a new worker right after the restart. */
  readonly claimable: readonly number[];
}

/** The events of one run; a last line that was cut off by the kill is left out. */
export function parseHistory(output: string): HistoryEvent[] {
  const lines = output.slice(0, output.lastIndexOf("\n") + 1).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as HistoryEvent);
}
