import {
  BaseSystem,
  ChannelClient,
  MemoryMessageStore,
  PassthroughChannel,
  Visibility,
  isSSSNError,
  silentLogger,
  systemClock,
  type ChannelInfo,
  type Clock,
  type ErrorCode,
  type MessageStore,
} from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { HttpTransport } from "@sssn/transport-http";
import { HttpChannel } from "@sssn/transport-http/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { Directory, DiscoveryChannel, Registrar } from "../src/index.js";

const logger = silentLogger;

function info(id: string, more: Partial<ChannelInfo> = {}): ChannelInfo {
  return {
    id,
    name: id,
    description: "",
    kind: "passthrough",
    visibility: "public",
    endpoints: [{ transport: "http", url: `http://127.0.0.1:1/channels/${id}` }],
    ...more,
  };
}

async function discoveryOn(store: MessageStore, clock: Clock, ttlMs = 60_000): Promise<DiscoveryChannel> {
  const discovery = new DiscoveryChannel({ id: "discovery", store, clock, ttlMs, logger });
  await discovery.start();
  onTestFinished(async () => {
    await discovery.drain();
  });
  return discovery;
}

async function setting(ttlMs?: number): Promise<{ clock: VirtualClock; discovery: DiscoveryChannel; store: MessageStore }> {
  const clock = new VirtualClock();
  const store = new MemoryMessageStore({ clock });
  return { clock, store, discovery: await discoveryOn(store, clock, ttlMs) };
}

async function codeOf(call: Promise<unknown>): Promise<ErrorCode | undefined> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return isSSSNError(error) ? error.code : undefined;
}

describe("registrations", () => {
  it("keep nobody waiting where one id has thousands of hosts", async () => {
    const { discovery } = await setting();
    const endpointsOf = (host: number) =>
      Array.from({ length: 16 }, (_, index) => ({ transport: "http", url: `http://h${host}-${index}:1/channels/c` }));
    const begun = performance.now();
    for (let first = 0; first < 2_000; first += 100)
      await discovery.writeBatch(
        "flood",
        Array.from({ length: 100 }, (_, index) => ({
          content: {
            type: "channel",
            id: "c",
            host: `h${first + index}`,
            ttlMs: 60_000,
            channel: info("c", { endpoints: endpointsOf(first + index) }),
          },
        })),
      );
    expect(discovery.getChannel("c")?.endpoints).toHaveLength(32_000);
    // One look at each pair of endpoints would take minutes.
    expect(performance.now() - begun).toBeLessThan(15_000);
  });

  it("are removed also from a log that was set back unheard", async () => {
    const store = new MemoryMessageStore();
    // One of which nobody listens to what others do.
    const alone: MessageStore = {
      capabilities: { ...store.capabilities, shared: false },
      open: (id, options) => store.open(id, options),
      list: () => store.list(),
      delete: (id) => store.delete(id),
      hold: (name, ttlMs) => store.hold(name, ttlMs),
      close: () => store.close(),
      [Symbol.asyncDispose]: () => store.close(),
    };
    const discovery = await discoveryOn(alone, systemClock);
    for (const id of ["a", "b", "c"]) await discovery.registerChannel("host", info(id));
    store.rewind("discovery", 1);
    expect(await discovery.evict("admin", { maxCount: 0 })).toBe(1);
    expect(discovery.findChannels()).toEqual([]);
    await discovery.registerChannel("another", info("b"));
    expect(discovery.findChannels().map(({ id }) => id)).toEqual(["b"]);
  });

  it("are found by visibility, kind and capability", async () => {
    const { discovery } = await setting();
    await discovery.registerChannel("s", info("a"));
    await discovery.registerChannel("s", info("b", { visibility: "private", kind: "work-queue" }));
    await discovery.registerSystem("s", {
      id: "planner",
      name: "Planner",
      description: "",
      capabilities: [{ name: "plan", description: "" }],
      channels: ["a"],
    });
    expect(discovery.findChannels().map(({ id }) => id)).toEqual(["a", "b"]);
    expect(discovery.findChannels({ visibility: "private" }).map(({ id }) => id)).toEqual(["b"]);
    expect(discovery.findChannels({ kind: "passthrough" }).map(({ id }) => id)).toEqual(["a"]);
    expect(discovery.findSystems({ capability: "plan" }).map(({ id }) => id)).toEqual(["planner"]);
    expect([discovery.findSystems({ capability: "pla" }), discovery.getChannel("c"), discovery.getSystem("planner")?.channels]).toEqual([
      [],
      undefined,
      ["a"],
    ]);
  });

  it("are replaced by the newest of an id, not doubled [W25]", async () => {
    const { discovery } = await setting();
    await discovery.registerChannel("s", info("a", { description: "old" }));
    await discovery.registerChannel("s", info("a", { description: "new" }));
    expect(discovery.findChannels().map(({ description }) => description)).toEqual(["new"]);
    expect(discovery.getChannel("a")?.description).toBe("new");
  });

  it("are invisible at once when they expire, and removed by maintenance", async () => {
    const { clock, discovery } = await setting();
    await discovery.registerChannel("s", info("short"), 1_000);
    await discovery.registerChannel("s", info("long"), 600_000);
    await clock.advance(999);
    expect(discovery.findChannels()).toHaveLength(2);
    await clock.advance(1);
    expect(discovery.findChannels().map(({ id }) => id)).toEqual(["long"]);
    await discovery.maintain();
    expect((await discovery.stats("admin")).count).toBe(1);
  });

  it("belong to who made them: nobody else replaces or withdraws them, an admin removes them", async () => {
    const { clock, discovery } = await setting();
    const { id } = await discovery.registerChannel("owner", info("a"));
    for (const call of [
      () => discovery.registerChannel("thief", info("a")),
      () => discovery.withdraw("thief", "channel", "a"),
      () => discovery.writeBatch("thief", [{ content: { type: "withdrawn", of: "channel", id: "a" } }]),
    ]) {
      expect(await codeOf(call())).toBe("insufficient_role");
    }
    expect(discovery.getChannel("a")).toBeDefined();
    expect(await discovery.remove("admin", [id])).toBe(1);
    expect(discovery.getChannel("a")).toBeUndefined();
    await discovery.registerChannel("owner", info("a"), 1_000);
    await clock.advance(1_000);
    await discovery.registerChannel("heir", info("a"));
    expect(await codeOf(discovery.withdraw("owner", "channel", "a"))).toBe("insufficient_role");
  });

  it.each([
    ["no object", 7],
    ["an unknown type", { type: "url", id: "a" }],
    ["a bad id", { type: "channel", id: "../a", channel: info("a") }],
    ["another id inside", { type: "channel", id: "a", channel: info("b") }],
    ["a negative life", { type: "channel", id: "a", ttlMs: -1, channel: info("a") }],
    ["an endless life", { type: "channel", id: "a", ttlMs: Infinity, channel: info("a") }],
    [
      "a script as address",
      { type: "channel", id: "a", channel: info("a", { endpoints: [{ transport: "http", url: "javascript:alert(1)" }] }) },
    ],
    [
      "a file as address",
      { type: "channel", id: "a", channel: info("a", { endpoints: [{ transport: "http", url: "file:///etc/passwd" }] }) },
    ],
    [
      "a thousand addresses",
      {
        type: "channel",
        id: "a",
        channel: info("a", { endpoints: Array.from({ length: 1_000 }, () => ({ transport: "http", url: "http://h" })) }),
      },
    ],
    ["an unknown member", { type: "channel", id: "a", channel: { ...info("a"), admin: true } }],
  ])("that are %s are refused, and hide nothing", async (_what, content) => {
    const { discovery } = await setting();
    await discovery.registerChannel("s", info("good"));
    expect(await codeOf(discovery.write("s", content as never))).toMatch(/^invalid_/);
    expect(discovery.findChannels().map(({ id }) => id)).toEqual(["good"]);
  });

  it("survive a restart", async () => {
    const { clock, store, discovery } = await setting();
    await discovery.registerChannel("s", info("a"));
    await discovery.drain();
    expect((await discoveryOn(store, clock)).getChannel("a")).toEqual(info("a"));
  });
});

