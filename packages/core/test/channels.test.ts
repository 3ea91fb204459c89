import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  ACLSecurity,
  BroadcastChannel,
  MailboxChannel,
  MemoryMessageStore,
  PassthroughChannel,
  PeriodicChannel,
  SSSNError,
  WorkQueueChannel,
  isSSSNError,
  silentLogger,
  type BaseChannel,
  type ChannelLog,
  type ChannelMessage,
  type ErrorCode,
  type MessageStore,
  type StandardSchema,
} from "../src/index.js";
import { VirtualClock } from "../src/testing.js";

const logger = silentLogger;

async function started<Channel extends BaseChannel>(channel: Channel): Promise<Channel> {
  await channel.start();
  onTestFinished(async () => {
    await channel.drain();
  });
  return channel;
}

async function codeOf(call: () => Promise<unknown>): Promise<ErrorCode | undefined> {
  const error: unknown = await call().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return isSSSNError(error) ? error.code : undefined;
}

function passthrough(more: Partial<ConstructorParameters<typeof PassthroughChannel>[0]> = {}): Promise<PassthroughChannel> {
  return started(new PassthroughChannel({ id: "c", store: new MemoryMessageStore(), logger, ...more }));
}

/** A store whose next appends fail. */
class FailingStore extends MemoryMessageStore {
  failures = 0;

  override async open(channelId: string): Promise<ChannelLog> {
    const log = await super.open(channelId);
    const append = log.append.bind(log);
    log.append = (drafts) => (this.failures-- > 0 ? Promise.reject(new Error("disk on fire")) : append(drafts));
    return log;
  }
}

/** A store whose appends to channel `c` wait until they are let through. */
async function gatedStore(): Promise<{ store: MemoryMessageStore; log: ChannelLog; open: () => void }> {
  const store = new MemoryMessageStore();
  const log = await store.open("c");
  const append = log.append.bind(log);
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  log.append = async (drafts) => {
    await gate;
    return append(drafts);
  };
  return { store, log, open };
}

