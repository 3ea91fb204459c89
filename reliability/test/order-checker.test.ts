import { describe, expect, it } from "vitest";
import type { HistoryEvent } from "../src/history.js";
import { OrderChecker } from "../src/order-checker.js";
import { BOUNDS } from "../src/ordered-load.js";

const written = (sequence: number, key = "k"): HistoryEvent => ({ type: "ordered-written", sequence, key });
const claimed = (sequence: number, at = 0, key = "k"): HistoryEvent => ({
  type: "ordered-claimed",
  sequence,
  key,
  asked: at,
  answered: at,
  leaseMs: 1_000,
});
const settling = (...sequences: number[]): HistoryEvent => ({ type: "ordered-settling", sequences });
const releasing = (...sequences: number[]): HistoryEvent => ({ type: "ordered-settling", sequences, isRelease: true });
const cancelled = (sequence: number): HistoryEvent => ({ type: "ordered-cancelled", sequence });
const bounded = (sequence: number, at: number): HistoryEvent => ({
  type: "bounded-claimed",
  sequence,
  asked: at,
  answered: at,
  leaseMs: 1_000,
});
const boundedSettling = (...sequences: number[]): HistoryEvent => ({ type: "bounded-settling", sequences });

function rules(history: readonly HistoryEvent[], claimable: readonly number[] = []): string[] {
  return new OrderChecker().judge(history, claimable, 10).map(({ rule }) => rule);
}

describe("the checker of orders and bounds catches", () => {
  it.each<[string, HistoryEvent[], number[], string]>([
    ["a message that comes before an earlier one of its key is settled", [written(1), written(2), claimed(2)], [], "out of turn"],
    ["one that comes before an earlier one that rests", [written(1), written(2), claimed(1), releasing(1), claimed(2)], [], "out of turn"],
    ["one that comes after a restart before its turn", [written(1), written(2)], [2], "out of turn"],
    ["a cancelled message that is handed out", [written(1), settling(1), cancelled(1), claimed(1)], [], "redelivered"],
    ["a cancelled message that is handed out after a restart", [written(1), settling(1), cancelled(1)], [1], "redelivered"],
    ["more messages out than may be", [1, 2, 3, 4].map((sequence) => bounded(sequence, 1)), [], "beyond its bounds"],
    [
      "more messages in a time than the rate allows",
      Array.from({ length: BOUNDS.rate.count + 1 }, (_, index) => [bounded(index, index), boundedSettling(index)]).flat(),
      [],
      "beyond its bounds",
    ],
  ])("%s", (_what, history, claimable, rule) => {
    expect([...new Set(rules(history, claimable))]).toEqual([rule]);
  });
});

describe("the checker of orders and bounds finds nothing wrong with", () => {
  it.each<[string, HistoryEvent[], number[]]>([
    ["messages of a key that come one after the other", [written(1), written(2), claimed(1), settling(1), claimed(2), settling(2)], []],
    ["a message that is handed out again", [written(1), written(2), claimed(1), releasing(1), claimed(1)], [1]],
    ["a worker that is faster than the writer's answer", [claimed(1), settling(1), written(1), written(2), claimed(2)], []],
    ["different keys side by side", [written(1), written(2, "other"), claimed(1), claimed(2, 0, "other")], []],
    ["a rate that is kept to", Array.from({ length: 100 }, (_, index) => [bounded(index, index * 10), boundedSettling(index)]).flat(), []],
  ])("%s", (_what, history, claimable) => {
    expect(rules(history, claimable)).toEqual([]);
  });
});
