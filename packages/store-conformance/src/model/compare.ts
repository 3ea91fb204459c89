import { MemoryMessageStore, type ChannelLog } from "@sssn/core";
import { copyStore } from "@sssn/core/log-state";
import fc from "fast-check";
import { claimSome, settle } from "../expectations.js";
import type { Bench } from "../harness.js";
import { command, type Command } from "./command.js";
import {
  append,
  read,
  moveCursor,
  claim,
  settleOldest,
  repeatAcknowledgement,
  lookAtDead,
  requeue,
  lookAtCursors,
  lookAtStats,
  evict,
  advance,
  stepWall,
} from "./log-commands.js";
import { LogModel, MAX_DELIVERIES } from "./log-model.js";
import { cancel, reviveCancelled, reschedule, bound, free, list, remove } from "./order-commands.js";

const restart = fc.constant(
  command("restart", async (_model, real) => {
    await real.bench.restart();
    real.log = await openLog(real.bench);
  }),
);

const crash = fc.constant(
  command("crash", async (_model, real) => {
    await real.bench.crash();
    real.log = await openLog(real.bench);
  }),
);

const copy = fc.boolean().map((isThroughMemory) =>
  command(`copy to another store${isThroughMemory ? " through memory" : ""}`, async (_model, real) => {
    const { bench } = real;
    const target = await bench.another();
    await using between = isThroughMemory ? new MemoryMessageStore({ clock: bench.clock }) : undefined;
    if (between) await copyStore(bench.store, between);
    await copyStore(between ?? bench.store, target);
    bench.replaceBy(target);
    real.log = await openLog(bench);
  }),
);

function openLog(bench: Bench): Promise<ChannelLog> {
  return bench.open("orders", { maxDeliveries: MAX_DELIVERIES });
}

/** Chosen so many times as often as others. */
function often(times: number, ...kinds: readonly fc.Arbitrary<Command>[]): fc.Arbitrary<Command>[] {
  return Array.from({ length: times }, () => kinds).flat();
}

/** Any sequence of operations; restarts and crashes among them where the store is durable, and copies where it is portable. */
export function commands(durable: boolean, portable: boolean): fc.Arbitrary<Iterable<Command>> {
  // A restart, or a copy, after a step of the wall clock legitimately changes what is left of a lease, so a run has one or the other.
  const common = [
    ...often(4, append),
    ...often(5, claim),
    ...often(5, settleOldest),
    ...often(2, advance, lookAtStats, lookAtCursors, repeatAcknowledgement),
    read,
    moveCursor,
    lookAtDead,
    requeue,
    evict,
    remove,
    cancel,
    reviveCancelled,
    reschedule,
    bound,
    free,
    list,
  ];
  const wild = fc.commands([...common, stepWall], { maxCommands: 60, size: "medium" });
  const moves = [...(durable ? [restart, crash] : []), ...(portable ? [copy] : [])];
  return moves.length > 0 ? fc.oneof(wild, fc.commands([...common, ...moves], { maxCommands: 60, size: "medium" })) : wild;
}

/** Runs a sequence of operations on a store and on the model, and compares. */
export async function compare(bench: Bench, steps: Iterable<Command>): Promise<void> {
  const log = await openLog(bench);
  const real = { bench, log };
  await fc.asyncModelRun(() => ({ model: new LogModel(), real }), steps);
  const rest = await claimSome(real.log, "last", 1_000);
  await settle(real.log, "last", rest);
}