describe("writing", () => {
  it("answers with the final id and sequence, and the message is readable by then [W43]", async () => {
    const channel = await passthrough();
    const receipt = await channel.write("sensor", { celsius: 21 });
    const { messages } = await channel.read("monitor");
    expect(messages).toMatchObject([{ id: receipt.id, sequence: 1, senderId: "sensor", content: { celsius: 21 }, metadata: {} }]);
  });

  it("sets the sender from the caller and the timestamp from the host, whatever the content claims [W22, W44]", async () => {
    const clock = new VirtualClock();
    const channel = await passthrough({ clock, store: new MemoryMessageStore({ clock }) });
    await channel.write("intern", { senderId: "ceo", sender_id: "ceo", timestamp: 0 });
    const [message] = (await channel.read("r")).messages;
    expect([message?.senderId, message?.timestamp]).toEqual(["intern", clock.now()]);
  });

  it.each([
    ["undefined", undefined, "content"],
    ["a function", { f: () => 1 }, "content.f"],
    ["NaN", { list: [1, Number.NaN] }, "content.list[1]"],
    ["a date", { at: { when: new Date(0) } }, "content.at.when"],
    ["a big integer", [1n], "content[0]"],
    ["a missing array element", [1, , 3], "content[1]"], // eslint-disable-line no-sparse-arrays
    ["a map", new Map(), "content"],
    ["a symbol", { s: Symbol("s") }, "content.s"],
  ])("refuses %s and names its path", async (_what, content, path) => {
    const channel = await passthrough();
    const error: unknown = await channel.write("w", content).catch((thrown: unknown) => thrown);
    expect(isSSSNError(error, "invalid_content") && error.details["path"]).toBe(path);
    expect((await channel.read("r")).messages).toEqual([]);
  });

  it("refuses a value that contains itself instead of overflowing the stack", async () => {
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    const channel = await passthrough();
    expect(await codeOf(() => channel.write("w", loop))).toBe("invalid_content");
  });

  it("keeps an own property named __proto__ as data and pollutes nothing", async () => {
    const channel = await passthrough();
    await channel.write("w", JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1}}'));
    const [message] = (await channel.read("r")).messages;
    expect(JSON.stringify(message?.content)).toBe('{"__proto__":{"polluted":true},"constructor":{"prototype":1}}');
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("stores a copy: changing the content after the write changes nothing [W31]", async () => {
    const channel = await passthrough();
    const content = { list: [1] };
    await channel.write("w", content);
    content.list.push(2);
    const [message] = (await channel.read("r")).messages;
    expect(message?.content).toEqual({ list: [1] });
    expect(Object.isFrozen(message) && Object.isFrozen(message?.content)).toBe(true);
  });

  it("gives any JSON back equal [W12]", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ noUnicodeString: false } as never), async (content) => {
        const channel = new PassthroughChannel({ id: "c", store: new MemoryMessageStore() });
        await channel.start();
        await channel.write("w", content);
        const [message] = (await channel.read("r")).messages;
        expect(JSON.stringify(message?.content)).toBe(JSON.stringify(content));
        await channel.drain();
      }),
      { numRuns: 200 },
    );
  });

  it("bounds content and metadata by their bytes of JSON [W44]", async () => {
    const channel = await passthrough({ maxContentBytes: 100 });
    expect(await codeOf(() => channel.write("w", "x".repeat(99)))).toBe("content_too_large");
    expect(await codeOf(() => channel.write("w", "ü".repeat(50)))).toBe("content_too_large");
    expect(await codeOf(() => channel.write("w", 1, { metadata: { m: "x".repeat(100) } }))).toBe("content_too_large");
    await channel.write("w", "x".repeat(98));
  });

  it.each(["", "x".repeat(257), "../x", "a\u0000b", "a b", "\u202Ea"])("refuses the id %j wherever an id is given", async (id) => {
    const channel = await passthrough();
    expect(() => new PassthroughChannel({ id, store: new MemoryMessageStore() })).toThrowError(/can't be used/);
    const options = [{ id }, { correlationId: id }, { replyTo: id }, { recipientId: id }];
    for (const option of options) expect(await codeOf(() => channel.write("w", 1, option))).toBe("invalid_identifier");
    expect(await codeOf(() => channel.write(id, 1))).toBe("invalid_identifier");
    expect(await codeOf(() => channel.read("r", { cursor: id }))).toBe("invalid_identifier");
    expect(await codeOf(() => channel.claim("r", { group: id }))).toBe("invalid_identifier");
  });

  it("is refused before the start, and after the drain, with the state named [W35]", async () => {
    const channel = new PassthroughChannel({ id: "c", store: new MemoryMessageStore() });
    expect(await codeOf(() => channel.write("w", 1))).toBe("channel_not_running");
    await channel.start();
    await channel.drain();
    expect(await codeOf(() => channel.write("w", 1))).toBe("channel_not_running");
    expect(await codeOf(() => channel.read("r"))).toBe("channel_not_running");
  });

  it("tells the writer when the store fails, keeps nothing half-stored, and goes on [W11] [G4.2]", async () => {
    const store = new FailingStore();
    const channel = await passthrough({ store });
    store.failures = 1;
    await expect(channel.write("w", "lost")).rejects.toThrow("disk on fire");
    await channel.write("w", "kept");
    expect((await channel.read("r")).messages.map(({ content, sequence }) => [content, sequence])).toEqual([["kept", 1]]);
  });

  it("refuses with backpressure instead of buffering without bound", async () => {
    const { store, open } = await gatedStore();
    const channel = await passthrough({ store, maxPendingWrites: 2 });
    const waiting = [channel.write("w", 1), channel.write("w", 2)];
    await Promise.resolve();
    const error: unknown = await channel.write("w", 3).catch((thrown: unknown) => thrown);
    expect(isSSSNError(error, "backpressure") && [error.retryable, typeof error.details["retryAfterMs"]]).toEqual([true, "number"]);
    open();
    await Promise.all(waiting);
  });

  it("checks content against the channel's schema and names the issues' paths", async () => {
    const schema: StandardSchema<{ celsius: number }> = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) => {
          const celsius = (value as { celsius?: unknown }).celsius;
          return typeof celsius === "number" ? { value: { celsius } } : { issues: [{ message: "must be a number", path: ["celsius"] }] };
        },
      },
    };
    const channel = await started(new PassthroughChannel({ id: "c", store: new MemoryMessageStore(), schema }));
    await channel.write("w", { celsius: 1 });
    const error: unknown = await channel.write("w", { celsius: "hot" } as never).catch((thrown: unknown) => thrown);
    expect(isSSSNError(error, "content_rejected") && error.details["issues"]).toEqual([{ path: "celsius", message: "must be a number" }]);
  });
});

