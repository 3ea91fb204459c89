import { describe, expect, it, onTestFinished } from "vitest";
import { MemoryMessageStore, PassthroughChannel, PeriodicChannel, WorkQueueChannel, silentLogger, work } from "../src/index.js";
import { VirtualClock } from "../src/testing.js";

const logger = silentLogger;

/** Two hosts over one memory. */
function hosts() {
  const clock = new VirtualClock();
  const first = new MemoryMessageStore({ clock });
  return { clock, stores: [first, new MemoryMessageStore({ clock, beside: first })] as const };
}

describe("a channel that two hosts have open", () => {
  it("polls its source at one of them, and at the other as soon as that one has ended", async () => {
    const { clock, stores } = hosts();
    const polls: number[] = [];
    const channels = stores.map(
      (store, host) =>
        new PeriodicChannel({ id: "feed", store, clock, logger, periodMs: 1_000, pullTimeoutMs: 500, pull: () => [polls.push(host)] }),
    );
    for (const channel of channels) await channel.start();
    onTestFinished(async () => void (await Promise.all(channels.map((channel) => channel.drain({ timeoutMs: 0 })))));
    await clock.advance(3_500);
    expect(polls).toEqual([0, 0, 0, 0]);
    await channels[0]?.drain();
    await clock.advance(2_000);
    expect(polls).toEqual([0, 0, 0, 0, 1, 1]);
    expect((await channels[1]?.stats("a"))?.count).toBe(6);
  });

  it("is polled at the other one when the first is gone without a word", async () => {
    const { clock, stores } = hosts();
    const [silent, other] = stores;
    await silent.hold("poll:feed", 5_000);
    const polls: number[] = [];
    const channel = new PeriodicChannel({
      id: "feed",
      store: other,
      clock,
      logger,
      periodMs: 1_000,
      pull: () => {
        polls.push(clock.monotonic());
        return [];
      },
    });
    const begun = clock.monotonic();
    await channel.start();
    onTestFinished(async () => void (await channel.drain({ timeoutMs: 0 })));
    await clock.advance(4_999);
    expect(polls).toEqual([]);
    await clock.advance(1_001);
    expect(polls.map((at) => at - begun)).toEqual([5_000, 6_000]);
  });

  it("is maintained by one of them", async () => {
    const { clock, stores } = hosts();
    const maintained: number[] = [];
    const channels = stores.map((store, host) => {
      class Maintained extends PassthroughChannel {
        protected override onMaintain(): Promise<void> {
          maintained.push(host);
          return Promise.resolve();
        }
      }
      return new Maintained({ id: "c", store, clock, logger, maintenanceIntervalMs: 1_000 });
    });
    for (const channel of channels) await channel.start();
    onTestFinished(async () => void (await Promise.all(channels.map((channel) => channel.drain({ timeoutMs: 0 })))));
    await clock.advance(2_500);
    expect(maintained).toEqual([0, 0]);
    await channels[0]?.drain();
    await clock.advance(1_000);
    expect(maintained).toEqual([0, 0, 1]);
  });

  it("is worked off by both, each message once, and follows what the other one writes", async () => {
    const { clock, stores } = hosts();
    const channels = stores.map((store) => new WorkQueueChannel<number>({ id: "jobs", store, clock, logger, shared: true }));
    for (const channel of channels) await channel.start();
    const [first, second] = channels as [WorkQueueChannel<number>, WorkQueueChannel<number>];
    const done: number[] = [];
    const workers = channels.map((channel) => work(channel, "w", ({ content }) => void done.push(content), { clock, logger, prefetch: 0 }));
    const seen: number[] = [];
    const subscription = await second.subscribe("reader", ({ content }) => void seen.push(content));
    await first.writeBatch(
      "w",
      Array.from({ length: 50 }, (_, content) => ({ content, key: `k${content % 5}` })),
    );
    await clock.advance(100);
    expect([done.length, new Set(done).size, seen.length]).toEqual([50, 50, 50]);
    for (const key of [0, 1, 2, 3, 4]) {
      const ofKey = done.filter((content) => content % 5 === key);
      expect(ofKey).toEqual([...ofKey].sort((left, right) => left - right));
    }
    await subscription.close();
    await Promise.all(workers.map((worker) => worker.close()));
    await Promise.all(channels.map((channel) => channel.drain({ timeoutMs: 0 })));
  });
});
