import { describe, expect, it, onTestFinished } from "vitest";
import {
  ChannelClient,
  MemoryMessageStore,
  SSSNError,
  WorkQueueChannel,
  isSSSNError,
  silentLogger,
  work,
  type WorkOptions,
} from "../src/index.js";
import { VirtualClock } from "../src/testing.js";

interface Setting {
  readonly clock: VirtualClock;
  readonly queue: WorkQueueChannel;
  readonly options: WorkOptions;
}

async function setting(): Promise<Setting> {
  const clock = new VirtualClock();
  const queue = new WorkQueueChannel({ id: "jobs", store: new MemoryMessageStore({ clock }), clock, logger: silentLogger });
  await queue.start();
  onTestFinished(async () => {
    const draining = queue.drain();
    await clock.advance(60_000);
    await draining;
  });
  return { clock, queue, options: { clock, logger: silentLogger, leaseMs: 3_000 } };
}

describe("work()", () => {
  it("acknowledges what its handler returns from, each message once", async () => {
    const { clock, queue, options } = await setting();
    const done: unknown[] = [];
    const worker = work(queue, "w", ({ content }) => void done.push(content), { ...options, concurrency: 3 });
    for (let index = 0; index < 20; index++) await queue.write("x", index);
    await clock.advance(1);
    const report = await worker.close();
    expect([[...done].sort((a, b) => Number(a) - Number(b)), report]).toEqual([
      Array.from({ length: 20 }, (_, index) => index),
      { acknowledged: 20, failed: 0, lost: 0, dead: 0, cancelled: 0 },
    ]);
  });

  it("gives a message back whose handler lost its lease in a transaction, which says nothing of the message", async () => {
    const { clock, queue, options } = await setting();
    let calls = 0;
    const handler = (): void => {
      if (++calls === 1) throw new SSSNError("lease_lost", "the lease of the transaction ended");
    };
    const worker = work(queue, "w", handler, { ...options, backoff: { initialMs: 10, maxMs: 10 } });
    await queue.write("x", 1);
    await clock.advance(1_000);
    expect(await worker.close()).toMatchObject({ acknowledged: 1, failed: 1, dead: 0 });
  });

  it("tells whether messages can reach it, and not only whether it is alive", async () => {
    const { clock, queue, options } = await setting();
    let broken = false;
    const claim = queue.claim.bind(queue);
    queue.claim = (...call) => (broken ? Promise.reject(new Error("cut off")) : claim(...call));
    const worker = work(queue, "w", () => {}, options);
    await clock.advance(1);
    expect(worker.isListening).toBe(true);
    broken = true;
    await queue.write("x", 1);
    await clock.advance(100);
    expect(worker.isListening).toBe(false);
    broken = false;
    await clock.advance(2_000);
    expect(worker.isListening).toBe(true);
    await worker.close();
    expect(worker.isListening).toBe(false);
  });

  it("is deaf when its claim goes without an answer for longer than it may wait", async () => {
    const { clock, queue, options } = await setting();
    queue.claim = (_reader, { signal } = {}) =>
      new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Error("ended"))));
    const worker = work(queue, "w", () => {}, options);
    await clock.advance(25_000);
    expect(worker.isListening).toBe(true);
    await clock.advance(10_000);
    expect(worker.isListening).toBe(false);
    await worker.close();
  });

  it("never runs more jobs at once than it may", async () => {
    const { clock, queue, options } = await setting();
    let [running, most] = [0, 0];
    const worker = work(
      queue,
      "w",
      async () => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => clock.schedule(resolve, 100));
        running--;
      },
      { ...options, concurrency: 4 },
    );
    for (let index = 0; index < 12; index++) await queue.write("x", index);
    await clock.advance(1_000);
    expect(most).toBe(4);
    expect((await worker.close()).acknowledged).toBe(12);
  });

  it("keeps the lease of a long job alive, so that nobody else gets it", async () => {
    const { clock, queue, options } = await setting();
    const worker = work(queue, "w", () => new Promise<void>((resolve) => clock.schedule(resolve, 30_000)), options);
    await queue.write("x", 1);
    await clock.advance(29_000);
    expect(await queue.claim("other")).toEqual([]);
    await clock.advance(2_000);
    expect(await worker.close()).toEqual({ acknowledged: 1, failed: 0, lost: 0, dead: 0, cancelled: 0 });
  });

  it("aborts the job's signal when the lease is lost, and does not count it as done", async () => {
    const { clock, queue, options } = await setting();
    const reasons: unknown[] = [];
    const worker = work(
      queue,
      "w",
      (_message, { signal }) =>
        new Promise<void>((_resolve, reject) =>
          signal.addEventListener("abort", () => {
            reasons.push(signal.reason);
            reject(signal.reason as Error);
          }),
        ),
      options,
    );
    const { id } = await queue.write("x", 1);
    await clock.advance(1);
    await queue.remove("admin", [id]);
    await clock.advance(1_500);
    expect(reasons.map((reason) => isSSSNError(reason, "lease_lost"))).toEqual([true]);
    expect(await worker.close()).toEqual({ acknowledged: 0, failed: 0, lost: 1, dead: 0, cancelled: 0 });
  });

  it("gives a failed job back with a growing rest, and passes the deliveries on", async () => {
    const { clock, queue, options } = await setting();
    const deliveries: [number, number][] = [];
    const begin = clock.monotonic();
    const worker = work(
      queue,
      "w",
      (_message, context) => {
        deliveries.push([context.deliveries, clock.monotonic() - begin]);
        if (context.deliveries < 3) throw new Error("not yet");
      },
      { ...options, backoff: { initialMs: 1_000, factor: 2 } },
    );
    await queue.write("x", 1);
    await clock.advance(10_000);
    expect(deliveries).toEqual([
      [1, 0],
      [2, 1_000],
      [3, 3_000],
    ]);
    expect(await worker.close()).toEqual({ acknowledged: 1, failed: 2, lost: 0, dead: 0, cancelled: 0 });
  });

  it("bounds a whole job by maxMs, also one that ignores its signal", async () => {
    const { clock, queue, options } = await setting();
    const worker = work(queue, "w", () => new Promise(() => undefined), { ...options, maxMs: 10_000, backoff: { initialMs: 60_000 } });
    await queue.write("x", 1);
    await clock.advance(10_500);
    expect((await worker.close()).failed).toBe(1);
  });

  it("goes on after claiming has failed", async () => {
    const { clock, queue, options } = await setting();
    const claim = queue.claim.bind(queue);
    let failures = 2;
    queue.claim = (...args) => (failures-- > 0 ? Promise.reject(new Error("down")) : claim(...args));
    const worker = work(queue, "w", () => undefined, options);
    await queue.write("x", 1);
    await clock.advance(5_000);
    expect((await worker.close()).acknowledged).toBe(1);
  });

  it("finishes what it has when it is closed, and gives it back at the deadline", async () => {
    const { clock, queue, options } = await setting();
    const worker = work(queue, "w", () => new Promise(() => undefined), options);
    await queue.write("x", 1);
    await clock.advance(1);
    const closing = worker.close({ timeoutMs: 2_000 });
    await clock.advance(2_000);
    expect(await closing).toEqual({ acknowledged: 0, failed: 1, lost: 0, dead: 0, cancelled: 0 });
    await clock.advance(60_000);
    expect(await queue.claim("next")).toHaveLength(1);
  });

  it("claims ahead only what quick handlers work off in a moment, and slow ones nothing", async () => {
    const { clock, queue, options } = await setting();
    for (let index = 0; index < 500; index++) await queue.write("x", index);
    let slow = false;
    const worker = work(queue, "w", () => (slow ? new Promise<void>((resolve) => clock.schedule(resolve, 1_000)) : undefined), options);
    const claimed = async (): Promise<number> => (await queue.stats("admin")).groups[0]?.claimed ?? 0;
    await clock.advance(1);
    expect((await queue.stats("admin")).groups[0]?.ready).toBe(0);
    slow = true;
    for (let index = 0; index < 50; index++) await queue.write("x", index);
    // The first slow one is met with others claimed ahead; they are let go while it runs.
    await clock.advance(500);
    expect(await claimed()).toBe(1);
    const [free] = await queue.claim("other");
    expect(free?.deliveries).toBe(1);
    await clock.advance(120_000);
    await worker.close();
  });

  it("gives back what it has claimed ahead when it is closed, uncounted", async () => {
    const { clock, queue, options } = await setting();
    for (let index = 0; index < 300; index++) await queue.write("x", index);
    let handled = 0;
    const worker = work(queue, "w", () => (++handled === 150 ? void worker.close() : undefined), options);
    await clock.advance(1);
    const { acknowledged } = await worker.closed;
    expect(acknowledged).toBe(handled);
    const rest = await queue.claim("next", { limit: 1_000 });
    expect([rest.length, new Set(rest.map(({ deliveries }) => deliveries))]).toEqual([300 - handled, new Set([1])]);
  });

  it("is also reached through a client", async () => {
    const { clock, queue, options } = await setting();
    const client = new ChannelClient("w");
    client.connect(queue);
    const worker = client.work("jobs", () => undefined, options);
    await client.write("jobs", 1);
    await clock.advance(1);
    expect((await worker.close()).acknowledged).toBe(1);
  });
});