describe("reading", () => {
  it.each([0, -1, Number.NaN, Infinity, 10_001, 1.5])("refuses the limit %s", async (limit) => {
    const channel = await passthrough();
    expect(await codeOf(() => channel.read("r", { limit }))).toBe("invalid_argument");
    expect(await codeOf(() => channel.claim("r", { limit }))).toBe("invalid_argument");
  });

  it("repeats a batch until it is committed, by a commit or by the next read [W05] [G2.1]", async () => {
    const channel = await passthrough();
    for (let index = 1; index <= 5; index++) await channel.write("w", index);
    const first = await channel.read("r", { limit: 2 });
    expect((await channel.read("r", { limit: 2 })).messages).toEqual(first.messages);
    const second = await channel.read("r", { limit: 2, commit: first.position });
    expect(second.messages.map(({ content }) => content)).toEqual([3, 4]);
    await channel.commit("r", second.position);
    expect((await channel.read("r")).messages.map(({ content }) => content)).toEqual([5]);
    expect((await channel.read("other", { commit: "on-delivery" })).messages).toHaveLength(5);
    expect((await channel.read("other")).messages).toHaveLength(0);
  });

  it("never moves a cursor when it reads from an explicit position [W07]", async () => {
    const channel = await passthrough();
    await channel.write("w", 1);
    await channel.read("r", { after: 0 });
    await channel.read("r", { after: 1 });
    expect((await channel.read("r")).messages).toHaveLength(1);
    expect(await codeOf(() => channel.read("r", { after: 2 }))).toBe("position_ahead");
  });

  it("refuses a cursor that is no name, also where the position is given and the cursor not looked at", async () => {
    const channel = await passthrough();
    expect(await codeOf(() => channel.read("r", { cursor: "no cursor!", after: 0 }))).toBe("invalid_identifier");
  });

  it("keeps cursors of one reader apart by name, and of two readers by owner [W42]", async () => {
    const channel = await passthrough();
    await channel.write("w", 1);
    await channel.commit("r", 1, { cursor: "one" });
    expect((await channel.read("r", { cursor: "one" })).messages).toHaveLength(0);
    expect((await channel.read("r", { cursor: "two" })).messages).toHaveLength(1);
    expect((await channel.read("s", { cursor: "one" })).messages).toHaveLength(1);
  });

  it("seeks to the start, the end, a sequence and a time", async () => {
    const clock = new VirtualClock();
    const channel = await passthrough({ clock, store: new MemoryMessageStore({ clock }) });
    const times: number[] = [];
    for (let index = 1; index <= 5; index++) {
      times.push(clock.now());
      await channel.write("w", index);
      await clock.advance(1_000);
    }
    expect(await channel.seek("r", "end")).toBe(5);
    expect(await channel.seek("r", "start")).toBe(0);
    expect(await channel.seek("r", { sequence: 2 })).toBe(2);
    expect(await channel.seek("r", { timestamp: times[3] ?? 0 })).toBe(3);
    expect((await channel.read("r")).messages.map(({ content }) => content)).toEqual([4, 5]);
    expect(await codeOf(() => channel.seek("r", { sequence: 6 }))).toBe("position_ahead");
    expect(await codeOf(() => channel.seek("r", "middle" as never))).toBe("invalid_argument");
  });

  it("continues behind what was removed and says how many were skipped [W03]", async () => {
    const channel = await passthrough();
    for (let index = 1; index <= 5; index++) await channel.write("w", index);
    await channel.commit("r", 1);
    await channel.evict("admin", { maxCount: 2 });
    const page = await channel.read("r");
    expect([page.messages.map(({ content }) => content), page.skipped]).toEqual([[4, 5], 2]);
  });
});

