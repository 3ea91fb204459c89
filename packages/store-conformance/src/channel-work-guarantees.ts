import { resultOf, work, type JobInfo, type JobState } from "@sssn/core";
import { READER, WRITER, contentsOf, fill, type ChannelGuarantee, type ReachedChannel } from "./channel-guarantee.js";
import { equal, ok, refused } from "./expectations.js";

const quiet = { warn: () => {}, error: () => {}, info: () => {}, debug: () => {} };

/** Looks at a job until something holds of it, and gives up after ten seconds. */
async function jobThat(port: ReachedChannel, id: string, holds: (job: JobInfo) => boolean): Promise<JobInfo> {
  for (let tries = 0; ; tries++) {
    const job = await port.job(READER, id);
    if (holds(job)) return job;
    if (tries > 1_000) throw new Error(`It did not come to this within ten seconds: ${JSON.stringify(job)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const isIn =
  (state: JobState) =>
  (job: JobInfo): boolean =>
    job.state === state;

/** What a queue owes its users. */
export const channelWorkGuarantees: readonly ChannelGuarantee[] = [
  {
    id: "channel/keys-and-priorities",
    says: "hands out one message of a key at a time, the highest priority first, and tells who reads what they were written with",
    kind: "work-queue",
    options: { shared: true },
    async prove(channel) {
      const port = await channel.as(READER);
      await port.writeBatch(WRITER, [
        { content: 1, key: "k" },
        { content: 2, key: "k", priority: 9 },
        { content: 3, priority: 5, supersede: "s" },
      ]);
      const claims = await port.claim(READER, { limit: 10 });
      equal(contentsOf(claims.map(({ message }) => message)), [3, 1]);
      await port.acknowledge(
        READER,
        claims.map(({ receipt }) => receipt),
      );
      equal((await port.claim(READER))[0]?.message.content, 2);
      equal(
        (await port.read(READER)).messages.map(({ key, priority, supersede }) => [key, priority, supersede]),
        [
          ["k", undefined, undefined],
          ["k", 9, undefined],
          [undefined, 5, "s"],
        ],
      );
    },
  },
  {
    id: "channel/turn-wakes",
    says: "wakes a claim that waits when the turn of a key comes, and when a group may go on",
    kind: "work-queue",
    async prove(channel) {
      const [ann, bob] = [await channel.as("ann"), await channel.as("bob")];
      await ann.writeBatch(WRITER, [
        { content: 1, key: "k" },
        { content: 2, key: "k" },
        { content: 3, key: "k" },
      ]);
      const [first] = await ann.claim("ann");
      const waiting = bob.claim("bob", { waitMs: 20_000 });
      await ann.acknowledge("ann", [first?.receipt ?? ""]);
      const [second] = await waiting;
      equal(second?.message.content, 2);
      await ann.setRegime(READER, { paused: true });
      await bob.acknowledge("bob", [second?.receipt ?? ""]);
      const paused = bob.claim("bob", { waitMs: 20_000 });
      await ann.setRegime(READER, {});
      equal((await paused)[0]?.message.content, 3);
    },
  },
  {
    id: "channel/regime",
    says: "bounds a group's work as an admin says, shows it in its figures, and refuses what is no bound",
    kind: "work-queue",
    async prove(channel) {
      const port = await channel.as(READER);
      await fill(port, [1, 2, 3]);
      await port.setRegime(READER, { maxInFlight: 2 }, { group: "some" });
      equal((await port.claim(READER, { limit: 10, group: "some" })).length, 2);
      equal((await port.stats(READER)).groups.find(({ group }) => group === "some")?.regime, { maxInFlight: 2 });
      await refused(() => port.setRegime(READER, { maxInFlight: 0 }), "invalid_argument");
      await refused(() => port.setRegime(READER, { rate: { count: 1, perMs: 0 } }), "invalid_argument");
      await refused(() => port.setRegime(READER, { slow: true } as object), "invalid_argument");
    },
  },
  {
    id: "channel/orders",
    says: "cancels and moves messages by id or by state, one answer each, and refuses what is no order",
    kind: "work-queue",
    async prove(channel) {
      const port = await channel.as(READER);
      await port.writeBatch(
        WRITER,
        ["a", "b", "c"].map((id) => ({ content: id, id })),
      );
      equal(await port.reschedule(READER, ["c", "none"], { priority: 9 }), [
        { id: "c", status: "rescheduled" },
        { id: "none", status: "unknown" },
      ]);
      equal((await port.claim(READER))[0]?.message.id, "c");
      equal(await port.reschedule(READER, ["a"], { at: Date.now() + 3_600_000 }), [{ id: "a", status: "rescheduled" }]);
      equal(
        (await port.jobs(READER, { state: "resting" })).jobs.map(({ id }) => id),
        ["a"],
      );
      equal(await port.cancel(READER, ["b"], { reason: "no more" }), [{ id: "b", status: "cancelled" }]);
      equal(await port.cancel(READER, { state: "resting" }), [{ id: "a", status: "cancelled" }]);
      equal([await port.requeue(READER, { state: "cancelled" }), (await port.claim(READER, { limit: 10 })).length], [2, 2]);
      await refused(() => port.reschedule(READER, ["a"], { at: 1, delayMs: 1 }), "invalid_argument");
      await refused(() => port.reschedule(READER, ["a"], { priority: 10 }), "invalid_argument");
      await refused(() => port.jobs(READER, { state: "asleep" as JobState }), "invalid_argument");
      await refused(() => port.job(READER, "none"), "not_found");
      await refused(() => port.write(WRITER, 1, { priority: -1 }), "invalid_argument");
      await refused(() => port.write(WRITER, 1, { key: "no key!" }), "invalid_identifier");
      await refused(() => port.write(WRITER, 1, { supersede: "" }), "invalid_identifier");
    },
  },
  {
    id: "channel/no-work",
    says: "refuses orders about work where there is none",
    kind: "broadcast",
    async prove(channel) {
      const port = await channel.as(READER);
      await refused(() => port.setRegime(READER, {}), "unsupported_operation");
      await refused(() => port.cancel(READER, ["m"]), "unsupported_operation");
      await refused(() => port.reschedule(READER, ["m"]), "unsupported_operation");
      await refused(() => port.jobs(READER, { state: "ready" }), "unsupported_operation");
    },
  },
  {
    id: "channel/progress",
    says: "shows within moments how far a handler says that it is, and refuses what is too large",
    kind: "work-queue",
    async prove(channel) {
      const port = await channel.as(READER);
      const { id } = await port.write(WRITER, "job");
      let finish = (): void => {};
      const worker = work(
        port,
        READER,
        (_message, { progress }) => {
          progress({ done: 1, of: 2 });
          return new Promise<void>((resolve) => (finish = resolve));
        },
        { logger: quiet },
      );
      const seen = await jobThat(port, id, ({ progress }) => progress !== undefined);
      equal([seen.state, seen.progress], ["claimed", { done: 1, of: 2 }]);
      finish();
      await jobThat(port, id, isIn("settled"));
      equal((await worker.close()).acknowledged, 1);
      await port.write(WRITER, "next");
      const [claim] = await port.claim(READER);
      await refused(() => port.extend(READER, [claim?.receipt ?? ""], { progress: "x".repeat(17_000) }), "content_too_large");
    },
  },
  {
    id: "channel/cancelled-handler",
    says: "aborts the handler whose message is cancelled, with the reason",
    kind: "work-queue",
    async prove(channel) {
      const port = await channel.as(READER);
      const { id } = await port.write(WRITER, "job");
      const aborted = new Promise<unknown>((resolve) => {
        const worker = work(
          port,
          READER,
          (_message, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
          { leaseMs: 600, logger: quiet },
        );
        worker.events.on("job", ({ outcome }) => void worker.close().then((report) => resolve([outcome, report.cancelled])));
      });
      await jobThat(port, id, isIn("claimed"));
      await port.cancel(READER, [id], { reason: "no more" });
      equal(await aborted, ["cancelled", 1]);
      equal((await port.job(READER, id)).reason, "no more");
    },
  },
  {
    id: "channel/results",
    says: "stores what a handler returns before its message is acknowledged, once, and finds it for whoever waits",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(READER);
      const { id } = await port.write(WRITER, 20, { id: "job" });
      const of = { channel: port.id, id, group: "doublers" };
      equal(await resultOf(port, READER, of), undefined);
      const waiting = resultOf(port, READER, of, { waitMs: 20_000 });
      const worker = work(
        port,
        READER,
        ({ content, correlationId }) => {
          // Its own results come by as well.
          if (correlationId !== undefined) throw new Error("a result is no job");
          return (content as number) * 2;
        },
        { results: port, group: "doublers", logger: quiet },
      );
      equal((await waiting)?.content, 40);
      await worker.close();
      equal((await resultOf(port, READER, of))?.correlationId, "job");
    },
  },
  {
    id: "channel/find",
    says: "gives the message with an id to whoever may see it, and nothing to others",
    kind: "mailbox",
    async prove(channel) {
      const [ann, bob] = [await channel.as("ann"), await channel.as("bob")];
      await ann.write("ann", "for bob", { id: "letter", recipientId: "bob" });
      equal(
        [(await bob.find("bob", "letter"))?.content, await ann.find("ann", "letter"), await bob.find("bob", "none")],
        ["for bob", undefined, undefined],
      );
      await refused(() => ann.find("ann", "no id!"), "invalid_identifier");
    },
  },
  {
    id: "channel/batches",
    says: "gives a handler of batches many messages at once, each of which may be settled by itself",
    kind: "work-queue",
    options: { maxDeliveries: 1 },
    async prove(channel) {
      const port = await channel.as(READER);
      await fill(port, ["a", "bad", "b", "worse"]);
      const sizes: number[] = [];
      const worker = work(
        port,
        READER,
        (jobs) => {
          sizes.push(jobs.length);
          for (const { message, fail, deadLetter } of jobs) {
            if (message.content === "bad") fail(new Error("not this one"));
            if (message.content === "worse") deadLetter("nor this one");
          }
        },
        { batch: 4, batchWaitMs: 5_000, logger: quiet },
      );
      for (let tries = 0; (await port.stats(READER)).groups[0]?.oldestUnfinishedMs !== undefined; tries++) {
        ok(tries < 1_000, "the batch was not worked off within ten seconds");
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const report = await worker.close();
      equal([sizes, report.acknowledged, report.failed, report.dead], [[4], 2, 1, 1]);
      equal((await port.deadLetters(READER)).map(({ reason }) => reason).sort(), ["nor this one", "not this one"]);
    },
  },
];
