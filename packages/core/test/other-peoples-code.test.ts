import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  type Worker,
  BaseSystem,
  BroadcastChannel,
  MemoryMessageStore,
  PassthroughChannel,
  PeriodicChannel,
  WorkQueueChannel,
  defineSystem,
  isSSSNError,
  silentLogger,
  work,
  type ChannelMessage,
  type Logger,
  type StandardSchema,
} from "../src/index.js";
import { VirtualClock } from "../src/testing.js";

const logger = silentLogger;

/** What a callback may do instead of its work. */
const MISBEHAVIOURS: readonly (readonly [string, () => unknown])[] = [
  [
    "throws",
    () => {
      throw new Error("broken");
    },
  ],
  [
    "throws what is no error",
    () => {
      throw "text";
    },
  ],
  ["rejects", () => Promise.reject(new Error("broken"))],
  ["never settles", () => new Promise(() => {})],
  ["gives nonsense", () => ({ then: 7, nonsense: Symbol("x") })],
];

async function running<Channel extends { start(): Promise<void>; drain(options?: { timeoutMs?: number }): Promise<unknown> }>(
  channel: Channel,
): Promise<Channel> {
  await channel.start();
  onTestFinished(async () => void (await channel.drain({ timeoutMs: 0 })));
  return channel;
}

