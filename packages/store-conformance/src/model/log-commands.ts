import type { CursorInfo, Settlement } from "@sssn/core";
import fc from "fast-check";
import { claimSome, claimed, equal } from "../expectations.js";
import { draft } from "../harness.js";
import { command, optional, rarely } from "./command.js";
import type { Call, Writing } from "./log-model.js";

const readers = fc.constantFrom("ann", "bob");

const KEYS = ["red", "green"];

const writing = fc.record({
  count: fc.integer({ min: 1, max: 5 }),
  ttlMs: rarely(fc.integer({ min: 1, max: 600 })),
  key: optional(fc.constantFrom(...KEYS)),
  priority: optional(fc.constantFrom(0, 4, 9)),
  delayMs: rarely(fc.integer({ min: 1, max: 300 })),
  supersede: rarely(fc.constantFrom("one", "two")),
});

export const append = writing.map(({ count, ...options }) => {
  const more = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Writing;
  return command(`append ${count} with ${JSON.stringify(more)}`, async (model, real) => {
    const { log, bench } = real;
    model.refresh(real);
    const receipts = await log.append(
      Array.from({ length: count }, (_, index) => draft(model.last + index + 1, { timestamp: bench.clock.now(), ...more })),
    );
    equal(
      receipts.map(({ sequence }) => sequence),
      Array.from({ length: count }, (_, index) => model.last + index + 1),
    );
    for (const { sequence } of receipts) model.write(sequence, more, bench.clock.monotonic(), log.now());
    model.last += count;
  });
});

export const read = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 20 })).map(([from, limit]) =>
  command(`read ${limit} behind ${from}`, async (model, { log }) => {
    const after = Math.min(from, model.last);
    const { messages } = await log.read({ after, limit });
    equal(
      messages.map(({ content }) => content),
      [...model.kept.keys()].filter((sequence) => sequence > after).slice(0, limit),
    );
  }),
);

export const moveCursor = fc.tuple(readers, fc.integer({ min: 0, max: 60 }), fc.boolean()).map(([owner, to, rewind]) =>
  command(`move the cursor of ${owner} to ${to}${rewind ? ", rewinding" : ""}`, async (model, { log }) => {
    const target = Math.min(to, model.last);
    const expected = rewind ? target : Math.max(target, model.cursors.get(owner) ?? 0);
    equal(await log.moveCursor({ owner, name: "c" }, target, { rewind }), expected);
    model.cursors.set(owner, expected);
    equal(await log.cursor({ owner, name: "c" }), expected);
  }),
);

const working = fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined });

export const claim = fc
  .tuple(readers, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 10, max: 500 }), working)
  .map(([reader, limit, leaseMs, some]) =>
    command(`${reader} claims ${limit} for ${leaseMs} ms, working on ${some ?? "all"}`, async (model, real) => {
      const { log, bench } = real;
      const now = bench.clock.monotonic();
      model.refresh(real);
      model.hasGroup = true;
      const claims = await claimSome(log, reader, limit, { leaseMs, ...(some === undefined ? {} : { working: some }) });
      const expected = model.choose(limit, now);
      equal(claimed(claims), expected);
      model.granted.push(...expected.map(() => now));
      const call: Call = { sequences: claimed(claims), working: some ?? Infinity, begun: new Set(), isJudged: false };
      for (const { message, receipt, deliveries, leaseMs: left } of claims) {
        equal([deliveries, left], [(model.deliveries.get(message.sequence) ?? 0) + 1, leaseMs]);
        model.deliveries.set(message.sequence, deliveries);
        model.resting.delete(message.sequence);
        model.held.set(message.sequence, { reader, until: now + leaseMs, receipt, call });
      }
    }),
  );

const ANSWERS = { acknowledge: "acknowledged", release: "released", extend: "extended", "dead-letter": "dead_lettered" } as const;