describe("retention", () => {
  it("runs by itself on a channel without any loop of its own [W16]", async () => {
    const clock = new VirtualClock();
    const channel = await passthrough({
      clock,
      store: new MemoryMessageStore({ clock }),
      retention: { maxCount: 2 },
      maintenanceIntervalMs: 1_000,
    });
    for (let index = 1; index <= 10; index++) await channel.write("w", index);
    await clock.advance(1_000);
    expect((await channel.read("r")).messages.map(({ content }) => content)).toEqual([9, 10]);
  });

  it("keeps messages until a host operation or the policy removes them [G2.3]", async () => {
    const clock = new VirtualClock();
    const channel = await passthrough({ clock, store: new MemoryMessageStore({ clock }) });
    for (let index = 1; index <= 3; index++) await channel.write("w", index);
    const claims = await channel.claim("worker", { limit: 3 });
    await channel.acknowledge(
      "worker",
      claims.map(({ receipt }) => receipt),
    );
    await channel.read("r", { commit: "on-delivery" });
    clock.stepWall(400 * 86_400_000);
    await clock.advance(180_000);
    expect((await channel.history("admin")).messages).toHaveLength(3);
    expect(await channel.clear("admin", ({ content }) => content === 2)).toBe(1);
    expect(await channel.clear("admin")).toBe(2);
    expect((await channel.write("w", 4)).sequence).toBe(4);
  });

  it("never throws unfinished work of a queue away unless told so", async () => {
    const store = new MemoryMessageStore();
    const queue = await started(new WorkQueueChannel({ id: "q", store, retention: { maxCount: 0 } }));
    await queue.write("w", 1);
    await queue.evict("admin");
    expect((await queue.stats("admin")).count).toBe(1);
    await queue.evict("admin", { maxCount: 0, keepUnsettled: false });
    expect((await queue.stats("admin")).count).toBe(0);
  });
});

