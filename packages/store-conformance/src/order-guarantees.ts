import type { JobInfo, JobState } from "@sssn/core";
import type { Guarantee } from "./guarantee.js";
import { claimSome, claimed, equal, release, settle } from "./expectations.js";
import { draft, fill, type Bench } from "./harness.js";

/** Appends messages with the ids m1, m2, … */
async function appendIds(bench: Bench, count: number): Promise<Awaited<ReturnType<Bench["open"]>>> {
  const log = await bench.open();
  await log.append(Array.from({ length: count }, (_, index) => draft(index + 1, { id: `m${index + 1}` })));
  return log;
}

const statuses = (results: readonly { readonly status: string }[]): string[] => results.map(({ status }) => status);

/** Orders about work: cancel, move, replace; and looking at it. */
export const orderGuarantees: readonly Guarantee[] = [
  {
    id: "store/cancel",
    says: "cancels what waits, rests, is dead or is held, whose holder is told so with the reason, and nothing that is settled",
    async prove(bench) {
      const log = await appendIds(bench, 5);
      const claims = await claimSome(log, "w", 4);
      const [held, resting, dead, done] = claims.map((claim) => [claim]);
      await release(log, "w", resting ?? [], 60_000);
      await settle(log, "w", dead ?? [], "dead-letter");
      await settle(log, "w", done ?? []);
      equal(statuses(await log.cancel("default", ["m1", "m2", "m3", "m4", "m5", "none"], "no more")), [
        "cancelled",
        "cancelled",
        "cancelled",
        "settled",
        "cancelled",
        "unknown",
      ]);
      const [late] = await log.settle("default", "w", [{ receipt: held?.[0]?.receipt ?? "", action: "extend", leaseMs: 1_000 }]);
      equal([late?.status, late?.reason], ["cancelled", "no more"]);
      await bench.clock.advance(60_000);
      equal([claimed(await claimSome(log, "w", 10)), (await log.dead("default", { limit: 10 })).length], [[], 0]);
      equal(statuses(await log.cancel("default", ["m1"])), ["settled"]);
      equal(await log.requeue("default"), 0);
      equal([await log.requeue("default", ["m1"]), claimed(await claimSome(log, "w", 10))], [1, [1]]);
    },
  },
  {
    id: "store/cancel-restart",
    needs: "durable",
    says: "knows after a crash what was cancelled, and tells its late holder",
    async prove(bench) {
      const log = await appendIds(bench, 2);
      const [held] = await claimSome(log, "w", 1);
      await log.cancel("default", ["m1", "m2"], "no more");
      await bench.crash();
      const reopened = await bench.open();
      equal([claimed(await claimSome(reopened, "w", 10)), await settle(reopened, "w", held ? [held] : [])], [[], ["cancelled"]]);
      equal(
        (await reopened.jobs("default", { state: "cancelled", after: 0, limit: 10 })).jobs.map(({ reason }) => reason),
        ["no more", "no more"],
      );
    },
  },
  {
    id: "store/reschedule",
    says: "moves what nobody has to another time or priority, and nothing that somebody has or that is settled",
    async prove(bench) {
      const log = await appendIds(bench, 4);
      const [held, done] = await claimSome(log, "w", 2);
      await settle(log, "w", done ? [done] : []);
      equal(statuses(await log.reschedule("default", ["m1", "m2", "m3", "none"], { delayMs: 1_000 })), [
        "held",
        "settled",
        "rescheduled",
        "unknown",
      ]);
      await log.append([draft(5, { id: "m5", delayMs: 60_000 })]);
      equal(statuses(await log.reschedule("default", ["m5"], {})), ["rescheduled"]);
      await log.reschedule("default", ["m5"], { priority: 9 });
      equal(claimed(await claimSome(log, "w", 10)), [5, 4]);
      await bench.clock.advance(1_000);
      equal(claimed(await claimSome(log, "w", 10)), [3]);
      equal(await settle(log, "w", held ? [held] : []), ["acknowledged"]);
    },
  },
  {
    id: "store/reschedule-restart",
    needs: "durable",
    says: "keeps where a message was moved to over a restart",
    async prove(bench) {
      const log = await appendIds(bench, 3);
      await log.reschedule("default", ["m1"], { delayMs: 1_000 });
      await log.reschedule("default", ["m3"], { priority: 9 });
      await bench.restart();
      const reopened = await bench.open();
      equal(claimed(await claimSome(reopened, "w", 10)), [3, 2]);
      await bench.clock.advance(1_000);
      equal(claimed(await claimSome(reopened, "w", 10)), [1]);
    },
  },
  {
    id: "store/supersede",
    says: "replaces the last message of a name where it waits, keeps it readable, and leaves alone what somebody has or has had",
    async prove(bench) {
      const log = await bench.open();
      const write = (content: number) => log.append([draft(content, { supersede: "refresh" })]);
      await write(1);
      await write(2);
      const [second] = await claimSome(log, "w", 10);
      equal(second?.message.content, 2);
      await write(3);
      await write(4);
      await release(log, "w", second ? [second] : []);
      await write(5);
      equal(claimed(await claimSome(log, "w", 10)), [2, 5]);
      equal((await log.read({ after: 0, limit: 10 })).messages.length, 5);
      equal(claimed(await claimSome(log, "w", 10, { group: "late" })), [2, 5]);
    },
  },
  {
    id: "store/supersede-restart",
    needs: "durable",
    says: "knows after a restart what was replaced, and what to replace",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft(1, { supersede: "refresh" }), draft(2, { supersede: "refresh" })]);
      await bench.restart();
      const reopened = await bench.open();
      await reopened.append([draft(3, { supersede: "refresh" })]);
      await bench.crash();
      equal(claimed(await claimSome(await bench.open(), "w", 10)), [3]);
    },
  },
  {
    id: "store/jobs",
    says: "lists a group's messages by their state, page by page",
    async prove(bench) {
      const log = await appendIds(bench, 7);
      const [held, resting, dead, done] = (await claimSome(log, "w", 4)).map((claim) => [claim]);
      await release(log, "w", resting ?? [], 60_000);
      await settle(log, "w", dead ?? [], "dead-letter");
      await settle(log, "w", done ?? []);
      await log.cancel("default", ["m5"]);
      const list = async (state: JobState): Promise<string[]> =>
        (await log.jobs("default", { state, after: 0, limit: 10 })).jobs.map(({ id }) => id);
      equal(
        [
          await list("claimed"),
          await list("resting"),
          await list("dead"),
          await list("settled"),
          await list("cancelled"),
          await list("ready"),
        ],
        [["m1"], ["m2"], ["m3"], ["m4"], ["m5"], ["m6", "m7"]],
      );
      const page = await log.jobs("default", { state: "ready", after: 0, limit: 1 });
      equal([page.jobs.map(({ id }) => id), page.position], [["m6"], 6]);
      const rest = await log.jobs("default", { state: "ready", after: page.position ?? 0, limit: 1 });
      equal([rest.jobs.map(({ id }) => id), rest.position], [["m7"], undefined]);
      equal((await log.jobs("nobody's", { state: "ready", after: 0, limit: 10 })).jobs.length, 7);
      equal(await settle(log, "w", held ?? []), ["acknowledged"]);
    },
  },
  {
    id: "store/job",
    says: "tells the whole state of a message: who has it and for how long, how far it is, until when it rests, and what it ended with",
    async prove(bench) {
      const log = await appendIds(bench, 2);
      const look = async (id: string): Promise<JobInfo | undefined> => log.job("default", id);
      equal(await look("none"), undefined);
      const [first] = await claimSome(log, "w", 1, { leaseMs: 1_000 });
      const receipt = first?.receipt ?? "";
      await log.settle("default", "w", [{ receipt, action: "extend", leaseMs: 5_000, progress: { done: 3 } }]);
      await bench.clock.advance(2_000);
      equal(await look("m1"), {
        id: "m1",
        sequence: 1,
        state: "claimed",
        deliveries: 1,
        priority: 4,
        readerId: "w",
        leaseMs: 3_000,
        progress: { done: 3 },
      });
      await log.settle("default", "w", [{ receipt, action: "release", delayMs: 500, reason: "not yet" }]);
      const resting = await look("m1");
      equal(
        [resting?.state, resting?.availableInMs, resting?.reason, resting?.progress, resting?.readerId],
        ["resting", 500, "not yet", { done: 3 }, "w"],
      );
      equal(await look("m2"), { id: "m2", sequence: 2, state: "ready", deliveries: 0, priority: 4 });
      await settle(log, "w", await claimSome(log, "w", 1));
      await bench.clock.advance(100);
      const done = await look("m2");
      equal([done?.state, done?.deliveries, done?.sinceMs], ["settled", 1, 100]);
    },
  },
  {
    id: "store/job-waiting",
    says: "says why a message is not handed out: behind which one of its key, paused, at the bound of messages out at once, or of those in a time",
    async prove(bench) {
      const log = await bench.open();
      await log.append([1, 2, 3].map((number) => draft(number, { id: `m${number}`, key: number < 3 ? "a" : "b" })));
      const why = async (id: string): Promise<unknown> => (await log.job("default", id))?.waiting;
      equal([await why("m1"), await why("m2")], [undefined, { reason: "behind", id: "m1", sequence: 1 }]);
      await log.setRegime("default", { paused: true });
      equal(await why("m1"), { reason: "paused" });
      await log.setRegime("default", { maxInFlight: 1, rate: { count: 1, perMs: 1_000 } });
      const [first] = await claimSome(log, "w", 10);
      equal([await why("m2"), await why("m3")], [{ reason: "behind", id: "m1", sequence: 1 }, { reason: "rate" }]);
      await bench.clock.advance(1_000);
      equal(await why("m3"), { reason: "max_in_flight" });
      await settle(log, "w", first ? [first] : []);
      equal([await why("m2"), await why("m3")], [undefined, undefined]);
    },
  },
  {
    id: "store/progress-restart",
    needs: "durable",
    says: "keeps how far a job is over a crash",
    async prove(bench) {
      const log = await appendIds(bench, 1);
      const [first] = await claimSome(log, "w", 1);
      await log.settle("default", "w", [{ receipt: first?.receipt ?? "", action: "extend", leaseMs: 5_000, progress: "half" }]);
      await bench.crash();
      equal((await (await bench.open()).job("default", "m1"))?.progress, "half");
    },
  },
  {
    id: "store/totals",
    says: "counts what happens in a group, upwards only, by what it was",
    async prove(bench) {
      const log = await bench.open();
      await log.append(
        Array.from({ length: 9 }, (_, index) => draft(index, { id: `m${index + 1}`, ...(index === 7 ? { ttlMs: 500 } : {}) })),
      );
      await log.append([draft(9, { supersede: "s" }), draft(10, { supersede: "s" })]);
      const [done, back, dead, lapsing] = (await claimSome(log, "w", 4, { leaseMs: 1_000 })).map((claim) => [claim]);
      const since = (await log.stats()).groups[0]?.totals.since ?? 0;
      await settle(log, "w", done ?? []);
      await release(log, "w", back ?? [], 60_000);
      await settle(log, "w", dead ?? [], "dead-letter");
      await log.cancel("default", ["m5", "m6"]);
      await log.remove(["m1", "m7"]);
      await log.append([draft(11, { supersede: "s" })]);
      await bench.clock.advance(1_000);
      equal(claimed(await claimSome(log, "w", 1)), claimed(lapsing ?? []));
      equal((await log.stats()).groups[0]?.totals, {
        since,
        delivered: 5,
        acknowledged: 1,
        released: 1,
        lapsed: 1,
        deadLettered: 1,
        cancelled: 2,
        expired: 1,
        superseded: 1,
        removed: 1,
      });
    },
  },
  {
    id: "store/claim-one-batch",
    says: "answers a call for many messages, repeated under its name, with all of them, however often it had to read",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 900);
      const claims = await claimSome(log, "w", 900, { callId: "call" });
      equal(claimed(await claimSome(log, "w", 900, { callId: "call" })), claimed(claims));
      equal(claims.length, 900);
    },
  },
];
