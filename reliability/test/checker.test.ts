import { describe, expect, it } from "vitest";
import { Checker } from "../src/checker.js";
import { parseHistory, type Aftermath, type HistoryEvent } from "../src/history.js";

const written = (sequence: number, id = `id-${sequence}`): HistoryEvent => ({ type: "written", sequence, id });
const claimed = (sequence: number): HistoryEvent => ({ type: "claimed", sequence });
const settling = (action: "acknowledge" | "release", ...sequences: number[]): HistoryEvent => ({ type: "settling", action, sequences });
const settled = (action: "acknowledge" | "release", ...sequences: number[]): HistoryEvent => ({ type: "settled", action, sequences });
const read = (...sequences: number[]): HistoryEvent => ({ type: "read", sequences });
const committed = (position: number): HistoryEvent => ({ type: "committed", position });

function after(sequences: readonly number[], more: Partial<Aftermath> = {}): Aftermath {
  return { messages: new Map(sequences.map((sequence) => [sequence, `id-${sequence}`])), cursor: 0, claimable: [], ...more };
}

function rules(history: readonly HistoryEvent[], aftermath: Aftermath): string[] {
  return new Checker().judge(history, aftermath).map(({ rule }) => rule);
}

describe("the checker catches", () => {
  it.each<[string, HistoryEvent[], Aftermath, string]>([
    ["a lost write", [written(1), written(2)], after([1]), "lost"],
    ["a write that is lost although it was claimed", [written(1), claimed(1)], after([]), "lost"],
    ["a write that is lost although it was given back", [written(1), claimed(1), settling("release", 1), settled("release", 1)], after([]), "lost"],
    ["a message under another's sequence", [written(1)], after([], { messages: new Map([[1, "other"]]) }), "renumbered"],
    ["a sequence that is given twice", [written(1, "a"), written(1, "b")], after([], { messages: new Map([[1, "b"]]) }), "renumbered"],
    ["an id that is stored twice", [written(1, "a")], after([], { messages: new Map([[1, "a"], [2, "a"]]) }), "doubled"],
    ["an id that is acknowledged at two places", [written(1, "a"), written(2, "a")], after([], { messages: new Map([[1, "a"], [2, "b"]]) }), "doubled"],
    ["a job that comes again after its acknowledgement", [written(1), claimed(1), settling("acknowledge", 1), settled("acknowledge", 1), claimed(1)], after([1]), "redelivered"],
    ["a job that comes again after the restart", [written(1), claimed(1), settling("acknowledge", 1), settled("acknowledge", 1)], after([1], { claimable: [1] }), "redelivered"],
    ["a job in two live leases", [written(1), claimed(1), claimed(1)], after([1]), "held twice"],
    ["a lease that did not survive the kill", [written(1), claimed(1)], after([1], { claimable: [1] }), "held twice"],
    ["a read out of order", [written(1), written(2), read(2, 1)], after([1, 2]), "out of order"],
    ["a cursor that goes back", [written(1), written(2), read(1, 2), committed(2), committed(1)], after([1, 2], { cursor: 2 }), "cursor went back"],
    ["a cursor that was confirmed and forgotten", [written(1), read(1), committed(1)], after([1], { cursor: 0 }), "cursor went back"],
    ["a cursor ahead of what was delivered", [written(1), written(2), read(1), committed(2)], after([1, 2], { cursor: 2 }), "cursor ran ahead"],
  ])("%s", (_what, history, aftermath, rule) => {
    expect(rules(history, aftermath)).toContain(rule);
  });
});

describe("the checker accepts", () => {
  it.each<[string, HistoryEvent[], Aftermath]>([
    ["what is as it was acknowledged", [written(1), read(1), committed(1)], after([1], { cursor: 1, claimable: [1] })],
    ["a write that was stored without being confirmed", [written(1)], after([1, 2], { claimable: [1, 2] })],
    ["a settled message that retention has removed", [written(1), claimed(1), settling("acknowledge", 1), settled("acknowledge", 1)], after([])],
    ["an acknowledgement under way at the kill, done", [written(1), claimed(1), settling("acknowledge", 1)], after([])],
    ["an acknowledgement under way at the kill, not done", [written(1), claimed(1), settling("acknowledge", 1)], after([1])],
    ["a job that was given back and comes again", [written(1), claimed(1), settling("release", 1), claimed(1)], after([1])],
    ["a cursor that moved without being confirmed", [written(1), read(1)], after([1], { cursor: 1 })],
  ])("%s", (_what, history, aftermath) => {
    expect(rules(history, aftermath)).toEqual([]);
  });

  it("the end of a history that was cut off by the kill", () => {
    expect(parseHistory('{"type":"read","sequences":[1]}\n{"type":"comm')).toEqual([{ type: "read", sequences: [1] }]);
  });
});