describe("ChannelClient", () => {
  it("confirms a batch when it asks for the next one, so that a crash repeats and never skips [W05]", async () => {
    const { queue: _queue, clock } = await setting();
    const { PassthroughChannel } = await import("../src/index.js");
    const channel = new PassthroughChannel({ id: "c", store: new MemoryMessageStore({ clock }), clock });
    await channel.start();
    for (let index = 1; index <= 4; index++) await channel.write("w", index);
    const [first, second] = [new ChannelClient("r"), new ChannelClient("r")];
    first.connect(channel);
    second.connect(channel);
    const contents = async (client: ChannelClient): Promise<unknown[]> =>
      (await client.read("c", { limit: 2 })).messages.map(({ content }) => content);
    expect(await contents(first)).toEqual([1, 2]);
    expect(await contents(second)).toEqual([1, 2]);
    expect(await contents(first)).toEqual([3, 4]);
    await channel.drain();
  });

  it("refuses a second channel of one id, and names the known ones for an unknown id", async () => {
    const { queue } = await setting();
    const client = new ChannelClient("w");
    client.connect(queue);
    expect(() => client.connect(queue)).toThrowError(/already/);
    const error: unknown = await client.write("job", 1).catch((thrown: unknown) => thrown);
    expect(isSSSNError(error, "channel_not_connected") && error.details["known"]).toEqual(["jobs"]);
  });
});
