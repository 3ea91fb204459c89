import { describe, expect, it, onTestFinished } from "vitest";
import {
  MemoryMessageStore,
  PassthroughChannel,
  SSSNError,
  WorkQueueChannel,
  resultIdOf,
  resultOf,
  silentLogger,
  work,
  type BatchWorkOptions,
  type JobEvent,
  type Worker,
} from "../src/index.js";
import { VirtualClock } from "../src/testing.js";

const logger = silentLogger;

async function setting(options: { readonly maxDeliveries?: number } = {}) {
  const clock = new VirtualClock();
  const store = new MemoryMessageStore({ clock });
  const jobs = new WorkQueueChannel<unknown>({ id: "jobs", store, clock, logger, ...options });
  const results = new PassthroughChannel<unknown>({ id: "results", store, clock, logger });
  await Promise.all([jobs.start(), results.start()]);
  onTestFinished(async () => {
    await Promise.all([jobs.drain({ timeoutMs: 0 }), results.drain({ timeoutMs: 0 })]);
  });
  return { clock, jobs, results };
}

/** Closes the worker after the test, and takes down how its jobs end. */
function watched(worker: Worker): JobEvent[] {
  const events: JobEvent[] = [];
  worker.events.on("job", (event) => events.push(event));
  onTestFinished(async () => void (await worker.close({ timeoutMs: 0 })));
  return events;
}

const outcomes = (events: readonly JobEvent[]): unknown[] => events.map(({ outcome, error }) => [outcome, error?.message]);

describe("the result of a job", () => {
  it("is stored before its message is acknowledged, and is null where the handler returns nothing", async () => {
    const { clock, jobs, results } = await setting();
    const { id } = await jobs.write("w", 1);
    const events = watched(work(jobs, "w", () => {}, { results, clock, logger }));
    await clock.advance(1);
    expect([outcomes(events), (await resultOf(results, "r", { channel: "jobs", id }))?.content]).toEqual([
      [["acknowledged", undefined]],
      null,
    ]);
  });

  it("that its channel refuses, for whatever reason, gives the job back and loses nothing", async () => {
    const { clock, jobs, results } = await setting();
    const refusals = [new SSSNError("insufficient_role", "not you"), new SSSNError("store_full", "no room"), new Error("gone")];
    const store = results.write.bind(results);
    results.write = (...given) => {
      const refusal = refusals.shift();
      return refusal ? Promise.reject(refusal) : store(...given);
    };
    const { id } = await jobs.write("w", 1);
    const events = watched(work(jobs, "w", () => "done", { results, clock, logger, backoff: { initialMs: 10, maxMs: 10 } }));
    await clock.advance(100);
    expect(outcomes(events)).toEqual([
      ["failed", "its result could not be stored in channel results: not you"],
      ["failed", "its result could not be stored in channel results: no room"],
      ["failed", "its result could not be stored in channel results: gone"],
      ["acknowledged", undefined],
    ]);
    expect((await resultOf(results, "r", { channel: "jobs", id }))?.content).toBe("done");
  });

  it("that is no JSON makes a dead letter of the job, because trying again is useless", async () => {
    const { clock, jobs, results } = await setting();
    await jobs.write("w", 1);
    const events = watched(work(jobs, "w", () => ({ when: new Date(0) }), { results, clock, logger }));
    await clock.advance(1);
    expect(events[0]?.outcome).toBe("dead");
    expect((await jobs.deadLetters("a"))[0]?.reason).toMatch(/result\.when/);
  });

  it("is not stored where the handler said that the job is dead", async () => {
    const { clock, jobs, results } = await setting();
    const { id } = await jobs.write("w", 1);
    watched(work(jobs, "w", (_message, { deadLetter }) => deadLetter("useless"), { results, clock, logger }));
    await clock.advance(1);
    expect(await resultOf(results, "r", { channel: "jobs", id })).toBeUndefined();
  });

  it("is the first one where a job runs twice", async () => {
    const { clock, jobs, results } = await setting();
    let runs = 0;
    const { id } = await jobs.write("w", 1);
    const acknowledge = jobs.acknowledge.bind(jobs);
    // The lease of the first run is over before its acknowledgement arrives.
    jobs.acknowledge = (...given) => (runs === 1 ? Promise.reject(new Error("cut off")) : acknowledge(...given));
    watched(work(jobs, "w", () => `run ${++runs}`, { results, clock, logger, leaseMs: 1_000 }));
    await clock.advance(3_000);
    expect([runs, (await resultOf(results, "r", { channel: "jobs", id }))?.content]).toEqual([2, "run 1"]);
  });

  it("is waited for no longer than asked, and not at all when told to stop", async () => {
    const { clock, results } = await setting();
    const of = { channel: "jobs", id: "none" };
    const late = resultOf(results, "r", of, { waitMs: 1_000, clock });
    await clock.advance(1_000);
    expect(await late).toBeUndefined();
    expect(await resultOf(results, "r", of, { waitMs: 1_000, clock, signal: AbortSignal.abort() })).toBeUndefined();
    await expect(resultOf(results, "r", of, { waitMs: -1 })).rejects.toThrow(/waitMs/);
    await expect(resultOf(results, "r", { channel: "no channel!", id: "x" })).rejects.toThrow(/channel id/);
  });

  it("has an id of its own for each channel, group and job, however long they are", async () => {
    const long = "x".repeat(256);
    const ids = await Promise.all([
      resultIdOf({ channel: "a", id: "b" }),
      resultIdOf({ channel: "a", id: "b", group: "g" }),
      resultIdOf({ channel: "b", id: "a" }),
      resultIdOf({ channel: long, id: long, group: long }),
      resultIdOf({ channel: long, id: `${long.slice(1)}y`, group: long }),
    ]);
    expect(new Set(ids).size).toBe(5);
    expect(ids.every((id) => id.length <= 256)).toBe(true);
    expect(await resultIdOf({ channel: "a", id: "b", group: "default" })).toBe(ids[0]);
  });
});