describe("claims", () => {
  it("belong to one reader at a time, and end by acknowledge, nack or expiry [G2.2] [N2]", async () => {
    const clock = new VirtualClock();
    const queue = await started(new WorkQueueChannel({ id: "q", store: new MemoryMessageStore({ clock }), clock, claimTimeoutMs: 1_000 }));
    for (let index = 1; index <= 3; index++) await queue.write("w", index);
    const [one, two, three] = await queue.claim("ann", { limit: 3 });
    expect(await queue.claim("bob")).toEqual([]);
    expect((await queue.acknowledge("ann", [one?.receipt ?? ""]))[0]?.status).toBe("acknowledged");
    expect((await queue.nack("ann", [two?.receipt ?? ""]))[0]?.status).toBe("released");
    expect((await queue.claim("bob"))[0]?.message.content).toBe(2);
    await clock.advance(1_000);
    const again = await queue.claim("bob", { limit: 10 });
    expect(again.map(({ message, deliveries }) => [message.content, deliveries])).toEqual([
      [2, 3],
      [3, 2],
    ]);
    expect((await queue.acknowledge("ann", [three?.receipt ?? ""]))[0]?.status).toBe("lost");
  });

  it("wait for a message, a returned one and an expired one", async () => {
    const clock = new VirtualClock();
    const queue = await started(new WorkQueueChannel({ id: "q", store: new MemoryMessageStore({ clock }), clock }));
    const waiting = queue.claim("ann", { waitMs: 60_000, leaseMs: 5_000 });
    await queue.write("w", 1);
    expect((await waiting).map(({ message }) => message.content)).toEqual([1]);
    const expiring = queue.claim("bob", { waitMs: 60_000 });
    await clock.advance(5_000);
    expect((await expiring)[0]?.deliveries).toBe(2);
    const nothing = queue.claim("eve", { waitMs: 1_000 });
    await clock.advance(1_000);
    expect(await nothing).toEqual([]);
  });

  it("end an aborted wait with nothing, and leave no timer behind", async () => {
    const clock = new VirtualClock();
    const queue = await started(new WorkQueueChannel({ id: "q", store: new MemoryMessageStore({ clock }), clock }));
    const before = clock.pendingTimers;
    const abort = new AbortController();
    const waiting = queue.claim("ann", { waitMs: 60_000, signal: abort.signal });
    await clock.advance(1);
    abort.abort();
    expect(await waiting).toEqual([]);
    expect(clock.pendingTimers).toBe(before);
  });

  it("bury a message that was delivered too often, in the dead-letter channel and in the log", async () => {
    const store = new MemoryMessageStore();
    const dead = await started(new PassthroughChannel({ id: "dead", store }));
    const queue = await started(new WorkQueueChannel({ id: "q", store, maxDeliveries: 2, deadLetter: dead }));
    await queue.write("writer", { poison: true }, { correlationId: "c" });
    await queue.write("writer", { poison: false });
    for (let delivery = 1; delivery <= 2; delivery++) {
      const [claim] = await queue.claim("ann");
      await queue.nack("ann", [claim?.receipt ?? ""], { reason: "no" });
    }
    expect((await queue.claim("ann", { limit: 10 })).map(({ message }) => message.content)).toEqual([{ poison: false }]);
    const [letter] = (await dead.read("r")).messages;
    expect([letter?.content, letter?.correlationId]).toEqual([{ poison: true }, "c"]);
    expect(letter?.metadata).toMatchObject({ deadLetter: { channel: "q", sequence: 1, senderId: "writer", deliveries: 2 } });
    expect((await queue.deadLetters("admin")).map(({ message }) => message.sequence)).toEqual([1]);
    expect(await queue.requeue("admin")).toBe(1);
    expect((await queue.claim("ann"))[0]?.deliveries).toBe(1);
  });

  it("rest longer after each nack where the queue has a back-off", async () => {
    const clock = new VirtualClock();
    const queue = await started(
      new WorkQueueChannel({ id: "q", store: new MemoryMessageStore({ clock }), clock, backoff: { initialMs: 1_000, factor: 3 } }),
    );
    await queue.write("w", 1);
    for (const rest of [1_000, 3_000]) {
      const [claim] = await queue.claim("ann");
      await queue.nack("ann", [claim?.receipt ?? ""]);
      await clock.advance(rest - 1);
      expect(await queue.claim("ann")).toEqual([]);
      await clock.advance(1);
    }
    expect(await queue.claim("ann")).toHaveLength(1);
  });
});