describe("a callback of somebody else", () => {
  it.each(MISBEHAVIOURS)("that polls and %s: the next period comes, and it is counted", async (_what, misbehave) => {
    const clock = new VirtualClock();
    let polls = 0;
    const options = { store: new MemoryMessageStore({ clock }), clock, logger, periodMs: 1_000, pullTimeoutMs: 2_000 };
    const feed = await running(
      new PeriodicChannel<number>({ id: "feed", ...options, pull: () => (++polls === 1 ? (misbehave() as number[]) : [polls]) }),
    );
    await clock.advance(6_000);
    expect([polls > 1, feed.errorCounts.pull, (await feed.read("r")).messages.length > 0, await feed.isReady()]).toEqual([
      true,
      1,
      true,
      true,
    ]);
  });

  it("that polls for ever makes the channel not ready, until a poll comes back", async () => {
    const clock = new VirtualClock();
    let isStuck = true;
    const pull = (signal: AbortSignal): Promise<number[]> =>
      isStuck ? new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))) : Promise.resolve([1]);
    const feed = await running(
      new PeriodicChannel<number>({
        id: "feed",
        store: new MemoryMessageStore({ clock }),
        clock,
        logger,
        periodMs: 1_000,
        pullTimeoutMs: 500,
        pull,
      }),
    );
    await clock.advance(800);
    expect(await feed.isReady()).toBe(false);
    isStuck = false;
    await clock.advance(1_000);
    expect(await feed.isReady()).toBe(true);
  });

  it.each(MISBEHAVIOURS.slice(0, 3))("that steps and %s: the next step comes, and it is counted", async (_what, misbehave) => {
    const clock = new VirtualClock();
    let steps = 0;
    const system = defineSystem({ id: "s", clock, logger, tickRate: 1, step: () => (++steps === 1 ? misbehave() : undefined) });
    await system.launch();
    await clock.advance(2_500);
    expect([steps, system.stepErrors]).toEqual([3, 1]);
    await system.drain();
  });

  it.each(MISBEHAVIOURS)("that judges content and %s: the write ends, and the next one goes on", async (_what, misbehave) => {
    const clock = new VirtualClock();
    let asked = 0;
    const schema: StandardSchema<number> = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) => (++asked === 1 ? (misbehave() as never) : { value: value as number }),
      },
    };
    const channel = await running(new PassthroughChannel({ id: "c", store: new MemoryMessageStore({ clock }), clock, logger, schema }));
    const first = channel.write("w", 1).then(
      () => "stored",
      () => "refused",
    );
    const second = channel.write("w", 2);
    await clock.advance(31_000);
    expect([await first, (await second).duplicate]).toEqual(["refused", false]);
  });

  it("that judges content and takes its time changes no order", async () => {
    const releases: (() => void)[] = [];
    const schema: StandardSchema<number> = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) => new Promise((resolve) => releases.push(() => resolve({ value: value as number }))),
      },
    };
    const channel = await running(new PassthroughChannel({ id: "c", store: new MemoryMessageStore(), logger, schema }));
    const writes = [1, 2, 3].map((content) => channel.write("w", content));
    await vi.waitFor(() => expect(releases).toHaveLength(3));
    for (const release of [...releases].reverse()) release();
    await Promise.all(writes);
    expect((await channel.read("r")).messages.map(({ content }) => content)).toEqual([1, 2, 3]);
  });

  it("that logs and throws breaks nothing", async () => {
    const broken = (): never => {
      throw new Error("the disk of the log is full");
    };
    const thrower: Logger = { debug: broken, info: broken, warn: broken, error: broken };
    const clock = new VirtualClock();
    const channel = await running(new BroadcastChannel({ id: "c", store: new MemoryMessageStore({ clock }), clock, logger: thrower }));
    const seen: unknown[] = [];
    await channel.subscribe("r", ({ content }) => {
      seen.push(content);
      throw new Error("broken as well");
    });
    await channel.write("w", 1);
    await channel.write("w", 2);
    await clock.advance(10);
    expect(seen).toEqual([1, 2]);
  });

  it("that listens to events and throws reaches neither who tells nor who listens besides", async () => {
    const channel = await running(new BroadcastChannel({ id: "c", store: new MemoryMessageStore(), logger }));
    const seen: string[] = [];
    const spy = vi.spyOn(console, "error").mockImplementation(() => {});
    onTestFinished(() => spy.mockRestore());
    channel.events.on("state", () => {
      throw new Error("broken");
    });
    channel.events.on("state", (state) => seen.push(state));
    await channel.drain();
    expect([seen, spy.mock.calls.length]).toEqual([["draining", "stopped"], 2]);
  });

  it("that starts, maintains or ends a channel for ever is not waited for", async () => {
    class Stuck extends PassthroughChannel {
      protected override onStart(): unknown {
        return new Promise(() => {});
      }
      protected override onStop(): unknown {
        return new Promise(() => {});
      }
    }
    const clock = new VirtualClock();
    const channel = new Stuck({ id: "c", store: new MemoryMessageStore({ clock }), clock, logger });
    const starting = channel.start();
    await clock.advance(30_000);
    await starting;
    expect(channel.state).toBe("running");
    const draining = channel.drain();
    await clock.advance(30_000);
    await draining;
    expect([channel.state, channel.errorCounts]).toEqual(["stopped", { start: 1, stop: 1 }]);
  });
});

describe("a durable subscription", () => {
  const followed = async (fail: (message: ChannelMessage) => boolean, attempts?: number) => {
    const clock = new VirtualClock();
    const channel = await running(new PassthroughChannel({ id: "c", store: new MemoryMessageStore({ clock }), clock, logger }));
    await channel.writeBatch(
      "w",
      [1, 2, 3].map((content) => ({ content })),
    );
    const seen: unknown[] = [];
    const callback = (message: ChannelMessage<unknown>): void => {
      seen.push(message.content);
      if (fail(message as ChannelMessage)) throw new Error("broken");
    };
    const subscription = await channel.subscribe("r", callback, {
      cursor: "c",
      from: "start",
      ...(attempts === undefined ? {} : { attempts }),
    });
    return { clock, channel, seen, subscription };
  };

  it("gets a message again that its callback failed with, after a rest, and loses none", async () => {
    let failures = 2;
    const { clock, channel, seen } = await followed(({ sequence }) => sequence === 2 && failures-- > 0);
    await clock.advance(1_000);
    expect(seen).toEqual([1, 2, 2, 2, 3]);
    expect((await channel.positions("r", { cursor: "c" })).cursor).toBe(3);
  });

  it("ends loudly before a message that fails for ever, and goes on from there when it is made anew", async () => {
    const { clock, channel, seen, subscription } = await followed(({ sequence }) => sequence === 2, 3);
    const ended = subscription.closed.then(
      () => "well",
      (error: unknown) => (isSSSNError(error, "delivery_failed") ? error.details["sequence"] : error),
    );
    await clock.advance(10_000);
    expect([await ended, seen, (await channel.positions("r", { cursor: "c" })).cursor]).toEqual([2, [1, 2, 2, 2], 1]);
  });

  it("that is closed by its own callback does not wait for it", async () => {
    const clock = new VirtualClock();
    const channel = await running(new BroadcastChannel({ id: "c", store: new MemoryMessageStore({ clock }), clock, logger }));
    let closed = false;
    const subscription = await channel.subscribe("r", async () => {
      await subscription.close();
      closed = true;
    });
    await channel.write("w", 1);
    await clock.advance(10);
    expect(closed).toBe(true);
  });
});