describe("a job whose message is cancelled", () => {
  it("ends at once in the same process, without waiting for a renewal, and is settled by nobody", async () => {
    const { clock, jobs } = await setting();
    const { id } = await jobs.write("w", 1);
    let reason: unknown;
    const worker = work(
      jobs,
      "w",
      (_message, { signal }) =>
        new Promise((_, reject) =>
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            reject(signal.reason as Error);
          }),
        ),
      { clock, logger },
    );
    const events = watched(worker);
    await clock.advance(1);
    await jobs.cancel("admin", [id], { reason: "changed my mind" });
    await clock.advance(0);
    expect([outcomes(events), (reason as SSSNError).code, (reason as SSSNError).message]).toEqual([
      [["cancelled", undefined]],
      "cancelled",
      "changed my mind",
    ]);
    expect((await worker.close()).cancelled).toBe(1);
  });

  it("in another group goes on", async () => {
    const { clock, jobs } = await setting();
    const { id } = await jobs.write("w", 1);
    let finish = (): void => {};
    const events = watched(work(jobs, "w", () => new Promise<void>((resolve) => (finish = resolve)), { clock, logger }));
    await clock.advance(1);
    await jobs.cancel("admin", [id], { group: "other" });
    finish();
    await clock.advance(1);
    expect(outcomes(events)).toEqual([["acknowledged", undefined]]);
  });
});

describe("a worker of batches", () => {
  const fill = (jobs: WorkQueueChannel<unknown>, count: number): Promise<unknown> =>
    jobs.writeBatch(
      "w",
      Array.from({ length: count }, (_, content) => ({ content })),
    );

  it("calls its handler with a full batch at once, and with the rest when the first has waited long enough", async () => {
    const { clock, jobs } = await setting();
    const sizes: [number, number][] = [];
    watched(work(jobs, "w", (batch) => void sizes.push([clock.monotonic(), batch.length]), { batch: 10, batchWaitMs: 200, clock, logger }));
    const begun = clock.monotonic();
    await fill(jobs, 13);
    await clock.advance(199);
    expect(sizes.map(([at, size]) => [at - begun, size])).toEqual([[0, 10]]);
    await clock.advance(1);
    expect(sizes.map(([at, size]) => [at - begun, size])).toEqual([
      [0, 10],
      [200, 3],
    ]);
  });

  it("gives every message of a batch back whose handler throws, but those that were settled by themselves", async () => {
    const { clock, jobs } = await setting({ maxDeliveries: 1 });
    await fill(jobs, 3);
    const events = watched(
      work(
        jobs,
        "w",
        ([first, second]) => {
          first?.done();
          second?.fail(new Error("only this"));
          throw new Error("all the others");
        },
        { batch: 3, clock, logger },
      ),
    );
    await clock.advance(1_000);
    expect(outcomes(events).sort()).toEqual([
      ["acknowledged", undefined],
      ["failed", "all the others"],
      ["failed", "only this"],
    ]);
  });

  it("stores a result for each message that was given one", async () => {
    const { clock, jobs, results } = await setting();
    const receipts = await jobs.writeBatch("w", [{ content: 1 }, { content: 2 }]);
    watched(
      work(
        jobs,
        "w",
        (batch) => {
          for (const { message, done } of batch) done((message.content as number) * 10);
        },
        { batch: 2, results, clock, logger },
      ),
    );
    await clock.advance(1);
    const found = await Promise.all(receipts.map(({ id }) => resultOf(results, "r", { channel: "jobs", id })));
    expect(found.map((message) => message?.content)).toEqual([10, 20]);
  });

  it.each<[string, Partial<BatchWorkOptions>]>([
    ["batch", { batch: 0 }],
    ["batch", { batch: 1_001 }],
    ["batchWaitMs", { batchWaitMs: 60_001 }],
    ["concurrency", { concurrency: 0 }],
    ["messages at once", { batch: 500, concurrency: 3 }],
  ])("refuses what is out of range: %s", async (what, options) => {
    const { jobs } = await setting();
    expect(() => work(jobs, "w", () => {}, { batch: 10, ...options, logger } as BatchWorkOptions)).toThrow(what);
  });
});
