import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClaimLedger, DueTimes, FreshStep, IntervalSet, sequenceOfToken, sequenceToken, type ClaimBatch } from "../src/log-state/index.js";
import { GroupLimits } from "../src/log-state/ledger/group-limits.js";
import { PriorityQueue, type Queued } from "../src/log-state/ledger/priority-queue.js";

describe("IntervalSet", () => {
  it("has, up to a sequence, what it has up to there, and is itself as it was", () => {
    const set = new IntervalSet([
      { start: 2, end: 4 },
      { start: 7, end: 9 },
    ]);
    const cut = (last: number): unknown[] => [...set.upTo(last)];
    expect([1, 2, 5, 7, 9].map(cut)).toEqual([
      [],
      [{ start: 2, end: 2 }],
      [{ start: 2, end: 4 }],
      [
        { start: 2, end: 4 },
        { start: 7, end: 7 },
      ],
      [...set],
    ]);
    expect(cut(Infinity)).toEqual([...set]);
  });

  it("is the set of what was added and not deleted, merged as far as possible", () => {
    const step = fc.record({ add: fc.boolean(), start: fc.integer({ min: 1, max: 40 }), length: fc.integer({ min: 1, max: 6 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const [set, model] = [new IntervalSet(), new Set<number>()];
        for (const { add, start, length } of steps) {
          if (add) set.add(start, start + length - 1);
          else set.delete(start);
          for (let sequence = start; sequence < start + (add ? length : 1); sequence++)
            if (add) model.add(sequence);
            else model.delete(sequence);
        }
        const all = Array.from({ length: 50 }, (_, index) => index + 1);
        expect(all.filter((sequence) => set.has(sequence))).toEqual(all.filter((sequence) => model.has(sequence)));
        const intervals = [...set];
        for (const [index, { start }] of intervals.entries()) expect(start).toBeGreaterThan((intervals[index - 1]?.end ?? -1) + 1);
        for (const from of [1, 7, 20]) {
          expect(set.nextAbsent(from)).toBe(all.find((sequence) => sequence >= from && !model.has(sequence)));
          expect(set.nextPresent(from)).toBe(all.find((sequence) => sequence >= from && model.has(sequence)));
          expect(set.countWithin(from, 30)).toBe(
            all.filter((sequence) => sequence >= from && sequence <= 30 && model.has(sequence)).length,
          );
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
        expect(taken).toEqual(
          items
            .filter((item) => !gone.has(item))
            .map(({ key }) => key)
            .sort((a, b) => a - b),
        );
      }),
    );
  });
});

/** A step at a time. */
const at = (now: number): FreshStep => new FreshStep(now);

describe("ClaimLedger", () => {
  it("keeps a million settled messages as one interval and nothing else [W04, W08]", () => {
    const ledger = new ClaimLedger(at(0));
    let settled = new Map<number, number | undefined>();
    for (let sequence = 1; sequence <= 1_000_000; sequence++) {
      const batch = ledger.openBatch({ readerId: "w", leaseMs: 1_000 }, at(0));
      const { receipt } = ledger.grant(sequence, "", batch);
      ledger.closeBatch(batch, at(0));
      ledger.settle("w", { receipt, action: "acknowledge" }, at(0));
      if (sequence % 1_000 === 0) settled = new Map([...settled, ...ledger.takeChanges().settled]);
    }
    expect([...settled].filter(([, end]) => end !== undefined)).toEqual([[1, 1_000_000]]);
    expect(ledger.stats("g", 1, 1_000_000, new DueTimes(), at(0))).toMatchObject({ ready: 0, claimed: 0, delayed: 0, dead: 0 });
  });

  it("changes as little as was done: one settlement is one key written [W08]", () => {
    const ledger = new ClaimLedger(at(0), { settled: [{ start: 1, end: 500_000 }] });
    const { receipt } = ledger.grant(500_001, "", ledger.openBatch({ readerId: "w", leaseMs: 1_000 }, at(0)));
    ledger.takeChanges();
    ledger.settle("w", { receipt, action: "acknowledge" }, at(0));
    const { records, batches, settled } = ledger.takeChanges();
    expect([[...records], [...batches], [...settled]]).toEqual([[], [], [[1, 500_001]]]);
  });

  it("writes what one call claims as one entry, without what was lost of it, and lets it go when its acknowledgements need not be known any more", () => {
    const ledger = new ClaimLedger(at(0));
    const batch = ledger.openBatch({ readerId: "w", leaseMs: 1_000 }, at(0));
    const receipts = [1, 2, 3].map((sequence) => ledger.grant(sequence, "", batch).receipt);
    ledger.closeBatch(batch, at(0));
    const sequencesOf = (number: number, { batches } = ledger.takeChanges()) => batches.get(number)?.claims.map(({ sequence }) => sequence);
    expect(sequencesOf(1)).toEqual([1, 2, 3]);
    ledger.settle("w", { receipt: receipts[0] ?? "", action: "acknowledge" }, at(0));
    ledger.settle("w", { receipt: receipts[1] ?? "", action: "release", delayMs: 0 }, at(0));
    expect(sequencesOf(1)).toEqual([1, 3]);
    ledger.settle("w", { receipt: receipts[2] ?? "", action: "acknowledge" }, at(0));
    expect(ledger.takeChanges().batches.size).toBe(0);
    const statusOf = (receipt: string | undefined, now: number) => {
      ledger.forgetEnded(at(now));
      return ledger.settle("w", { receipt: receipt ?? "", action: "acknowledge" }, at(now)).status;
    };
    expect(receipts.map((receipt) => statusOf(receipt, 599_999))).toEqual(["already_acknowledged", "lost", "already_acknowledged"]);
    expect(statusOf(receipts[0], 600_000)).toBe("already_acknowledged");
    expect(statusOf(receipts[0], 1_200_000)).toBe("unknown");
    expect([...ledger.takeChanges().batches]).toEqual([[1, undefined]]);
  });

  it("knows after a restart what was acknowledged, also in a batch of which some is lost and some is held", () => {
    const ledger = new ClaimLedger(at(0));
    const batch = ledger.openBatch({ readerId: "w", leaseMs: 1_000 }, at(0));
    const receipts = [1, 2, 3, 4].map((sequence) => ledger.grant(sequence, "", batch).receipt);
    ledger.closeBatch(batch, at(0));
    const [first = "", second = "", third = "", fourth = ""] = receipts;
    ledger.settle("w", { receipt: first, action: "acknowledge" }, at(0));
    ledger.settle("w", { receipt: second, action: "release", delayMs: 0 }, at(0));
    ledger.settle("w", { receipt: third, action: "extend", leaseMs: 5_000 }, at(0));
    const { records, batches } = ledger.takeChanges();
    const again = new ClaimLedger(at(500), {
      settled: [{ start: 1, end: 1 }],
      records: [...records.values()].flatMap((record) => record ?? []),
      batches: [...batches.values()].flatMap((stored) => stored ?? []),
    });
    const statuses = receipts.map((receipt) => again.settle("w", { receipt, action: "acknowledge" }, at(500)).status);
    expect(statuses).toEqual(["already_acknowledged", "lost", "acknowledged", "acknowledged"]);
    expect(again.settle("w", { receipt: third, action: "acknowledge" }, at(500)).status).toBe("already_acknowledged");
    expect(again.settle("stranger", { receipt: fourth, action: "acknowledge" }, at(500)).status).toBe("unknown");
  });

  it("believes a later batch, and what is stored by itself, more than an earlier batch", () => {
    const claims = [1, 2, 3].map((sequence) => ({ sequence, lane: "", deliveries: 1 }));
    const stored = (number: number, readerId: string, of: typeof claims): ClaimBatch => ({
      number,
      readerId,
      leaseMs: 1_000,
      expiresAt: 1_000,
      token: "0".repeat(20),
      claims: of,
    });
    const ledger = new ClaimLedger(at(0), {
      settled: [{ start: 3, end: 3 }],
      records: [{ sequence: 2, lane: "", deliveries: 1, state: "returned" }],
      batches: [stored(1, "early", claims), stored(2, "late", claims.slice(0, 1))],
    });
    expect(ledger.stats("g", 1, 3, new DueTimes(), at(0))).toMatchObject({ ready: 1, claimed: 1 });
    expect(ledger.settle("late", { receipt: sequenceToken(1, "0".repeat(20)), action: "acknowledge" }, at(0)).status).toBe("acknowledged");
    // The early batch knows of the third message alone, and the late one of the first: they name what was acknowledged.
    expect([...ledger.takeChanges().batches].map(([number, batch]) => [number, batch?.claims.map(({ sequence }) => sequence)])).toEqual([
      [1, [3]],
    ]);
    expect(ledger.openBatch({ readerId: "next", leaseMs: 1_000 }, at(0)).number).toBe(3);
  });
});

describe("what a group knows of cancelled messages", () => {
  const cancelled = (ledger: ClaimLedger, upTo: number): number[] =>
    Array.from({ length: upTo }, (_, index) => index + 1).filter((sequence) => ledger.isCancelled(sequence));

  it("is the last ten thousand of them; the others are settled, and nothing more", () => {
    const ledger = new ClaimLedger(at(0));
    for (let sequence = 1; sequence <= 10_050; sequence++) ledger.orders.cancel({ sequence, lane: "" }, "no more", at(0));
    expect([cancelled(ledger, 10_050).length, ledger.isCancelled(50), ledger.isCancelled(51), ledger.isSettled(1)]).toEqual([
      10_000,
      false,
      true,
      true,
    ]);
  });

  it("is all of those with a key that have something unsettled before them, because they were not in their turn", () => {
    const ledger = new ClaimLedger(at(0));
    for (let sequence = 2; sequence <= 10_050; sequence++) ledger.orders.cancel({ sequence, lane: "", key: "k" }, undefined, at(0));
    expect(cancelled(ledger, 10_050).length).toBe(10_049);
    const { receipt } = ledger.grant(1, "", ledger.openBatch({ readerId: "w", leaseMs: 1_000 }, at(0)));
    ledger.settle("w", { receipt, action: "acknowledge" }, at(0));
    for (let sequence = 10_051; sequence <= 10_060; sequence++) ledger.orders.cancel({ sequence, lane: "", key: "k" }, undefined, at(0));
    expect(cancelled(ledger, 10_060).length).toBe(10_000);
  });
});

describe("the limits of a group", () => {
  it("count every stretch of time, and forget what no stretch can hold any more", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 40 }), wanted: fc.integer({ min: 1, max: 4 }) }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 60 }),
        (claims, count, perMs) => {
          const limits = new GroupLimits({ rate: { count, perMs } });
          const grantedAt: number[] = [];
          let now = 1_000;
          for (const { afterMs, wanted } of claims) {
            now += afterMs;
            const { count: allowed, moreInMs } = limits.allowance(now, 0);
            const inWindow = grantedAt.filter((at) => at > now - perMs).length;
            expect(allowed).toBe(count - inWindow);
            if (allowed === 0) expect(grantedAt.filter((at) => at > now + (moreInMs ?? 0) - perMs).length).toBeLessThan(count);
            for (let grant = 0; grant < Math.min(allowed, wanted); grant++) {
              limits.granted(now);
              grantedAt.push(now);
            }
          }
        },
      ),
    );
  });
});

describe("tokens", () => {
  it("carry their sequence, and only texts of their form do", () => {
    for (const sequence of [1, 35, 36, 2 ** 40, Number.MAX_SAFE_INTEGER]) expect(sequenceOfToken(sequenceToken(sequence))).toBe(sequence);
    for (const text of ["", "1", "1-", "1-xyz", `${"z".repeat(12)}-${"0".repeat(20)}`, `zzzzzzzzzzz-${"0".repeat(20)}`])
      expect(sequenceOfToken(text)).toBeUndefined();
  });

  it("are never the same twice", () => {
    expect(new Set(Array.from({ length: 10_000 }, () => sequenceToken(1))).size).toBe(10_000);
  });
});