describe("a worker", () => {
  const queue = async (clock: VirtualClock, more: object = {}) =>
    running(new WorkQueueChannel({ id: "jobs", store: new MemoryMessageStore({ clock }), clock, logger, ...more }));

  it("that idled for a day gets its next message at once, as delivery 1", async () => {
    const clock = new VirtualClock(undefined, { io: false });
    const jobs = await queue(clock, { maxDeliveries: 1 });
    const got: number[] = [];
    const worker = work(jobs, "w", (_message, { deliveries }) => void got.push(deliveries), { clock, logger });
    for (const hours of [0.01, 1, 23]) {
      await clock.advance(hours * 3_600_000);
      await jobs.write("x", hours);
      await clock.advance(1);
    }
    expect([got, await worker.close()]).toEqual([[1, 1, 1], { acknowledged: 3, failed: 0, lost: 0, dead: 0, cancelled: 0 }]);
  });

  it("that is closed by its handler ends, in its own time", async () => {
    const clock = new VirtualClock();
    const jobs = await queue(clock);
    const worker: Worker = work(jobs, "w", () => worker.close(), { clock, logger });
    await jobs.write("x", 1);
    await clock.advance(10);
    expect(await worker.closed).toMatchObject({ acknowledged: 1 });
  });

  it("whose channel is gone, or has no claims, says so once and ends", async () => {
    const clock = new VirtualClock();
    const lines: string[] = [];
    const told: Logger = { ...silentLogger, error: (_fields, message) => void lines.push(message) };
    const news = await running(new BroadcastChannel({ id: "news", store: new MemoryMessageStore({ clock }), clock, logger }));
    const worker = work(news, "w", () => {}, { clock, logger: told });
    await clock.advance(60_000);
    expect([(await worker.closed).endedBy, lines.length]).toEqual([expect.objectContaining({ code: "unsupported_operation" }), 1]);
  });

  it("does not try again what its handler calls useless, however it says so", async () => {
    const clock = new VirtualClock();
    const jobs = await queue(clock);
    let runs = 0;
    const worker = work(
      jobs,
      "w",
      ({ content }, context) => {
        runs++;
        if (content !== "said") return jobs.history("admin", { limit: -1 });
        return context.deadLetter("no such customer");
      },
      { clock, logger },
    );
    await jobs.write("x", "said");
    await jobs.write("x", "thrown");
    await clock.advance(60_000);
    expect([runs, (await worker.close()).dead]).toEqual([2, 2]);
    expect((await jobs.deadLetters("admin")).map(({ reason }) => reason?.slice(0, 16))).toEqual(["no such customer", "limit must be a "]);
  });

  it("repeats an acknowledgement that fails, as long as the lease runs", async () => {
    const clock = new VirtualClock();
    const jobs = await queue(clock);
    const acknowledge = jobs.acknowledge.bind(jobs);
    let attempts = 0;
    jobs.acknowledge = async (...call) => {
      if (++attempts < 3)
        return jobs.claim("", { group: "/" }).then(
          () => [],
          async () => Promise.reject(await unavailable()),
        );
      return acknowledge(...call);
    };
    const worker = work(jobs, "w", () => {}, { clock, logger });
    await jobs.write("x", 1);
    await clock.advance(5_000);
    expect([attempts, (await worker.close()).acknowledged]).toEqual([3, 1]);
  });
});

