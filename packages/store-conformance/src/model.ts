import type { ChannelLog, Settlement } from "@sssn/core";
import fc from "fast-check";
import { claimSome, claimed, equal, settle } from "./expectations.js";
import { draft, type Bench } from "./harness.js";

/** After so many deliveries a message is dead. */
const MAX_DELIVERIES = 3;

interface Held {
  readonly reader: string;
  readonly until: number;
  readonly receipt: string;
  readonly call: Call;
}

/** One claim: what it was granted, how much of it its reader works on at once, and what it is known to have begun with. */
interface Call {
  readonly sequences: readonly number[];
  readonly working: number;
  readonly begun: Set<number>;
  isJudged: boolean;
}

/** What a log is: a list of messages, positions in it, and who holds what until when. Simple enough to be seen to be right. */
class LogModel {
  last = 0;
  readonly kept = new Map<number, number>();
  readonly cursors = new Map<string, number>();
  readonly settled = new Set<number>();
  readonly held = new Map<number, Held>();
  readonly waiting = new Map<number, number>();
  readonly deliveries = new Map<number, number>();
  readonly dead = new Set<number>();
  /** When times to live end, by the log's clock. */
  readonly expiring = new Map<number, number>();
  readonly expired = new Set<number>();
  /** The first claim makes it. */
  hasGroup = false;
  /** Held by itself since its lease was extended: it was being worked on. */
  readonly extended = new Set<number>();

  available(now: number): number[] {
    return [...this.kept.keys()].filter(
      (sequence) => !this.settled.has(sequence) && !this.held.has(sequence) && (this.waiting.get(sequence) ?? 0) <= now,
    );
  }

  /** What time has done to it. */
  refresh({ log, bench }: Real): void {
    this.#lapse(bench.clock.monotonic());
    for (const [sequence, until] of this.expiring) {
      if (until > log.now()) continue;
      this.expiring.delete(sequence);
      this.expired.add(sequence);
      if (!this.held.has(sequence)) this.settled.add(sequence);
    }
  }

  /** Ends what has lapsed. Only what a handler may have begun with counts as delivered. */
  #lapse(now: number): void {
    const lapsed = [...this.held].filter(([, { until }]) => until <= now);
    for (const [sequence, { call }] of lapsed) {
      if (!this.extended.has(sequence)) this.#judge(call);
      if (!this.extended.has(sequence) && !call.begun.has(sequence)) this.#uncount(sequence);
    }
    for (const [sequence] of lapsed) this.comeBack(sequence);
  }

  #judge(call: Call): void {
    if (call.isJudged) return;
    call.isJudged = true;
    for (const sequence of call.sequences) {
      if (call.begun.size >= call.working) return;
      if (this.held.get(sequence)?.call === call && !this.extended.has(sequence)) call.begun.add(sequence);
    }
  }

  #uncount(sequence: number): void {
    this.deliveries.set(sequence, (this.deliveries.get(sequence) ?? 1) - 1);
  }

  /** A delivery has ended without an acknowledgement. */
  comeBack(sequence: number): void {
    this.letGo(sequence);
    const isDead = (this.deliveries.get(sequence) ?? 0) >= MAX_DELIVERIES;
    if (isDead) this.dead.add(sequence);
    if (isDead || this.expired.has(sequence)) this.settled.add(sequence);
  }

  letGo(sequence: number): void {
    this.held.delete(sequence);
    this.extended.delete(sequence);
  }

  /** A restart forgets what was extended before: a process that has ended works on nothing. */
  forgetBegun(): void {
    for (const { call } of this.held.values()) call.begun.clear();
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

const append = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.option(fc.integer({ min: 1, max: 600 }), { nil: undefined }))
  .map(([count, ttlMs]) =>
    command(`append ${count}${ttlMs === undefined ? "" : ` for ${ttlMs} ms`}`, async (model, { log, bench }) => {
      const receipts = await log.append(
        Array.from({ length: count }, (_, index) =>
          draft(model.last + index + 1, { timestamp: bench.clock.now(), ...(ttlMs === undefined ? {} : { ttlMs }) }),
        ),
      );
      equal(
        receipts.map(({ sequence }) => sequence),
        Array.from({ length: count }, (_, index) => model.last + index + 1),
      );
      for (const { sequence } of receipts) {
        model.kept.set(sequence, sequence);
        if (ttlMs !== undefined) model.expiring.set(sequence, log.now() + ttlMs);
      }
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

const working = fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined });

const claim = fc
  .tuple(readers, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 10, max: 500 }), working)
  .map(([reader, limit, leaseMs, some]) =>
    command(`${reader} claims ${limit} for ${leaseMs} ms, working on ${some ?? "all"}`, async (model, real) => {
      const { log, bench } = real;
      const now = bench.clock.monotonic();
      model.refresh(real);
      model.hasGroup = true;
      const claims = await claimSome(log, reader, limit, { leaseMs, ...(some === undefined ? {} : { working: some }) });
      equal(claimed(claims), model.available(now).slice(0, limit));
      const call: Call = { sequences: claimed(claims), working: some ?? Infinity, begun: new Set(), isJudged: false };
      for (const { message, receipt, deliveries, leaseMs: left } of claims) {
        equal([deliveries, left], [(model.deliveries.get(message.sequence) ?? 0) + 1, leaseMs]);
        model.deliveries.set(message.sequence, deliveries);
        model.held.set(message.sequence, { reader, until: now + leaseMs, receipt, call });
      }
    }),
  );

const ANSWERS = { acknowledge: "acknowledged", release: "released", extend: "extended", "dead-letter": "dead_lettered" } as const;