describe("kinds of channels", () => {
  it("a broadcast channel refuses claims, a work queue refuses shared reads", async () => {
    const store = new MemoryMessageStore();
    const news = await started(new BroadcastChannel({ id: "news", store }));
    const queue = await started(new WorkQueueChannel({ id: "q", store }));
    expect(await codeOf(() => news.claim("r"))).toBe("unsupported_operation");
    expect(await codeOf(() => queue.read("r"))).toBe("unsupported_operation");
    expect(await codeOf(() => queue.subscribe("r", () => undefined))).toBe("unsupported_operation");
  });

  it("a mailbox shows a reader its own mail through every door, and loses none of it [W24]", async () => {
    const box = await started(new MailboxChannel({ id: "mail", store: new MemoryMessageStore() }));
    for (let index = 0; index < 40; index++)
      await box.write("w", index, index % 8 === 7 ? {} : { recipientId: index % 2 === 0 ? "bob" : "ann" });
    const mine = (content: unknown): boolean => (content as number) % 8 === 7 || (content as number) % 2 === 1;
    const expected = Array.from({ length: 40 }, (_, index) => index).filter(mine);
    const read: unknown[] = [];
    for (
      let page = await box.read("ann", { limit: 2 });
      page.messages.length > 0;
      page = await box.read("ann", { limit: 2, commit: page.position })
    )
      read.push(...page.messages.map(({ content }) => content));
    expect(read).toEqual(expected);
    const streamed: unknown[] = [];
    for await (const { content } of box.stream("ann", { from: "start" })) {
      streamed.push(content);
      if (streamed.length === expected.length) break;
    }
    expect(streamed).toEqual(expected);
    expect((await box.claim("eve", { limit: 100 })).map(({ message }) => message.recipientId)).toEqual(
      Array.from({ length: 5 }, () => undefined),
    );
    expect((await box.history("admin")).messages).toHaveLength(40);
  });

  it("a periodic channel polls without overlap, drops what converts to undefined, and survives errors", async () => {
    const clock = new VirtualClock();
    let round = 0;
    const channel = await started(
      new PeriodicChannel<number, { n: number }>({
        id: "p",
        store: new MemoryMessageStore({ clock }),
        clock,
        logger,
        periodMs: 1_000,
        pull: () => {
          round++;
          if (round === 2) throw new Error("source down");
          return [round * 10, round * 10 + 1, -1];
        },
        convert: (item) => {
          if (item === 31) throw new Error("bad item");
          return item < 0 ? undefined : { n: item };
        },
      }),
    );
    await clock.advance(2_500);
    expect((await channel.read("r")).messages.map(({ content }) => content.n)).toEqual([10, 11, 30]);
    expect(channel.errorCounts).toEqual({ pull: 1, process: 1 });
  });

  it("a periodic channel never starts a poll while one is running", async () => {
    const clock = new VirtualClock();
    let [running, most, polls] = [0, 0, 0];
    const channel = await started(
      new PeriodicChannel({
        id: "p",
        store: new MemoryMessageStore({ clock }),
        clock,
        periodMs: 10,
        pull: async () => {
          most = Math.max(most, ++running);
          polls++;
          await new Promise<void>((resolve) => clock.schedule(resolve, 35));
          running--;
          return [];
        },
      }),
    );
    await clock.advance(200);
    expect([most, polls]).toEqual([1, 6]);
    await Promise.all([channel.drain(), clock.advance(100)]);
  });
});

describe("subscriptions", () => {
  it("deliver in log order to any number of subscribers, sync or async [W13, W14]", async () => {
    const channel = await passthrough();
    const seen: [string, unknown][] = [];
    await channel.subscribe("s", ({ content }) => void seen.push(["sync", content]));
    await channel.subscribe("s", async ({ content }) => {
      await Promise.resolve();
      seen.push(["async", content]);
    });
    await Promise.all([1, 2, 3].map((content) => channel.write("w", content)));
    await expect.poll(() => seen.length).toBe(6);
    for (const kind of ["sync", "async"]) expect(seen.filter(([name]) => name === kind).map(([, content]) => content)).toEqual([1, 2, 3]);
  });

  it("go on when the store can't be read for a while, without a gap", async () => {
    const clock = new VirtualClock();
    const store = new MemoryMessageStore({ clock });
    const open = store.open.bind(store);
    let refusals = 2;
    store.open = async (...args) => {
      const log = await open(...args);
      const read = log.read.bind(log);
      log.read = (request) =>
        refusals-- > 0 ? Promise.reject(new SSSNError("store_unavailable", "The database is being opened again.")) : read(request);
      return log;
    };
    const channel = new PassthroughChannel({ id: "c", store, clock, logger: silentLogger });
    await channel.start();
    const heard: unknown[] = [];
    const subscription = await channel.subscribe("s", ({ content }) => void heard.push(content), { from: "start" });
    await channel.write("w", 1);
    await clock.advance(3_000);
    await channel.write("w", 2);
    await clock.advance(1);
    expect(heard).toEqual([1, 2]);
    await subscription.close();
    await channel.drain();
  });

  it("never let a slow, hung or throwing subscriber hold up the writer or another subscriber [W15] [G4.2]", async () => {
    const channel = await passthrough();
    const seen: unknown[] = [];
    let release = (): void => {};
    await channel.subscribe("hung", () => new Promise<void>((resolve) => (release = resolve)));
    await channel.subscribe("throws", () => {
      throw new Error("subscriber");
    });
    await channel.subscribe("rejects", () => Promise.reject(new Error("subscriber")));
    await channel.subscribe("good", ({ content }) => void seen.push(content));
    for (let index = 1; index <= 3; index++) await channel.write("w", index);
    await expect.poll(() => seen).toEqual([1, 2, 3]);
    await expect.poll(() => channel.errorCounts.subscriber).toBe(6);
    release();
    await channel.unsubscribe("hung").catch(() => undefined);
  });

  it("begin where they are told to, and durable ones go on where they stopped", async () => {
    const channel = await passthrough();
    for (let index = 1; index <= 3; index++) await channel.write("w", index);
    const collect = async (options: Parameters<typeof channel.subscribe>[2], count: number): Promise<unknown[]> => {
      const seen: unknown[] = [];
      const subscription = await channel.subscribe("s", ({ content }) => void seen.push(content), options);
      await expect.poll(() => seen.length).toBe(count);
      await subscription.close();
      return seen;
    };
    expect(await collect({ from: "start" }, 3)).toEqual([1, 2, 3]);
    expect(await collect({ from: { after: 2 } }, 1)).toEqual([3]);
    expect(await collect({ cursor: "durable", from: "start" }, 3)).toEqual([1, 2, 3]);
    await channel.write("w", 4);
    expect(await collect({ cursor: "durable", from: "start" }, 1)).toEqual([4]);
  });

  it("end with the channel, also when nothing flows", async () => {
    const channel = await passthrough();
    const subscription = await channel.subscribe("s", () => undefined);
    const streamed: ChannelMessage<unknown>[] = [];
    const streaming = (async () => {
      for await (const message of channel.stream("s")) streamed.push(message);
    })();
    await channel.drain();
    await Promise.all([subscription.closed, streaming]);
  });
});

