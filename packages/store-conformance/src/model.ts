import type { ChannelLog } from "@sssn/core";
import fc from "fast-check";
import { claimSome, claimed, equal, settle } from "./expectations.js";
import { draft, type Bench } from "./harness.js";

/** What a log is: a list of messages, positions in it, and who holds what until when. Simple enough to be seen to be right. */
class LogModel {
  last = 0;
  readonly kept = new Map<number, number>();
  readonly cursors = new Map<string, number>();
  readonly settled = new Set<number>();
  readonly held = new Map<number, { readonly reader: string; readonly until: number; readonly receipt: string }>();
  readonly waiting = new Map<number, number>();
  readonly deliveries = new Map<number, number>();

  available(now: number): number[] {
    return [...this.kept.keys()].filter(
      (sequence) => !this.settled.has(sequence) && (this.held.get(sequence)?.until ?? 0) <= now && (this.waiting.get(sequence) ?? 0) <= now,
    );
  }
}

interface Real {
  readonly bench: Bench;
  log: ChannelLog;
}

type Command = fc.AsyncCommand<LogModel, Real>;

/** A command that can always run. */
function command(name: string, run: (model: LogModel, real: Real) => Promise<void>): Command {
  return { check: () => true, run, toString: () => name };
}

const readers = fc.constantFrom("ann", "bob");

const append = fc.integer({ min: 1, max: 5 }).map((count) =>
  command(`append ${count}`, async (model, { log, bench }) => {
    const receipts = await log.append(
      Array.from({ length: count }, (_, index) => draft(model.last + index + 1, { timestamp: bench.clock.now() })),
    );
    equal(
      receipts.map(({ sequence }) => sequence),
      Array.from({ length: count }, (_, index) => model.last + index + 1),
    );
    for (const { sequence } of receipts) model.kept.set(sequence, sequence);
    model.last += count;
  }),
);

const read = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 20 })).map(([from, limit]) =>
  command(`read ${limit} behind ${from}`, async (model, { log }) => {
    const after = Math.min(from, model.last);
    const { messages } = await log.read({ after, limit });
    equal(
      messages.map(({ content }) => content),
      [...model.kept.keys()].filter((sequence) => sequence > after).slice(0, limit),
    );
  }),
);

const moveCursor = fc.tuple(readers, fc.integer({ min: 0, max: 60 }), fc.boolean()).map(([owner, to, rewind]) =>
  command(`move the cursor of ${owner} to ${to}${rewind ? ", rewinding" : ""}`, async (model, { log }) => {
    const target = Math.min(to, model.last);
    const expected = rewind ? target : Math.max(target, model.cursors.get(owner) ?? 0);
    equal(await log.moveCursor({ owner, name: "c" }, target, { rewind }), expected);
    model.cursors.set(owner, expected);
    equal(await log.cursor({ owner, name: "c" }), expected);
  }),
);

const claim = fc.tuple(readers, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 10, max: 500 })).map(([reader, limit, leaseMs]) =>
  command(`${reader} claims ${limit} for ${leaseMs} ms`, async (model, { log, bench }) => {
    const now = bench.clock.monotonic();
    const claims = await claimSome(log, reader, limit, { leaseMs });
    equal(claimed(claims), model.available(now).slice(0, limit));
    for (const { message, receipt, deliveries } of claims) {
      equal(deliveries, (model.deliveries.get(message.sequence) ?? 0) + 1);
      model.deliveries.set(message.sequence, deliveries);
      model.held.set(message.sequence, { reader, until: now + leaseMs, receipt });
    }
  }),
);

const settleOldest = fc
  .tuple(readers, fc.constantFrom("acknowledge" as const, "release" as const, "extend" as const), fc.integer({ min: 0, max: 200 }))
  .map(([reader, action, ms]) =>
    command(`${reader} does ${action} with its oldest claim`, async (model, { log, bench }) => {
      const now = bench.clock.monotonic();
      const own = [...model.held].find(([, held]) => held.reader === reader);
      if (!own) return;
      const [sequence, { receipt, until }] = own;
      const settlement =
        action === "acknowledge"
          ? { receipt, action }
          : action === "release"
            ? { receipt, action, delayMs: ms }
            : { receipt, action, leaseMs: ms + 10 };
      const [result] = await log.settle("default", reader, [settlement]);
      const live = until > now && model.kept.has(sequence);
      if (!live) {
        equal(["lost", "unknown"].includes(result?.status ?? ""), true);
        model.held.delete(sequence);
      } else if (action === "extend") model.held.set(sequence, { reader, until: now + ms + 10, receipt });
      else {
        model.held.delete(sequence);
        if (action === "acknowledge") model.settled.add(sequence);
        else model.waiting.set(sequence, now + ms);
      }
      if (live) equal(result?.status, { acknowledge: "acknowledged", release: "released", extend: "extended" }[action]);
    }),
  );

const evict = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.boolean()).map(([maxCount, keepUnsettled]) =>
  command(`evict down to ${maxCount}${keepUnsettled ? ", keeping work" : ""}`, async (model, { log }) => {
    const groupExists = (await log.stats()).groups.length > 0;
    let surplus = model.kept.size - maxCount;
    const victims: number[] = [];
    for (const sequence of model.kept.keys()) {
      if (surplus <= 0) break;
      if (keepUnsettled && !(groupExists && model.settled.has(sequence))) continue;
      victims.push(sequence);
      surplus--;
    }
    equal(await log.evict({ maxCount, keepUnsettled }), victims.length);
    for (const sequence of victims) {
      model.kept.delete(sequence);
    }
  }),
);

const advance = fc
  .integer({ min: 1, max: 300 })
  .map((durationMs) => command(`${durationMs} ms pass`, async (_model, { bench }) => bench.clock.advance(durationMs)));

const stepWall = fc.integer({ min: -3_600_000, max: 3_600_000 }).map((deltaMs) =>
  command(`the wall clock steps by ${deltaMs} ms`, (_model, { bench }) => {
    bench.clock.stepWall(deltaMs);
    return Promise.resolve();
  }),
);

const restart = fc.constant(
  command("restart", async (_model, real) => {
    await real.bench.restart();
    real.log = await real.bench.open();
  }),
);

const crash = fc.constant(
  command("crash", async (_model, real) => {
    await real.bench.crash();
    real.log = await real.bench.open();
  }),
);

/** Any sequence of operations; restarts and crashes among them where the store is durable. */
export function commands(durable: boolean): fc.Arbitrary<Iterable<Command>> {
  // A restart after a step of the wall clock legitimately changes what is left of a lease, so a run has one or the other.
  const common = [append, append, read, moveCursor, claim, claim, settleOldest, settleOldest, evict, advance];
  const wild = fc.commands([...common, stepWall], { maxCommands: 60 });
  return durable ? fc.oneof(wild, fc.commands([...common, restart, crash], { maxCommands: 60 })) : wild;
}

/** Runs a sequence of operations on a store and on the model, and compares. */
export async function compare(bench: Bench, steps: Iterable<Command>): Promise<void> {
  const log = await bench.open();
  const real = { bench, log };
  await fc.asyncModelRun(() => ({ model: new LogModel(), real }), steps);
  const rest = await claimSome(real.log, "last", 1_000);
  await settle(real.log, "last", rest);
}
