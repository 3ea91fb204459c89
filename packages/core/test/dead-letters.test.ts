import { describe, expect, it, onTestFinished } from "vitest";
import {
  MemoryMessageStore,
  PassthroughChannel,
  WorkQueueChannel,
  isSSSNError,
  silentLogger,
  type ChannelMessage,
  type WorkQueueOptions,
} from "../src/index.js";
import { VirtualClock } from "../src/testing.js";

async function setting() {
  const clock = new VirtualClock();
  const dead = new PassthroughChannel({ id: "dead", store: new MemoryMessageStore({ clock }), clock, logger: silentLogger });
  await dead.start();
  const open = async (options: Partial<WorkQueueOptions> = {}): Promise<WorkQueueChannel> => {
    const store = new MemoryMessageStore({ clock });
    const queue = new WorkQueueChannel({ id: "jobs", store, clock, logger: silentLogger, deadLetter: dead, ...options });
    await queue.start();
    onTestFinished(() => queue.stop());
    return queue;
  };
  onTestFinished(() => dead.stop());
  const copies = async (): Promise<readonly ChannelMessage<unknown>[]> => {
    await clock.advance(1);
    return (await dead.read("person")).messages;
  };
  return { clock, dead, open, copies };
}

/** Claims the next message and says that it is of no use. */
async function bury(queue: WorkQueueChannel, reason: string): Promise<void> {
  const [claim] = await queue.claim("w");
  await queue.deadLetter("w", [claim?.receipt ?? ""], { reason });
}

describe("the channel for dead letters", () => {
  it("gets a copy of each death: of queues of one name, of each group, and of what was requeued", async () => {
    const { open, copies } = await setting();
    const [here, there] = [await open(), await open()];
    for (const queue of [here, there]) {
      await queue.write("shop", "job", { id: "job-1", correlationId: "order-1" });
      await bury(queue, "unreadable");
    }
    expect(await here.requeue("admin")).toBe(1);
    await bury(here, "still unreadable");
    const [claim] = await here.claim("w", { group: "other" });
    await here.deadLetter("w", [claim?.receipt ?? ""], { group: "other" });
    const messages = await copies();
    expect(messages.map(({ metadata: { deadLetter } }) => (deadLetter as { reason?: string }).reason)).toEqual([
      "unreadable",
      "unreadable",
      "still unreadable",
      "delivered 1 times without an acknowledgement",
    ]);
    expect(new Set(messages.map(({ id }) => id)).size).toBe(4);
    expect(messages[0]).toMatchObject({
      content: "job",
      correlationId: "order-1",
      senderId: "jobs",
      metadata: { deadLetter: { channel: "jobs", group: "default", id: "job-1", sequence: 1, senderId: "shop", deliveries: 1 } },
    });
  });

  it("gets a copy without a claimer: of what its last worker never answered for", async () => {
    const { clock, open, copies } = await setting();
    const queue = await open({ maxDeliveries: 1 });
    await queue.write("shop", "job");
    await queue.claim("w", { leaseMs: 1_000 });
    await clock.advance(1_000);
    expect((await queue.stats("admin")).groups.map(({ ready, dead }) => [ready, dead])).toEqual([[0, 1]]);
    await queue.maintain();
    expect((await copies()).map(({ content }) => content)).toEqual(["job"]);
  });

  it("gets its copies, once each, also when it was away meanwhile or its answer was lost", async () => {
    const { dead, open, copies } = await setting();
    let [tries, stored] = [0, 0];
    const flaky = new Proxy(dead, {
      get(target, name) {
        if (name !== "write") return Reflect.get(target, name, target) as unknown;
        return async (...call: Parameters<typeof dead.write>) => {
          if (++tries === 1) throw new Error("away");
          const receipt = await target.write(...call);
          if (++stored === 1) throw new Error("the answer is lost");
          return receipt;
        };
      },
    });
    const queue = await open({ deadLetter: flaky });
    await queue.writeBatch("shop", [{ content: 1 }, { content: 2 }]);
    await bury(queue, "one");
    expect(await copies()).toEqual([]);
    for (let round = 0; round < 3; round++) await queue.maintain();
    await bury(queue, "two");
    expect((await copies()).map(({ content }) => content)).toEqual([1, 2]);
    expect([queue.errorCounts, tries]).toEqual([{ "dead-letter": 2 }, 4]);
    expect((await queue.deadLetters("admin")).map(({ reason }) => reason)).toEqual(["one", "two"]);
  });
});

describe("options of work", () => {
  it.each([
    ["claimTimeoutMs", 1],
    ["maxDeliveries", 0],
    ["backoff", { initialMs: -1 }],
    ["deadLetter", {}],
    ["deadLetter", "dead"],
    ["keepUnsettled", "yes"],
    ["shared", "yes"],
    ["groups", "billing"],
    ["retention", { maxDeadAgeMs: -1 }],
  ])("%s can't be %j, and the error names both", (name, value) => {
    let thrown: unknown;
    try {
      new WorkQueueChannel({ id: "jobs", store: new MemoryMessageStore(), [name]: value });
    } catch (error) {
      thrown = error;
    }
    expect(isSSSNError(thrown, "invalid_argument") && thrown.message).toContain(name);
  });

  it("of single calls are checked too", async () => {
    const { open } = await setting();
    const queue = await open();
    const calls = [
      () => queue.write("shop", 1, { ttlMs: 0 }),
      () => queue.claim("w", { working: -1 }),
      () => queue.nack("w", ["receipt"], { uncounted: "yes" as unknown as boolean }),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