describe("permissions", () => {
  const security = new ACLSecurity({ read: ["reader"], write: ["writer"], admin: ["admin"] });
  const calls: [string, "read" | "write" | "admin", (channel: PassthroughChannel, id: string) => Promise<unknown>][] = [
    ["info", "read", (channel, id) => channel.info(id)],
    ["read", "read", (channel, id) => channel.read(id)],
    ["positions", "read", (channel, id) => channel.positions(id)],
    ["commit", "read", (channel, id) => channel.commit(id, 0)],
    ["seek", "read", (channel, id) => channel.seek(id, "start")],
    ["claim", "read", (channel, id) => channel.claim(id)],
    ["acknowledge", "read", (channel, id) => channel.acknowledge(id, [])],
    ["nack", "read", (channel, id) => channel.nack(id, [])],
    ["deadLetter", "read", (channel, id) => channel.deadLetter(id, [])],
    ["extend", "read", (channel, id) => channel.extend(id, [])],
    ["subscribe", "read", (channel, id) => channel.subscribe(id, () => undefined)],
    ["write", "write", (channel, id) => channel.write(id, 1)],
    ["writeBatch", "write", (channel, id) => channel.writeBatch(id, [])],
    ["history", "admin", (channel, id) => channel.history(id)],
    ["stats", "admin", (channel, id) => channel.stats(id)],
    ["clear", "admin", (channel, id) => channel.clear(id)],
    ["evict", "admin", (channel, id) => channel.evict(id)],
    ["remove", "admin", (channel, id) => channel.remove(id, [])],
    ["deadLetters", "admin", (channel, id) => channel.deadLetters(id)],
    ["requeue", "admin", (channel, id) => channel.requeue(id)],
  ];
  it.each(calls)("%s takes the role %s [W02, W21]", async (_name, role, call) => {
    const channel = await passthrough({ security });
    const allowed = { read: ["reader", "writer", "admin"], write: ["writer", "admin"], admin: ["admin"] }[role];
    for (const id of ["nobody", "reader", "writer", "admin", "__proto__", "constructor"]) {
      expect([id, await codeOf(() => call(channel, id))]).toEqual([id, allowed.includes(id) ? undefined : "insufficient_role"]);
    }
  });
});

