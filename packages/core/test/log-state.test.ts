import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClaimLedger, IntervalSet, sequenceOfToken, sequenceToken } from "../src/log-state/index.js";
import { PriorityQueue, type Queued } from "../src/log-state/priority-queue.js";

describe("IntervalSet", () => {
  it("is the set of what was added and not deleted, merged as far as possible", () => {
    const step = fc.record({ add: fc.boolean(), start: fc.integer({ min: 1, max: 40 }), length: fc.integer({ min: 1, max: 6 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const [set, model] = [new IntervalSet(), new Set<number>()];
        for (const { add, start, length } of steps) {
          if (add) set.add(start, start + length - 1);
          else set.delete(start);
          for (let sequence = start; sequence < start + (add ? length : 1); sequence++) if (add) model.add(sequence);
          else model.delete(sequence);
        }
        const all = Array.from({ length: 50 }, (_, index) => index + 1);
        expect(all.filter((sequence) => set.has(sequence))).toEqual(all.filter((sequence) => model.has(sequence)));
        const intervals = [...set];
        for (const [index, { start }] of intervals.entries()) expect(start).toBeGreaterThan((intervals[index - 1]?.end ?? -1) + 1);
        for (const from of [1, 7, 20]) {
          expect(set.nextAbsent(from)).toBe(all.find((sequence) => sequence >= from && !model.has(sequence)));
          expect(set.nextPresent(from)).toBe(all.find((sequence) => sequence >= from && model.has(sequence)));
          expect(set.countWithin(from, 30)).toBe(all.filter((sequence) => sequence >= from && sequence <= 30 && model.has(sequence)).length);
        }
      }),
    );
  });
});

describe("PriorityQueue", () => {
  it("gives the lowest first, whatever was taken out of its middle", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100 })), fc.array(fc.nat({ max: 50 })), (keys, removals) => {
        const items = keys.map((key): Queued & { key: number } => ({ key, place: -1 }));
        const queue = new PriorityQueue<Queued & { key: number }>(({ key }) => key);
        for (const item of items) queue.push(item);
        const gone = new Set(removals.flatMap((index) => items[index] ?? []));
        for (const item of gone) queue.delete(item);
        const taken: number[] = [];
        for (let item = queue.pop(); item; item = queue.pop()) taken.push(item.key);
        expect(taken).toEqual(items.filter((item) => !gone.has(item)).map(({ key }) => key).sort((a, b) => a - b));
      }),
    );
  });
});

describe("ClaimLedger", () => {
  it("keeps a million settled messages as one interval and no record [W04, W08]", () => {
    const ledger = new ClaimLedger(() => 0);
    for (let sequence = 1; sequence <= 1_000_000; sequence++) {
      const { receipt } = ledger.grant(sequence, "", "w", 1_000);
      ledger.settle("w", { receipt: receipt ?? "", action: "acknowledge" });
      if (sequence % 1_000 === 0) ledger.takeChanges();
    }
    expect(ledger.snapshot()).toEqual({ settled: [{ start: 1, end: 1_000_000 }], records: [] });
  });

  it("changes as little as was done: one settlement is one key gone and one written [W08]", () => {
    const ledger = new ClaimLedger(() => 0, [{ start: 1, end: 500_000 }]);
    const { receipt } = ledger.grant(500_001, "", "w", 1_000);
    ledger.takeChanges();
    ledger.settle("w", { receipt: receipt ?? "", action: "acknowledge" });
    const { records, settled } = ledger.takeChanges();
    expect([[...records], [...settled]]).toEqual([[[500_001, undefined]], [[1, 500_001]]]);
  });
});

describe("tokens", () => {
  it("carry their sequence, and only texts of their form do", () => {
    for (const sequence of [1, 35, 36, 2 ** 40, Number.MAX_SAFE_INTEGER]) expect(sequenceOfToken(sequenceToken(sequence))).toBe(sequence);
    for (const text of ["", "1", "1-", "1-xyz", `${"z".repeat(12)}-${"0".repeat(20)}`, `zzzzzzzzzzz-${"0".repeat(20)}`]) expect(sequenceOfToken(text)).toBeUndefined();
  });

  it("are never the same twice", () => {
    expect(new Set(Array.from({ length: 10_000 }, () => sequenceToken(1))).size).toBe(10_000);
  });
});