function settlementOf(action: keyof typeof ANSWERS, receipt: string, ms: number, uncounted: boolean): Settlement {
  if (action === "release") return { receipt, action, delayMs: ms, ...(uncounted ? { uncounted } : {}) };
  return action === "extend" ? { receipt, action, leaseMs: ms + 10 } : { receipt, action };
}

export const settleOldest = fc
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
      const [gone] = [...model.taken].find(([, holder]) => holder === reader) ?? [];
      if (gone !== undefined) {
        model.taken.delete(gone);
        const [answer] = await log.settle("default", reader, [settlementOf(action, gone, ms, uncounted)]);
        return equal(["cancelled", "lost", "unknown"].includes(answer?.status ?? ""), true);
      }
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
        model.resting.add(sequence);
        model.comeBack(sequence);
        return;
      }
      model.letGo(sequence);
      model.settled.add(sequence);
      if (action === "dead-letter") model.dead.add(sequence);
      else model.acknowledged.set(reader, { receipt, at: now });
    }),
  );

const REMEMBERED_MS = 600_000;

export const repeatAcknowledgement = readers.map((reader) =>
  command(`${reader} repeats its last acknowledgement`, async (model, { log, bench }) => {
    const last = model.acknowledged.get(reader);
    if (!last || bench.clock.monotonic() - last.at >= REMEMBERED_MS) return;
    const [result] = await log.settle("default", reader, [{ receipt: last.receipt, action: "acknowledge" }]);
    equal(result?.status, "already_acknowledged");
  }),
);

export const lookAtDead = fc.constant(
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

export const requeue = fc.constant(
  command("requeue the dead letters", async (model, real) => {
    const { log } = real;
    model.refresh(real);
    const revived = [...model.dead].filter((sequence) => !model.expired.has(sequence));
    equal(await log.requeue("default"), revived.length);
    for (const sequence of revived) model.revive(sequence);
  }),
);

export const lookAtStats = fc.constant(
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

export const lookAtCursors = fc.integer({ min: 1, max: 3 }).map((limit) =>
  command(`look at the cursors, ${limit} at a time`, async (model, { log }) => {
    const found: CursorInfo[] = [];
    for (let page = await log.cursors({ limit }); page.length > 0;) {
      found.push(...page);
      const last = page.at(-1);
      page = page.length < limit || !last ? [] : await log.cursors({ limit, after: last });
    }
    const expected = [...model.cursors].sort(([left], [right]) => (left < right ? -1 : 1));
    equal(
      found.map(({ owner, sequence, lag, lost }) => [owner, sequence, lag, lost]),
      expected.map(([owner, position]) => [
        owner,
        position,
        [...model.kept.keys()].filter((sequence) => sequence > position).length,
        model.lost.get(owner) ?? 0,
      ]),
    );
  }),
);

export const evict = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.boolean()).map(([maxCount, keepUnsettled]) =>
  command(`evict down to ${maxCount}${keepUnsettled ? ", keeping work" : ""}`, async (model, real) => {
    const { log } = real;
    model.refresh(real);
    // Dead letters stand beside the bounds.
    let surplus = model.kept.size - [...model.dead].filter((sequence) => model.kept.has(sequence)).length - maxCount;
    const victims: number[] = [];
    for (const sequence of model.kept.keys()) {
      if (surplus <= 0) break;
      if (model.dead.has(sequence) || (keepUnsettled && !(model.hasGroup ? model.settled : model.retired).has(sequence))) continue;
      victims.push(sequence);
      surplus--;
    }
    equal(await log.evict({ maxCount, keepUnsettled }), victims.length);
    for (const sequence of victims) model.drop(sequence);
  }),
);

export const advance = fc
  .integer({ min: 1, max: 300 })
  .map((durationMs) => command(`${durationMs} ms pass`, async (_model, { bench }) => bench.clock.advance(durationMs)));

export const stepWall = fc.integer({ min: -3_600_000, max: 3_600_000 }).map((deltaMs) =>
  command(`the wall clock steps by ${deltaMs} ms`, (_model, { bench }) => {
    bench.clock.stepWall(deltaMs);
    return Promise.resolve();
  }),
);