describe("lifecycle", () => {
  it("starts once, however often it is told to, and not again after a stop [W19]", async () => {
    let opened = 0;
    const memory = new MemoryMessageStore();
    const store: MessageStore = {
      capabilities: memory.capabilities,
      open: (id) => {
        opened++;
        return memory.open(id);
      },
      list: () => memory.list(),
      delete: (id) => memory.delete(id),
      hold: (name, ttlMs) => memory.hold(name, ttlMs),
      close: () => memory.close(),
      [Symbol.asyncDispose]: () => memory.close(),
    };
    const channel = new PassthroughChannel({ id: "c", store });
    await Promise.all([channel.start(), channel.start()]);
    await channel.start();
    expect(opened).toBe(1);
    await channel.drain();
    expect(await codeOf(() => channel.start())).toBe("invalid_state");
  });

  it("drains what was accepted before it ends, and takes nothing new meanwhile [G4.3] [W17]", async () => {
    const { store, log, open } = await gatedStore();
    const channel = await passthrough({ store });
    const writing = channel.write("w", "accepted");
    await Promise.resolve();
    const draining = channel.drain();
    expect(await codeOf(() => channel.write("w", "late"))).toBe("channel_not_running");
    expect(await codeOf(() => channel.claim("w"))).toBe("channel_not_running");
    open();
    expect((await draining).clean).toBe(true);
    expect((await writing).sequence).toBe(1);
    expect((await log.read({ after: 0, limit: 10 })).messages).toHaveLength(1);
  });

  it("gives up at the deadline and says what was left", async () => {
    const clock = new VirtualClock();
    const store = new MemoryMessageStore({ clock });
    const log = await store.open("c");
    log.append = () => new Promise(() => undefined);
    const channel = await passthrough({ store, clock });
    void channel.write("w", 1);
    await Promise.resolve();
    const draining = channel.drain({ timeoutMs: 500 });
    await clock.advance(500);
    expect(await draining).toMatchObject({ clean: false, abandonedWrites: 1 });
  });

  it("leaves no timer behind [W18]", async () => {
    const clock = new VirtualClock();
    const channel = new PeriodicChannel({ id: "p", store: new MemoryMessageStore({ clock }), clock, retention: { maxCount: 1 } });
    await channel.start();
    await clock.advance(10);
    await channel.drain();
    expect(clock.pendingTimers).toBe(0);
  });

  it("logs and continues after an exception in every hook, and counts it [G4.2]", async () => {
    const clock = new VirtualClock();
    const fail = (): never => {
      throw new Error("hook");
    };
    class Hooked extends PassthroughChannel {
      protected override onStart = fail;
      protected override onMessage = fail;
      protected override onStop = fail;
      protected override onMaintain = (): Promise<void> => Promise.reject(new Error("hook"));
      protected override onError = fail;
    }
    const channel = new Hooked({ id: "c", store: new MemoryMessageStore({ clock }), clock, logger, maintenanceIntervalMs: 1_000 });
    const seen: string[] = [];
    channel.events.on("error", ({ phase }) => seen.push(phase));
    await channel.start();
    await channel.write("w", 1);
    await clock.advance(1_000);
    expect((await channel.read("r")).messages).toHaveLength(1);
    await channel.drain();
    expect(seen).toEqual(["start", "message", "maintain", "stop"]);
    expect(channel.errorCounts).toEqual({ start: 1, message: 1, maintain: 1, stop: 1 });
  });

  it.each(["claimTimeoutMs", "maxDeliveries", "backoff", "deadLetter", "groups", "maxGroups"])(
    "of a kind that has no claims is not told about work (%s)",
    (option) => {
      const options = { id: "c", store: new MemoryMessageStore(), logger, [option]: undefined };
      expect(() => new BroadcastChannel(options)).toThrow(
        expect.objectContaining({ code: "invalid_argument", message: expect.stringContaining(option) }),
      );
      expect(() => new PassthroughChannel(options)).not.toThrow();
    },
  );
});
