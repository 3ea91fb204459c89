import type { ChannelLog, GroupRegime } from "@sssn/core";
import fc from "fast-check";
import { equal } from "../expectations.js";
import { command, optional, rarely } from "./command.js";
import type { LogModel } from "./log-model.js";

/** A message that was written, by its number among those that are kept. */
const anyKept = fc.nat({ max: 80 });

function keptAt(model: LogModel, index: number): number | undefined {
  const kept = [...model.kept.keys()];
  return kept[index % Math.max(1, kept.length)];
}

async function idOf(log: ChannelLog, sequence: number): Promise<string> {
  return (await log.read({ after: sequence - 1, limit: 1 })).messages[0]?.id ?? "";
}

export const cancel = anyKept.map((index) =>
  command(`cancel the message at ${index}`, async (model, real) => {
    const sequence = keptAt(model, index);
    if (sequence === undefined) return;
    model.refresh(real);
    model.hasGroup = true;
    const id = await idOf(real.log, sequence);
    const isOpen = !model.settled.has(sequence) || model.dead.has(sequence);
    equal(await real.log.cancel("default", [id], "no more"), [{ id, status: isOpen ? "cancelled" : "settled" }]);
    if (!isOpen) return;
    const holder = model.held.get(sequence);
    if (holder) model.taken.set(holder.receipt, holder.reader);
    model.takeAway(sequence);
    model.dead.delete(sequence);
    model.resting.delete(sequence);
    model.settled.add(sequence);
    model.cancelled.add(sequence);
  }),
);

export const reviveCancelled = anyKept.map((index) =>
  command(`requeue the cancelled message at ${index}`, async (model, real) => {
    const [sequence] = [...model.cancelled].filter((cancelled) => model.kept.has(cancelled)).slice(index % 3);
    if (sequence === undefined) return;
    model.refresh(real);
    const isRevived = !model.expired.has(sequence);
    equal(await real.log.requeue("default", [await idOf(real.log, sequence)]), isRevived ? 1 : 0);
    // Its receipt is nobody's any more.
    if (isRevived) model.revive(sequence);
  }),
);

export const reschedule = fc
  .tuple(anyKept, fc.integer({ min: 0, max: 300 }), optional(fc.constantFrom(0, 4, 9)))
  .map(([index, delayMs, priority]) =>
    command(`move the message at ${index} by ${delayMs} ms to ${priority ?? "the same"} priority`, async (model, real) => {
      const sequence = keptAt(model, index);
      if (sequence === undefined) return;
      model.refresh(real);
      model.hasGroup = true;
      const id = await idOf(real.log, sequence);
      const status = model.settled.has(sequence) ? "settled" : model.held.has(sequence) ? "held" : "rescheduled";
      equal(await real.log.reschedule("default", [id], { delayMs, ...(priority === undefined ? {} : { priority }) }), [{ id, status }]);
      if (status !== "rescheduled") return;
      model.waiting.set(sequence, real.bench.clock.monotonic() + delayMs);
      model.resting.delete(sequence);
      const written = model.written.get(sequence);
      if (written) written.priority = priority ?? model.original.get(sequence) ?? 4;
    }),
  );

export const bound = fc
  .record({
    paused: rarely(fc.constant(true)),
    maxInFlight: optional(fc.integer({ min: 1, max: 4 })),
    rate: optional(fc.record({ count: fc.integer({ min: 1, max: 6 }), perMs: fc.integer({ min: 50, max: 400 }) })),
  })
  .map((given) =>
    command(`bound the group by ${JSON.stringify(given)}`, async (model, { log }) => {
      model.hasGroup = true;
      const regime = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as GroupRegime;
      // Another rate begins to count anew.
      const { rate } = model.regime;
      if (!rate || rate.count !== regime.rate?.count || rate.perMs !== regime.rate.perMs) model.granted = [];
      model.regime = regime;
      await log.setRegime("default", regime);
    }),
  );

export const free = fc.constant(
  command("free the group", async (model, { log }) => {
    model.hasGroup = true;
    model.regime = {};
    model.granted = [];
    await log.setRegime("default", {});
  }),
);

export const list = fc
  .constantFrom("ready" as const, "claimed" as const, "resting" as const, "dead" as const, "cancelled" as const)
  .map((state) =>
    command(`list what is ${state}`, async (model, real) => {
      model.refresh(real);
      const { jobs } = await real.log.jobs("default", { state, after: 0, limit: 1_000 });
      equal(
        jobs.map(({ sequence }) => sequence),
        model.inState(state, real.bench.clock.monotonic()),
      );
    }),
  );

export const remove = anyKept.map((index) =>
  command(`remove the message at ${index}`, async (model, real) => {
    const sequence = keptAt(model, index);
    if (sequence === undefined) return;
    model.refresh(real);
    equal(await real.log.remove([await idOf(real.log, sequence)]), 1);
    model.drop(sequence);
  }),
);
