import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClaimLedger, DueTimes, type Step } from "../src/log-state/index.js";
import type { Settlement } from "../src/ports/message-store.js";

const LAST = 12;

/** What both ledgers are told, with the receipts that the first one gave. */
interface Run {
  now: number;
  steps: number;
  readonly receipts: { readonly reader: string; readonly receipt: string }[];
}

type Action = (ledger: ClaimLedger, step: Step, run: Run) => unknown;

const sequences = fc.integer({ min: 1, max: LAST });
const readers = fc.constantFrom("ann", "bob");

/** Messages with even sequences have one of two keys. */
function messageOf(sequence: number): { sequence: number; lane: string; key?: string } {
  return { sequence, lane: "", ...(sequence % 2 === 0 ? { key: sequence % 4 === 0 ? "k" : "l" } : {}) };
}

function nextOf(ledger: ClaimLedger): number | undefined {
  const fresh = Array.from({ length: LAST }, (_, index) => index + 1).find((sequence) => sequence % 2 === 1 && !ledger.isTaken(sequence));
  const next = Math.min(ledger.firstReturned("") ?? Infinity, fresh ?? Infinity);
  return next === Infinity ? undefined : next;
}

const claim = fc
  .record({
    reader: readers,
    limit: fc.integer({ min: 1, max: 4 }),
    leaseMs: fc.integer({ min: 5, max: 60 }),
    working: fc.option(fc.constantFrom(1, 2)),
    callId: fc.option(fc.constantFrom("a", "b")),
  })
  .map(({ reader, limit, leaseMs, working, callId }): Action => (ledger, step) => {
    const call = {
      readerId: reader,
      leaseMs,
      ...(working === null ? {} : { working, workerId: "one" }),
      ...(callId === null ? {} : { callId }),
    };
    const repeated = ledger.grantedTo(call);
    if (repeated.length > 0) return repeated;
    ledger.refresh(step);
    const batch = ledger.openBatch(call, step);
    const grants = [];
    for (let next = nextOf(ledger); next !== undefined && grants.length < limit && ledger.mayGrant(step); next = nextOf(ledger))
      grants.push(ledger.grant(next, "", batch));
    ledger.closeBatch(batch, step);
    return grants;
  });

const settle = fc
  .record({
    place: fc.nat(),
    action: fc.constantFrom("acknowledge", "acknowledge", "release", "extend", "dead-letter"),
    ms: fc.integer({ min: 0, max: 40 }),
  })
  .map(({ place, action, ms }): Action => (ledger, step, { receipts }) => {
    const { reader, receipt } = receipts[receipts.length - 1 - (place % Math.max(1, Math.min(6, receipts.length)))] ?? {
      reader: "ann",
      receipt: "",
    };
    const settlement = (
      action === "release"
        ? { receipt, action, delayMs: ms }
        : action === "extend"
          ? { receipt, action, leaseMs: ms + 1 }
          : { receipt, action }
    ) as Settlement;
    ledger.refresh(step);
    return ledger.settle(reader, settlement, step);
  });

const order = fc
  .record({
    kind: fc.constantFrom("cancel", "expire", "remove", "supersede", "reschedule", "revive", "lineUp"),
    sequence: sequences,
    ms: fc.integer({ min: 0, max: 40 }),
  })
  .map(({ kind, sequence, ms }): Action => (ledger, step) => {
    const message = messageOf(sequence);
    ledger.refresh(step);
    switch (kind) {
      case "cancel":
        return ledger.orders.cancel(message, "no more", step);
      case "expire":
        return ledger.orders.expire(message, step);
      case "remove":
        return ledger.orders.remove(message, step);
      case "supersede":
        return ledger.orders.supersede(message, step);
      case "reschedule":
        return ledger.orders.reschedule({ ...message, availableAt: step.now + ms }, step);
      case "revive":
        return ledger.orders.revive(sequence, step);
      default:
        return ledger.lineUp({ ...message, ...(ms % 2 === 0 ? {} : { availableAt: step.now + ms }) }, step);
    }
  });

const bound = fc
  .record({
    max: fc.option(fc.integer({ min: 1, max: 3 })),
    rate: fc.option(fc.record({ count: fc.constantFrom(1, 3), perMs: fc.constantFrom(10, 50) })),
  })
  .map(({ max, rate }): Action => (ledger, step) => {
    ledger.setRegime({ ...(max === null ? {} : { maxInFlight: max }), ...(rate === null ? {} : { rate }) });
    if (max !== null) ledger.setMaxDeliveries(max + 1, step);
  });

const wait = fc.integer({ min: 1, max: 30 }).map((ms): Action => (_ledger, _step, run) => {
  run.now += ms;
});

const anything = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: claim },
    { weight: 5, arbitrary: settle },
    { weight: 4, arbitrary: order },
    { weight: 2, arbitrary: wait },
    bound,
  ),
  { maxLength: 60, size: "max" },
);

/** Takes a step of every ledger at the same moment, with the same token. @returns what each answered. */
function take(ledgers: readonly ClaimLedger[], action: Action, run: Run): unknown[] {
  const { now } = run;
  const step = { now, token: (++run.steps).toString(16).padStart(20, "0") };
  const answers = ledgers.map((ledger, index) => action(ledger, step, index === 0 ? run : { ...run }));
  const [first] = answers;
  if (Array.isArray(first))
    for (const { receipt, sequence } of first as { receipt: string; sequence: number }[]) {
      const reader = ledgers[0]?.entry(sequence)?.readerId ?? "ann";
      run.receipts.push({ reader, receipt });
    }
  return answers;
}

describe("a snapshot of a ledger", () => {
  it("makes a ledger that goes on as the other one does, whatever is done to both", () => {
    fc.assert(
      fc.property(anything, anything, (before, after) => {
        const run: Run = { now: 1_000, steps: 0, receipts: [] };
        const ledger = new ClaimLedger({ now: 1_000, token: "" });
        for (const action of before) take([ledger], action, run);
        const copy = ClaimLedger.restore(JSON.parse(JSON.stringify(ledger.snapshot())) as ReturnType<ClaimLedger["snapshot"]>);
        expect(copy.snapshot()).toEqual(ledger.snapshot());
        expect(copy.digest()).toBe(ledger.digest());
        for (const action of after) {
          const [expected, actual] = take([ledger, copy], action, run);
          expect(actual).toEqual(expected);
        }
        const step = { now: run.now, token: "f".repeat(20) };
        const [expected, actual] = [ledger, copy].map((each) => each.stats("g", 1, LAST, new DueTimes(), step));
        expect(actual).toEqual(expected);
        expect(copy.snapshot()).toEqual(ledger.snapshot());
        expect(copy.digest()).toBe(ledger.digest());
      }),
      { numRuns: 300 },
    );
  });

  it("has another digest after a step that changed anything", () => {
    const ledger = new ClaimLedger({ now: 0, token: "" });
    const digests = [ledger.digest()];
    const batch = ledger.openBatch({ readerId: "ann", leaseMs: 10 }, { now: 0, token: "0".repeat(20) });
    const { receipt } = ledger.grant(1, "", batch);
    ledger.closeBatch(batch, { now: 0, token: "" });
    digests.push(ledger.digest());
    ledger.settle("ann", { receipt, action: "extend", leaseMs: 20 }, { now: 0, token: "" });
    digests.push(ledger.digest());
    ledger.settle("ann", { receipt, action: "acknowledge" }, { now: 0, token: "" });
    digests.push(ledger.digest());
    expect(new Set(digests).size).toBe(4);
  });
});
