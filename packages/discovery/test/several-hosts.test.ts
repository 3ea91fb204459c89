import {
  MemoryMessageStore,
  isSSSNError,
  silentLogger,
  type ChannelInfo,
  type ChannelLog,
  type Clock,
  type LogOptions,
  type StoreCapabilities,
} from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { DiscoveryChannel, type Registration } from "../src/index.js";

const logger = silentLogger;
const newClock = (): VirtualClock => new VirtualClock(undefined, { io: false });

const info = (id: string, host = "h"): ChannelInfo => ({
  id,
  name: id,
  description: "",
  kind: "passthrough",
  visibility: "public",
  endpoints: [{ transport: "http", url: `http://${host}.example/channels/${id}` }],
});

/** A store whose log does something else than it should, or tells what it is asked. */
class OddStore extends MemoryMessageStore {
  override readonly capabilities: StoreCapabilities;
  readonly #odd: (log: ChannelLog) => Partial<ChannelLog>;

  constructor(beside: MemoryMessageStore, odd: (log: ChannelLog) => Partial<ChannelLog>, wakeUpWithinMs = 0) {
    super({ beside });
    this.capabilities = { ...beside.capabilities, wakeUpWithinMs };
    this.#odd = odd;
  }

  override async open(channelId: string, options?: LogOptions): Promise<ChannelLog> {
    const log = await super.open(channelId, options);
    return Object.assign(log, this.#odd(log));
  }
}

const deaf = (): Partial<ChannelLog> => ({ onChange: () => () => {} });

async function hostOf(store: MemoryMessageStore, clock: Clock, ttlMs = 60_000): Promise<DiscoveryChannel> {
  const discovery = new DiscoveryChannel({ id: "discovery", store, clock, ttlMs, logger });
  await discovery.start();
  onTestFinished(async () => void (await discovery.drain({ timeoutMs: 0 })));
  return discovery;
}

/** Two hosts of one discovery channel. */
async function hosts(second: (first: MemoryMessageStore) => MemoryMessageStore = (beside) => new MemoryMessageStore({ beside })) {
  const clock = newClock();
  const store = new MemoryMessageStore({ clock });
  return { clock, store, here: await hostOf(store, clock), there: await hostOf(second(store), clock) };
}

const ids = (discovery: DiscoveryChannel): readonly string[] => discovery.findChannels().map(({ id }) => id);
const hostnames = (discovery: DiscoveryChannel, id: string): readonly string[] =>
  (discovery.getChannel(id)?.endpoints ?? []).map(({ url }) => new URL(url).hostname.split(".")[0] ?? "").sort();

/** Waits for what waits for the clock. */
async function done<Result>(clock: VirtualClock, under: Promise<Result>): Promise<Result> {
  let isDone = false;
  const end = under.finally(() => (isDone = true));
  end.catch(() => undefined);
  for (let step = 0; step < 1_000 && !isDone; step++) await clock.advance(10);
  return end;
}

describe("a host of a discovery channel", () => {
  it("knows what was registered and withdrawn at another one, without a write of its own", async () => {
    const { clock, here, there } = await hosts();
    await here.registerChannel("shop", info("orders"));
    await here.registerSystem("shop", { id: "shop", name: "", description: "", capabilities: [], channels: ["orders"] });
    await clock.advance(0);
    expect([ids(there), there.getSystem("shop")?.channels]).toEqual([["orders"], ["orders"]]);
    await here.withdraw("shop", "channel", "orders");
    await clock.advance(0);
    expect([ids(there), there.findSystems().length]).toEqual([[], 1]);
  });

  it.each([
    [0, 5_000],
    [20_000, 20_000],
  ])("looks by itself, where a wake-up that comes within %i ms was lost, every %i ms", async (wakeUpWithinMs, everyMs) => {
    const { clock, here, there } = await hosts((beside) => new OddStore(beside, deaf, wakeUpWithinMs));
    await here.registerChannel("shop", info("orders"));
    await clock.advance(everyMs - 1);
    expect(ids(there)).toEqual([]);
    await clock.advance(1);
    expect(ids(there)).toEqual(["orders"]);
  });

  it("judges what has expired by the log's clock, whatever its own says", async () => {
    const clock = newClock();
    const store = new MemoryMessageStore({ clock });
    const here = await hostOf(store, clock);
    const [ahead, behind] = [newClock(), newClock()];
    ahead.stepWall(3_600_000);
    behind.stepWall(-3_600_000);
    const others = await Promise.all([ahead, behind].map((own) => hostOf(new MemoryMessageStore({ beside: store, clock: own }), own)));
    await here.registerChannel("shop", info("orders"), 1_000);
    await clock.advance(999);
    expect([here, ...others].map(ids)).toEqual([["orders"], ["orders"], ["orders"]]);
    for (const other of others)
      await expect(other.registerChannel("thief", info("orders"))).rejects.toMatchObject({ code: "insufficient_role" });
    await clock.advance(1);
    expect([here, ...others].map(ids)).toEqual([[], [], []]);
  });
});

describe("an id", () => {
  it("is registered by one of two who want it at two hosts at once", async () => {
    const { clock, here, there } = await hosts();
    for (let round = 0; round < 20; round++) {
      const id = `orders-${round}`;
      const ends = await done(
        clock,
        Promise.allSettled([here.registerChannel("a", info(id, "a")), there.registerChannel("b", info(id, "b"))]),
      );
      const refused = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
      expect(refused.map((error) => isSSSNError(error) && error.code)).toEqual(["insufficient_role"]);
      const winner = ends[0].status === "fulfilled" ? "a" : "b";
      await clock.advance(0);
      expect([hostnames(here, id), hostnames(there, id)]).toEqual([[winner], [winner]]);
    }
  });

  it("is registered by many at once: each one's own, and all at the end", async () => {
    const { clock, here, there } = await hosts();
    const names = Array.from({ length: 30 }, (_, index) => `c${index}`);
    const writes = names.map((id, index) => (index % 2 === 0 ? here : there).registerChannel(id, info(id)));
    await done(clock, Promise.all(writes));
    expect([[...ids(here)].sort(), [...ids(there)].sort()]).toEqual([[...names].sort(), [...names].sort()]);
  });

  it("gets no endpoint from anybody else, at whatever host and under whatever host's name", async () => {
    const { clock, here, there } = await hosts();
    const registration = (host: string): Registration => ({
      type: "channel",
      id: "orders",
      host,
      ttlMs: 60_000,
      channel: info("orders", host),
    });
    await here.write("shop", registration("h1"));
    for (const attempt of [
      () => there.write("thief", registration("h1")),
      () => there.write("thief", registration("h2")),
      () => there.write("thief", { type: "withdrawn", of: "channel", id: "orders", host: "h1" }),
      () => there.writeBatch("thief", [{ content: registration("h2") }]),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: "insufficient_role" });
    await there.write("shop", registration("h2"));
    await clock.advance(0);
    expect([hostnames(here, "orders"), hostnames(there, "orders")]).toEqual([
      ["h1", "h2"],
      ["h1", "h2"],
    ]);
  });

  it("is not written for ever where others always come first", async () => {
    let tries = 0;
    const { clock, here, there } = await hosts(
      (beside) =>
        new OddStore(beside, (log) => {
          const append = log.append.bind(log);
          return {
            append: async (drafts, options) => {
              tries++;
              await append([{ senderId: "other", content: "noise", metadata: {} }]);
              return append(drafts, options);
            },
          };
        }),
    );
    await expect(done(clock, there.registerChannel("shop", info("orders")))).rejects.toMatchObject({
      code: "backpressure",
      details: { outcome: "not_stored" },
    });
    expect(tries).toBe(50);
    expect(ids(here)).toEqual([]);
  });

  it("is written where the writer says that the log ends, or not at all", async () => {
    const { here, there } = await hosts();
    const registration = (id: string): Registration => ({ type: "channel", id, ttlMs: 60_000, channel: info(id) });
    await here.write("shop", registration("a"), { ifLast: 0 });
    for (const ifLast of [0, 2]) {
      await expect(there.write("shop", registration("b"), { ifLast })).rejects.toMatchObject({ code: "position_conflict" });
      await expect(there.writeBatch("shop", [{ content: registration("b") }], { ifLast })).rejects.toMatchObject({
        code: "position_conflict",
      });
    }
    expect(await there.writeBatch("shop", [{ content: registration("b") }], { ifLast: 1 })).toMatchObject([{ sequence: 2 }]);
  });

  it("is not got by saying that the log ends where it will end only when somebody else has it", async () => {
    const before: { append?: () => Promise<unknown> } = {};
    const { here, there } = await hosts(
      (beside) =>
        new OddStore(beside, (log) => {
          const append = log.append.bind(log);
          return {
            append: async (drafts, options) => {
              await before.append?.();
              return append(drafts, options);
            },
          };
        }),
    );
    before.append = () => here.registerChannel("owner", info("orders", "owner"));
    const thief: Registration = { type: "channel", id: "orders", ttlMs: 60_000, channel: info("orders", "thief") };
    await expect(there.write("thief", thief, { ifLast: 1 })).rejects.toMatchObject({ code: "position_conflict" });
    expect(hostnames(here, "orders")).toEqual([]);
  });
});

describe("a channel that several hosts serve", () => {
  const published = (discovery: DiscoveryChannel, host: string) => discovery.publish("shop", [info("orders", host)], []);

  it("is found at all of them, and at the others when one has withdrawn", async () => {
    const { clock, here, there } = await hosts();
    const registrations = [await published(here, "h1"), await published(there, "h2")];
    await clock.advance(600_000);
    expect([hostnames(here, "orders"), hostnames(there, "orders")]).toEqual([
      ["h1", "h2"],
      ["h1", "h2"],
    ]);
    await registrations[1]?.withdraw();
    await clock.advance(600_000);
    expect([hostnames(here, "orders"), hostnames(there, "orders")]).toEqual([["h1"], ["h1"]]);
    await registrations[0]?.withdraw();
    await clock.advance(0);
    expect([ids(here), ids(there)]).toEqual([[], []]);
  });

  it("is refreshed where another id of its host has gone to somebody else, and withdrawn in the end", async () => {
    const { clock, here, there } = await hosts();
    const failures: string[] = [];
    here.events.on("error", ({ error }) => failures.push(isSSSNError(error) ? error.code : error.message));
    const registration = await here.publish("shop", [info("orders", "h1"), info("prices", "h1")], []);
    await there.clear("admin", ({ content }) => content.id === "orders");
    await there.registerChannel("heir", info("orders", "heir"), 600_000);
    await clock.advance(120_000);
    expect([hostnames(here, "orders"), hostnames(here, "prices")]).toEqual([["heir"], ["h1"]]);
    expect(new Set(failures)).toEqual(new Set(["insufficient_role"]));
    await expect(registration.withdraw()).rejects.toMatchObject({ code: "insufficient_role" });
    expect([hostnames(here, "orders"), hostnames(here, "prices")]).toEqual([["heir"], []]);
  });

  it("is registered with all others of its host at once, so that hosts which start together wait for each other a few times only", async () => {
    let appends = 0;
    const { clock, here, there } = await hosts(
      (beside) =>
        new OddStore(beside, (log) => {
          const append = log.append.bind(log);
          return { append: (drafts, options) => (appends++, append(drafts, options)) };
        }),
    );
    const many = (host: string) => Array.from({ length: 150 }, (_, index) => info(`c${index}`, host));
    await done(clock, Promise.all([here.publish("shop", many("h1"), []), there.publish("shop", many("h2"), [])]));
    await clock.advance(0);
    expect([here, there].map((discovery) => discovery.findChannels().flatMap(({ endpoints }) => endpoints).length)).toEqual([300, 300]);
    expect(appends).toBeLessThan(10);
  });

  it("is found at the others when one is gone without a word", async () => {
    const clock = newClock();
    const store = new MemoryMessageStore({ clock });
    // The clock of the one that dies stands still from then on: it refreshes nothing.
    const [alive, dying] = [await hostOf(store, clock), await hostOf(new MemoryMessageStore({ beside: store }), newClock())];
    await published(alive, "h1");
    await published(dying, "h2");
    await clock.advance(59_999);
    expect(hostnames(alive, "orders")).toEqual(["h1", "h2"]);
    await clock.advance(1);
    expect(hostnames(alive, "orders")).toEqual(["h1"]);
  });
});

describe("what an admin removes at one host", () => {
  it.each<[string, (discovery: DiscoveryChannel, id: string) => Promise<number>]>([
    ["remove()", (discovery, id) => discovery.remove("admin", [id])],
    ["clear()", (discovery) => discovery.clear("admin", ({ content }) => content.id === "orders")],
    ["evict()", (discovery) => discovery.evict("admin", { maxCount: 1 })],
  ])("is gone at the others too, by %s, and the rest stays to be seen", async (_how, remove) => {
    const { clock, here, there } = await hosts();
    const { id } = await here.registerChannel("shop", info("orders"));
    await here.registerChannel("shop", info("prices"));
    expect(await remove(here, id)).toBe(1);
    expect(ids(here)).toEqual(["prices"]);
    const seen = new Set<string>();
    for (let second = 0; second < 5; second++) {
      await clock.advance(1_000);
      seen.add(ids(there).join());
    }
    expect(ids(there)).toEqual(["prices"]);
    expect([...seen].filter((text) => !text.includes("prices"))).toEqual([]);
  });

  it("may be registered by somebody else at another host at once", async () => {
    const { here, there } = await hosts((beside) => new OddStore(beside, deaf));
    const { id } = await here.registerChannel("shop", info("orders"));
    await expect(there.registerChannel("heir", info("orders", "heir"))).rejects.toMatchObject({ code: "insufficient_role" });
    await here.remove("admin", [id]);
    await there.registerChannel("heir", info("orders", "heir"));
    expect(hostnames(there, "orders")).toEqual(["heir"]);
  });

  it("does not come back as what it has replaced", async () => {
    const { clock, here, there } = await hosts();
    await here.registerChannel("shop", info("orders", "old"));
    const { id } = await there.registerChannel("shop", info("orders", "new"));
    expect(await here.remove("admin", [id])).toBe(1);
    await clock.advance(5_000);
    expect([ids(here), ids(there), (await here.stats("admin")).count]).toEqual([[], [], 0]);
  });

  it("is counted whether it still held or not", async () => {
    const { here } = await hosts();
    const receipts = [await here.registerChannel("shop", info("orders", "old")), await here.registerChannel("shop", info("orders", "new"))];
    await here.registerChannel("shop", info("prices"));
    expect(
      await here.remove(
        "admin",
        receipts.map(({ id }) => id),
      ),
    ).toBe(2);
    expect([ids(here), (await here.stats("admin")).count]).toEqual([["prices"], 1]);
  });

  it.each([
    ["by the host that reads", "there"],
    ["elsewhere", "here"],
  ] as const)("takes nothing away that is registered %s while the log is read again for it", async (_where, whose) => {
    let ofAll = (): Promise<unknown> => Promise.resolve();
    let ofNew = (): Promise<unknown> => Promise.resolve();
    const { clock, here, there } = await hosts(
      (beside) =>
        new OddStore(beside, (log) => {
          const read = log.read.bind(log);
          return {
            read: async (request) => {
              const page = await read(request);
              await (request.after === 0 ? ofAll : ofNew)();
              return page;
            },
          };
        }),
    );
    const { id } = await there.registerChannel("shop", info("removed"));
    await clock.advance(0);
    let endReading = (): void => {};
    const reading = new Promise<void>((resolve) => (endReading = resolve));
    let began = false;
    // The page is there, but not yet taken in.
    ofAll = () => ((began = true), reading);
    const removing = here.remove("admin", [id]).then(() => there.evict("admin", {}));
    for (let step = 0; !began && step < 100; step++) await clock.advance(0);
    let endOfNew = (): void => {};
    const held = new Promise<void>((resolve) => (endOfNew = resolve));
    // Elsewhere: what was written is read for the old view, and comes when the new one has taken its place.
    if (whose === "here") ofNew = () => held;
    const registering = (whose === "here" ? here : there).registerChannel("shop", info("new"));
    await clock.advance(0);
    endReading();
    await removing;
    endOfNew();
    await registering;
    await clock.advance(0);
    expect(ids(there)).toEqual(["new"]);
  });

  it("is gone where the whole log was deleted", async () => {
    const { clock, store, here, there } = await hosts();
    await here.registerChannel("shop", info("orders"));
    await clock.advance(0);
    await store.delete("discovery");
    await clock.advance(5_000);
    expect([ids(here), ids(there)]).toEqual([[], []]);
  });
});

describe("maintenance", () => {
  it("removes what has expired at one host at a time, and at the other when that one has ended", async () => {
    let removals = 0;
    const { clock, here, there } = await hosts(
      (beside) =>
        new OddStore(beside, (log) => {
          const remove = log.remove.bind(log);
          return { remove: (ids) => (removals++, remove(ids)) };
        }),
    );
    await here.registerChannel("shop", info("orders"), 1_000);
    await clock.advance(60_000);
    expect([(await there.stats("admin")).count, removals]).toEqual([0, 0]);
    await there.registerChannel("shop", info("orders"), 1_000);
    await here.drain();
    await clock.advance(60_000);
    expect([(await there.stats("admin")).count, removals]).toEqual([0, 1]);
  });

  it("removes nothing that came after it had looked", async () => {
    let during: (() => Promise<unknown>) | undefined;
    const { here, there } = await hosts(
      (beside) =>
        new OddStore(beside, (log) => {
          const read = log.read.bind(log);
          return {
            read: async (request) => {
              const task = request.after === 0 ? during : undefined;
              if (task) during = undefined;
              await task?.();
              return read(request);
            },
          };
        }),
    );
    await here.registerChannel("shop", info("old"));
    await there.registerChannel("shop", info("old"));
    during = async () => {
      await there.registerChannel("shop", info("own"));
      await here.registerChannel("shop", info("other"));
    };
    await there.maintain();
    expect(during).toBeUndefined();
    expect([ids(here), (await there.stats("admin")).count]).toEqual([["old", "own", "other"], 3]);
  });

  it("reads the log once, though it removes what was replaced", async () => {
    let readings = 0;
    const { there } = await hosts(
      (beside) =>
        new OddStore(beside, (log) => {
          const read = log.read.bind(log);
          return { read: (request) => ((readings += request.after === 0 ? 1 : 0), read(request)) };
        }),
    );
    for (let refresh = 0; refresh < 3; refresh++) await there.registerChannel("shop", info("orders"));
    readings = 0;
    await there.maintain();
    expect([readings, (await there.stats("admin")).count]).toEqual([1, 1]);
  });

  it("hides no withdrawal from a host that has missed it", async () => {
    const { clock, here, there } = await hosts((beside) => new OddStore(beside, deaf));
    await here.registerChannel("shop", info("orders"));
    await clock.advance(5_000);
    expect(ids(there)).toEqual(["orders"]);
    await here.withdraw("shop", "channel", "orders");
    await here.maintain();
    expect((await here.stats("admin")).count).toBe(0);
    await clock.advance(5_000);
    expect(ids(there)).toEqual([]);
  });

  it("forgets what the retention policy has removed", async () => {
    const clock = newClock();
    const store = new MemoryMessageStore({ clock });
    const discovery = new DiscoveryChannel({ id: "discovery", store, clock, logger, retention: { maxCount: 1 } });
    await discovery.start();
    onTestFinished(async () => void (await discovery.drain({ timeoutMs: 0 })));
    await discovery.registerChannel("shop", info("a"));
    await discovery.registerChannel("shop", info("b"));
    await discovery.maintain();
    expect(ids(discovery)).toEqual(["b"]);
  });
});