describe("what a channel's operator wants to know", () => {
  it("may be registered with what a channel says of itself, and is told by no directory", async () => {
    const { discovery } = await setting();
    await discovery.registerChannel("s", info("a", { retention: { maxCount: 3 }, maintenanceIntervalMs: 10_000 }));
    expect(discovery.getChannel("a")).toEqual(info("a"));
  });

  it("is not sent to a directory by who publishes: one of an earlier release would refuse it", async () => {
    const { discovery, store } = await setting();
    const sent: unknown[] = [];
    const writeBatch = discovery.writeBatch.bind(discovery);
    discovery.writeBatch = (who, entries, condition) => {
      sent.push(...entries.map(({ content }) => content));
      return writeBatch(who, entries, condition);
    };
    const orders = new PassthroughChannel({ id: "orders", store, retention: { maxCount: 3 }, visibility: "public", logger });
    await new Registrar(discovery, { logger }).publish("s", [orders.describe()], []).then((kept) => kept.withdraw());
    expect([sent.length, orders.describe().retention, JSON.stringify(sent).match(/retention|maintenance/)]).toEqual([
      2,
      { maxCount: 3, keepUnsettled: false },
      null,
    ]);
  });
});

describe("publish()", () => {
  it("registers public channels with their address, keeps them alive for a day, and withdraws them [G5.3] [W27]", async () => {
    const clock = new VirtualClock();
    const store = new MemoryMessageStore({ clock });
    const discovery = new DiscoveryChannel({ id: "discovery", store, clock, ttlMs: 60_000, visibility: Visibility.PUBLIC, logger });
    const system = new BaseSystem({ id: "host", clock, tickRate: 0.001, logger });
    system.addChannel(
      new PassthroughChannel({ id: "orders", store, clock, visibility: Visibility.PUBLIC, maintenanceIntervalMs: 86_400_000 }),
    );
    system.addChannel(new PassthroughChannel({ id: "secret", store, clock, maintenanceIntervalMs: 86_400_000 }));
    system.addChannel(discovery);
    const running = await system.publish({ transport: new HttpTransport({ port: 0 }) });
    expect(discovery.findChannels().map(({ id }) => id)).toEqual(["orders", "discovery"]);
    expect(discovery.getChannel("orders")?.endpoints).toEqual([{ transport: "http", url: `${running.addresses[0]}/channels/orders` }]);
    expect(discovery.getSystem("host")?.channels).toEqual(["orders", "discovery"]);
    for (let hour = 0; hour < 2; hour++) {
      await clock.advance(3_600_000 / 4);
      expect(discovery.findChannels()).toHaveLength(2);
    }
    const closing = running.close();
    await clock.advance(1);
    await closing;
    const log = await store.open("discovery");
    const { messages } = await log.read({ after: 0, limit: 10_000 });
    expect(messages.slice(-3).map(({ content }) => (content as { type: string }).type)).toEqual(["withdrawn", "withdrawn", "withdrawn"]);
  });

  it("leads from a name to a working remote channel in one call [W23]", async () => {
    const store = new MemoryMessageStore();
    const security = new JWTChannelSecurity({ secret: "0123456789abcdef0123456789abcdef" });
    const published = { store, security, visibility: Visibility.PUBLIC, logger };
    const host = new BaseSystem({ id: "host", logger });
    host.addChannel(new PassthroughChannel({ id: "orders", ...published }));
    host.addChannel(new DiscoveryChannel({ id: "discovery", ...published }));
    const running = await host.publish({ transport: new HttpTransport({ port: 0, logger }) });
    onTestFinished(async () => {
      await running.close();
    });
    const token = await security.generateToken({ systemId: "clerk", role: "write", channels: "*" });
    const directory = new Directory(new HttpChannel({ url: running.addresses[0] ?? "", id: "discovery", token }), "clerk", {
      connect: ({ url }) => new HttpChannel({ url, token }),
    });
    const client = new ChannelClient("clerk");
    await client.connectFrom(directory, "orders");
    await client.write("orders", { item: "tea" });
    expect((await client.read("orders")).messages).toMatchObject([{ senderId: "clerk", content: { item: "tea" } }]);
    const error: unknown = await client.connectFrom(directory, "ordres").catch((thrown: unknown) => thrown);
    expect(isSSSNError(error, "channel_not_found") && error.details["known"]).toEqual(["orders", "discovery"]);
    expect(
      await codeOf(new Directory(new HttpChannel({ url: running.addresses[0] ?? "", id: "discovery", token }), "clerk").resolve("orders")),
    ).toBe("unsupported_operation");
  });

  it("can't be poisoned over HTTP by a writer that does not own the record", async () => {
    const store = new MemoryMessageStore();
    const security = new JWTChannelSecurity({ secret: "0123456789abcdef0123456789abcdef" });
    const host = new BaseSystem({ id: "host", logger });
    const discovery = host.addChannel(new DiscoveryChannel({ id: "discovery", store, security, visibility: Visibility.PUBLIC, logger }));
    const running = await host.publish({ transport: new HttpTransport({ port: 0, logger }) });
    onTestFinished(async () => {
      await running.close();
    });
    for (const role of ["write", "admin"] as const) {
      const token = await security.generateToken({ systemId: "thief", role, channels: "*" });
      const remote = new HttpChannel({ url: running.addresses[0] ?? "", id: "discovery", token });
      expect(await codeOf(remote.write("host", { type: "channel", id: "discovery", ttlMs: 60_000, channel: info("discovery") }))).toBe(
        "insufficient_role",
      );
    }
    expect(discovery.getChannel("discovery")?.endpoints[0]?.url).toContain(running.addresses[0]);
  });
});

describe("watch()", () => {
  it("tells what becomes live, and what is gone by withdrawal or by time", async () => {
    const { clock, discovery } = await setting();
    await discovery.registerChannel("s", info("there"));
    const changes: string[] = [];
    const directory = new Directory(discovery, "watcher", { clock });
    const subscription = await directory.watch(({ type, entry }) => changes.push(`${entry.id} ${type}`));
    await discovery.registerChannel("s", info("a"));
    await discovery.registerChannel("s", info("b"), 1_000);
    await expect.poll(() => changes).toEqual(["there live", "a live", "b live"]);
    await discovery.withdraw("s", "channel", "a");
    await expect.poll(() => changes.at(-1)).toBe("a gone");
    await clock.advance(1_000);
    expect(changes.at(-1)).toBe("b gone");
    await subscription.close();
    expect((await directory.getChannel("there"))?.id).toBe("there");
    expect(await directory.getSystem("s")).toBeUndefined();
  });
});
