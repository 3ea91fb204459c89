import { describe, expect, it } from "vitest";
import { Checker } from "../src/checker.js";
import { parseHistory, type Action, type Aftermath, type HistoryEvent } from "../src/history.js";

const written = (sequence: number, id = `id-${sequence}`): HistoryEvent => ({ type: "written", sequence, id });
const claimed = (sequence: number, { receipt = "a", at = 0, leaseMs = 1_000 } = {}): HistoryEvent => ({
  type: "claimed",
  sequence,
  receipt,
  asked: at,
  answered: at,
  leaseMs,
});
const settling = (action: Action, sequence: number, receipt = "a"): HistoryEvent => ({
  type: "settling",
  action,
  claims: [{ sequence, receipt }],
});
const settled = (action: Action, sequence: number, { receipt = "a", at = 0, leaseMs = 1_000 } = {}): HistoryEvent => ({
  type: "settled",
  action,
  asked: at,
  answered: at,
  leaseMs,
  done: [{ sequence, receipt }],
  refused: [],
});
const refused = (action: Action, sequence: number, { receipt = "a", at = 0 } = {}): HistoryEvent => ({
  type: "settled",
  action,
  asked: at,
  answered: at,
  leaseMs: 1_000,
  done: [],
  refused: [{ sequence, receipt }],
});
const read = (...sequences: number[]): HistoryEvent => ({ type: "read", sequences });
const committed = (position: number): HistoryEvent => ({ type: "committed", position });

function after(sequences: readonly number[], more: Partial<Aftermath> = {}): Aftermath {
  return {
    messages: new Map(sequences.map((sequence) => [sequence, `id-${sequence}`])),
    cursor: 0,
    claimable: [],
    at: 10,
    ordered: [],
    ...more,
  };
}

function rules(history: readonly HistoryEvent[], aftermath: Aftermath): string[] {
  return new Checker().judge(history, aftermath).map(({ rule }) => rule);
}

describe("the checker catches", () => {
  it.each<[string, HistoryEvent[], Aftermath, string]>([
    ["a lost write", [written(1), written(2)], after([1]), "lost"],
    ["a write that is lost although it was claimed", [written(1), claimed(1)], after([]), "lost"],
    [
      "a write that is lost although it was given back",
      [written(1), claimed(1), settling("release", 1), settled("release", 1)],
      after([]),
      "lost",
    ],
    ["a message under another's sequence", [written(1)], after([], { messages: new Map([[1, "other"]]) }), "renumbered"],
    ["a sequence that is given twice", [written(1, "a"), written(1, "b")], after([], { messages: new Map([[1, "b"]]) }), "renumbered"],
    [
      "an id that is stored twice",
      [written(1, "a")],
      after([], {
        messages: new Map([
          [1, "a"],
          [2, "a"],
        ]),
      }),
      "doubled",
    ],
    [
      "an id that is acknowledged at two places",
      [written(1, "a"), written(2, "a")],
      after([], {
        messages: new Map([
          [1, "a"],
          [2, "b"],
        ]),
      }),
      "doubled",
    ],
    [
      "a job that comes again after its acknowledgement",
      [written(1), claimed(1), settling("acknowledge", 1), settled("acknowledge", 1), claimed(1)],
      after([1]),
      "redelivered",
    ],
    [
      "a job that comes again after the restart",
      [written(1), claimed(1), settling("acknowledge", 1), settled("acknowledge", 1)],
      after([1], { claimable: [1] }),
      "redelivered",
    ],
    ["a job in two live leases", [written(1), claimed(1), claimed(1, { receipt: "b", at: 10 })], after([1]), "held twice"],
    [
      "a job that is handed out before an extended lease ends",
      [written(1), claimed(1), settled("extend", 1, { at: 900 }), claimed(1, { receipt: "b", at: 1_500 })],
      after([1]),
      "held twice",
    ],
    [
      "an acknowledgement that is taken after somebody else has the job",
      [written(1), claimed(1), claimed(1, { receipt: "b", at: 2_000 }), settled("acknowledge", 1, { at: 2_001 })],
      after([1]),
      "acknowledged late",
    ],
    [
      "an acknowledgement that is refused while the lease is live",
      [written(1), claimed(1), refused("acknowledge", 1, { at: 500 })],
      after([1]),
      "lease ended early",
    ],
    ["a lease that did not survive the kill", [written(1), claimed(1)], after([1], { claimable: [1] }), "held twice"],
    ["a read out of order", [written(1), written(2), read(2, 1)], after([1, 2]), "out of order"],
    [
      "a cursor that goes back",
      [written(1), written(2), read(1, 2), committed(2), committed(1)],
      after([1, 2], { cursor: 2 }),
      "cursor went back",
    ],
    ["a cursor that was confirmed and forgotten", [written(1), read(1), committed(1)], after([1], { cursor: 0 }), "cursor went back"],
    [
      "a cursor ahead of what was delivered",
      [written(1), written(2), read(1), committed(2)],
      after([1, 2], { cursor: 2 }),
      "cursor ran ahead",
    ],
  ])("%s", (_what, history, aftermath, rule) => {
    expect(rules(history, aftermath)).toContain(rule);
  });
});

describe("the checker accepts", () => {
  it.each<[string, HistoryEvent[], Aftermath]>([
    ["what is as it was acknowledged", [written(1), read(1), committed(1)], after([1], { cursor: 1, claimable: [1] })],
    ["a write that was stored without being confirmed", [written(1)], after([1, 2], { claimable: [1, 2] })],
    [
      "a settled message that retention has removed",
      [written(1), claimed(1), settling("acknowledge", 1), settled("acknowledge", 1)],
      after([]),
    ],
    ["an acknowledgement under way at the kill, done", [written(1), claimed(1), settling("acknowledge", 1)], after([])],
    ["an acknowledgement under way at the kill, not done", [written(1), claimed(1), settling("acknowledge", 1)], after([1])],
    ["a job that was given back and comes again", [written(1), claimed(1), settling("release", 1), claimed(1)], after([1])],
    ["a job that comes again after its lease has ended", [written(1), claimed(1), claimed(1, { receipt: "b", at: 1_000 })], after([1])],
    ["a job that is handed out after the restart and after its lease", [written(1), claimed(1)], after([1], { claimable: [1], at: 1_000 })],
    ["an acknowledgement that is refused after the lease", [written(1), claimed(1), refused("acknowledge", 1, { at: 1_500 })], after([1])],
    ["a cursor that moved without being confirmed", [written(1), read(1)], after([1], { cursor: 1 })],
  ])("%s", (_what, history, aftermath) => {
    expect(rules(history, aftermath)).toEqual([]);
  });

  it("the end of a history that was cut off by the kill", () => {
    expect(parseHistory('{"type":"read","sequences":[1]}\n{"type":"comm')).toEqual([{ type: "read", sequences: [1] }]);
  });
});

it("the checker counts what a loss that is allowed has taken, and judges on from what is left", () => {
  const checker = new Checker();
  const [kept, lost] = [written(1), written(2)];
  expect(checker.judge([kept, lost], after([1])).map(({ rule }) => rule)).toEqual(["lost"]);
  expect(checker.forgive(after([1]))).toEqual([2]);
  expect(
    checker.judge(
      [written(2, "another")],
      after([], {
        messages: new Map([
          [1, "id-1"],
          [2, "another"],
        ]),
      }),
    ),
  ).toEqual([]);
});