function settlementOf(action: keyof typeof ANSWERS, receipt: string, ms: number, uncounted: boolean): Settlement {
  if (action === "release") return { receipt, action, delayMs: ms, ...(uncounted ? { uncounted } : {}) };
  return action === "extend" ? { receipt, action, leaseMs: ms + 10 } : { receipt, action };
}

const settleOldest = fc
  .tuple(
    readers,
    fc.constantFrom("acknowledge" as const, "release" as const, "release" as const, "extend" as const, "dead-letter" as const),
    fc.integer({ min: 0, max: 200 }),
    fc.boolean(),
  )
  .map(([reader, action, ms, uncounted]) =>
    command(`${reader} does ${action} with its oldest claim (${ms} ms${uncounted ? ", uncounted" : ""})`, async (model, real) => {
      const { log, bench } = real;
      const now = bench.clock.monotonic();
      const own = [...model.held].find(([, held]) => held.reader === reader);
      if (!own) return;
      const [sequence, { receipt, call }] = own;
      model.refresh(real);
      const [result] = await log.settle("default", reader, [settlementOf(action, receipt, ms, uncounted)]);
      if (model.held.get(sequence)?.receipt !== receipt) return equal(["lost", "unknown"].includes(result?.status ?? ""), true);
      equal(result?.status, ANSWERS[action]);
      if (action === "extend") {
        model.held.set(sequence, { reader, until: now + ms + 10, receipt, call });
        model.extended.add(sequence);
        call.begun.add(sequence);
        return;
      }
      call.begun.delete(sequence);
      if (action === "release") {
        if (uncounted) model.deliveries.set(sequence, (model.deliveries.get(sequence) ?? 1) - 1);
        model.waiting.set(sequence, now + ms);
        model.comeBack(sequence);
        return;
      }
      model.letGo(sequence);
      model.settled.add(sequence);
      if (action === "dead-letter") model.dead.add(sequence);
    }),
  );

const lookAtDead = fc.constant(
  command("look at the dead letters", async (model, real) => {
    const { log } = real;
    model.refresh(real);
    const letters = await log.dead("default", { limit: 1_000 });
    equal(
      letters.map(({ message, deliveries }) => [message.sequence, deliveries]),
      [...model.dead].sort((left, right) => left - right).map((sequence) => [sequence, model.deliveries.get(sequence) ?? 0]),
    );
    equal(new Set(letters.map(({ deathId }) => deathId)).size, letters.length);
  }),
);

const requeue = fc.constant(
  command("requeue the dead letters", async (model, real) => {
    const { log } = real;
    model.refresh(real);
    const revived = [...model.dead].filter((sequence) => !model.expired.has(sequence));
    equal(await log.requeue("default"), revived.length);
    for (const sequence of revived) {
      model.dead.delete(sequence);
      model.settled.delete(sequence);
      model.deliveries.set(sequence, 0);
      model.waiting.delete(sequence);
    }
  }),
);

const lookAtStats = fc.constant(
  command("look at the figures", async (model, real) => {
    model.refresh(real);
    const { expired, groups } = await real.log.stats();
    equal(expired, [...model.kept.keys()].filter((sequence) => model.expired.has(sequence)).length);
    for (const { ready, delayed, claimed: held, dead } of groups)
      equal(
        [ready + delayed + held, held, dead],
        [[...model.kept.keys()].filter((sequence) => !model.settled.has(sequence)).length, model.held.size, model.dead.size],
      );
  }),
);

const evict = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.boolean()).map(([maxCount, keepUnsettled]) =>
  command(`evict down to ${maxCount}${keepUnsettled ? ", keeping work" : ""}`, async (model, real) => {
    const { log } = real;
    model.refresh(real);
    // Dead letters stand beside the bounds.
    let surplus = model.kept.size - [...model.dead].filter((sequence) => model.kept.has(sequence)).length - maxCount;
    const victims: number[] = [];
    for (const sequence of model.kept.keys()) {
      if (surplus <= 0) break;
      if (model.dead.has(sequence) || (keepUnsettled && !(model.hasGroup ? model.settled : model.expired).has(sequence))) continue;
      victims.push(sequence);
      surplus--;
    }
    equal(await log.evict({ maxCount, keepUnsettled }), victims.length);
    for (const sequence of victims) {
      model.kept.delete(sequence);
      model.letGo(sequence);
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
  command("restart", async (model, real) => {
    await real.bench.restart();
    model.forgetBegun();
    real.log = await openLog(real.bench);
  }),
);

const crash = fc.constant(
  command("crash", async (model, real) => {
    await real.bench.crash();
    model.forgetBegun();
    real.log = await openLog(real.bench);
  }),
);

function openLog(bench: Bench): Promise<ChannelLog> {
  return bench.open("orders", { maxDeliveries: MAX_DELIVERIES });
}

/** Any sequence of operations; restarts and crashes among them where the store is durable. */
export function commands(durable: boolean): fc.Arbitrary<Iterable<Command>> {
  // A restart after a step of the wall clock legitimately changes what is left of a lease, so a run has one or the other.
  const common = [
    append,
    append,
    read,
    moveCursor,
    claim,
    claim,
    settleOldest,
    settleOldest,
    lookAtDead,
    lookAtStats,
    requeue,
    evict,
    advance,
  ];
  const wild = fc.commands([...common, stepWall], { maxCommands: 60 });
  return durable ? fc.oneof(wild, fc.commands([...common, restart, crash], { maxCommands: 60 })) : wild;
}

/** Runs a sequence of operations on a store and on the model, and compares. */
export async function compare(bench: Bench, steps: Iterable<Command>): Promise<void> {
  const log = await openLog(bench);
  const real = { bench, log };
  await fc.asyncModelRun(() => ({ model: new LogModel(), real }), steps);
  const rest = await claimSome(real.log, "last", 1_000);
  await settle(real.log, "last", rest);
}