/** What a store says while it is being opened again. */
async function unavailable(): Promise<Error> {
  const channel = new PassthroughChannel({ id: "c", store: new MemoryMessageStore(), logger });
  return channel.write("w", 1).then(
    () => new Error("it was never started"),
    (error: unknown) => error as Error,
  );
}

describe("a system", () => {
  it("begins workers and subscriptions when everything runs, and they end with it", async () => {
    const clock = new VirtualClock();
    const store = new MemoryMessageStore({ clock });
    const done: unknown[] = [];
    const system = defineSystem({
      id: "s",
      clock,
      logger,
      setup(self) {
        self.addChannel(new WorkQueueChannel({ id: "jobs", store, clock, logger }));
        self.addChannel(new BroadcastChannel({ id: "news", store, clock, logger }));
      },
      async onStart(self) {
        self.client.work("jobs", ({ content }) => void done.push(content), { clock, logger });
        await self.client.subscribe("news", ({ content }) => void done.push(content));
      },
    });
    await system.launch();
    await system.client.write("jobs", "job");
    await system.client.write("news", "news");
    await clock.advance(10);
    const draining = system.drain();
    await clock.advance(1_000);
    expect([done, (await draining).clean, clock.pendingTimers]).toEqual(
      [["news", "job"], true, 0].map((part, index) => (index === 0 ? expect.arrayContaining(["news", "job"]) : part)),
    );
    expect(() => system.client.work("jobs", () => {})).toThrow(/has ended/);
  });

  it("takes in a channel while it runs, and lets go of it", async () => {
    const store = new MemoryMessageStore();
    const system = new BaseSystem({ id: "s", logger });
    await system.launch();
    await system.startChannel(new PassthroughChannel({ id: "late", store, logger }));
    await system.client.write("late", 1);
    await system.removeChannel("late");
    await expect(system.client.write("late", 2)).rejects.toMatchObject({ code: "channel_not_connected" });
    expect(await store.list()).toEqual(["late"]);
    expect(await store.delete("late")).toBe(true);
    expect(await store.list()).toEqual([]);
    await system.drain();
  });

  it("is closed by its own step without waiting for it", async () => {
    const clock = new VirtualClock();
    const system = defineSystem({ id: "s", clock, logger, step: (self) => self.drain() });
    const { closed } = await system.launch();
    await clock.advance(10);
    expect((await closed).clean).toBe(true);
  });

  it("rejects a second launch, and never throws where a promise is expected", async () => {
    const system = new BaseSystem({ id: "s", logger });
    await system.launch();
    await expect(system.launch()).rejects.toMatchObject({ code: "invalid_state" });
    await system.drain();
  });

  it.each<[string, () => unknown]>([
    ["an unknown option of a queue", () => new WorkQueueChannel({ id: "q", store: new MemoryMessageStore(), maxDelivery: 3 } as never)],
    ["a queue without a store", () => new WorkQueueChannel({ id: "q" } as never)],
    ["an unknown option of a system", () => new BaseSystem({ id: "s", tickrate: 3 } as never)],
    ["an unknown member of a definition", () => defineSystem({ id: "s", onstart: () => {} } as never)],
  ])("refuses %s, and names what there is", (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });

  it("refuses a second channel on one log, which would take the other's work for its own", async () => {
    const store = new MemoryMessageStore();
    const first = await running(new PassthroughChannel({ id: "c", store, logger }));
    await expect(new PassthroughChannel({ id: "c", store, logger }).start()).rejects.toMatchObject({ code: "duplicate_id" });
    await first.drain();
    const next = await running(new PassthroughChannel({ id: "c", store, logger }));
    expect(next.state).toBe("running");
  });
});
