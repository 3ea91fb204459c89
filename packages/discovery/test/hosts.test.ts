import { BaseSystem, BroadcastChannel, MemoryMessageStore, WorkQueueChannel, defineSystem, silentLogger, type Clock } from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { HttpTransport } from "@sssn/transport-http";
import { HttpChannel } from "@sssn/transport-http/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { Directory, DiscoveryChannel, Registrar } from "../src/index.js";

const logger = silentLogger;

async function registry(clock = new VirtualClock(undefined, { io: false })): Promise<DiscoveryChannel> {
  const discovery = new DiscoveryChannel({ id: "discovery", store: new MemoryMessageStore({ clock }), clock, logger });
  await discovery.start();
  onTestFinished(async () => void (await discovery.drain({ timeoutMs: 0 })));
  return discovery;
}

const info = (url: string) => ({
  id: "orders",
  name: "orders",
  description: "",
  kind: "broadcast" as const,
  visibility: "public" as const,
  endpoints: [{ transport: "http", url }],
});

describe("several hosts of one channel", () => {
  it("each have a registration: the old one's end takes nothing from the new one, as in a rolling restart", async () => {
    const clock = new VirtualClock(undefined, { io: false });
    const discovery = await registry(clock);
    const registrar = new Registrar(discovery, { clock, logger });
    const old = await registrar.publish("shop", [info("http://old.example/channels/orders")], []);
    const next = await registrar.publish("shop", [info("http://new.example/channels/orders")], []);
    const urls = () => discovery.getChannel("orders")?.endpoints.map(({ url }) => new URL(url).hostname);
    expect(urls()).toEqual(["new.example", "old.example"]);
    await old.withdraw();
    expect(urls()).toEqual(["new.example"]);
    await clock.advance(3_600_000);
    expect(urls()).toEqual(["new.example"]);
    await next.withdraw();
    expect(urls()).toBeUndefined();
  });

  it("are found whatever a reader's clock says, because the registry's own decides", async () => {
    const discovery = await registry();
    await discovery.registerChannel("shop", info("http://127.0.0.1:1/channels/orders"));
    for (const aheadMs of [-86_400_000, -120_000, 120_000, 86_400_000]) {
      const clock: Clock = { now: () => Date.now() + aheadMs, monotonic: () => performance.now(), schedule: () => () => {} };
      expect((await new Directory(discovery, "r", { clock, logger }).findChannels()).map(({ id }) => id)).toEqual(["orders"]);
    }
  });

  it("are registered all or none in a batch", async () => {
    const discovery = await registry();
    const good = { type: "channel" as const, id: "orders", ttlMs: 60_000, channel: info("http://127.0.0.1:1/channels/orders") };
    const bad = { ...good, id: "prices", channel: { ...good.channel, id: "other" } };
    await expect(discovery.writeBatch("shop", [{ content: good }, { content: bad }])).rejects.toMatchObject({ code: "invalid_content" });
    expect(discovery.findChannels()).toEqual([]);
  });
});

describe("publish()", () => {
  it("registers in a discovery channel that lives elsewhere", async () => {
    const store = new MemoryMessageStore();
    const registryHost = new BaseSystem({ id: "registry", logger });
    registryHost.addChannel(new DiscoveryChannel({ id: "discovery", store, logger, visibility: "public" }));
    await using there = await registryHost.publish({ transport: new HttpTransport({ port: 0, logger }) });
    const remote = new HttpChannel({ url: there.addresses[0] ?? "", id: "discovery", token: "shop", logger });
    const shop = new BaseSystem({ id: "shop", logger });
    shop.addChannel(new BroadcastChannel({ id: "orders", store, logger, visibility: "public" }));
    const here = await shop.publish({ transport: new HttpTransport({ port: 0, logger }), directory: new Registrar(remote, { logger }) });
    const directory = new Directory(remote, "clerk", { logger });
    expect((await directory.getChannel("orders"))?.endpoints[0]?.url).toBe(`${here.addresses[0]}/channels/orders`);
    await here.close();
    expect(await directory.getChannel("orders")).toBeUndefined();
  });

  it("tells nobody of what is private: not in the directory, not over HTTP, not in an error, not in a log line", async () => {
    const PLANTED = "takeover-of-acme";
    const lines: string[] = [];
    const write = (...line: unknown[]): void => void lines.push(JSON.stringify(line));
    const listening = { debug: write, info: write, warn: write, error: write };
    const store = new MemoryMessageStore();
    const system = defineSystem({
      id: "bank",
      logger: listening,
      setup(bank) {
        const shared = { store, logger: listening };
        bank.addChannel(new BroadcastChannel({ id: "rates", ...shared, visibility: "public" }));
        bank.addChannel(new DiscoveryChannel({ id: "discovery", ...shared, visibility: "public" }));
        bank.addChannel(new BroadcastChannel({ id: PLANTED, ...shared }));
        bank.addChannel(new WorkQueueChannel({ id: `${PLANTED}-asked`, ...shared }));
        bank.addSubsystem(defineSystem({ id: `${PLANTED}-team`, logger: listening }), { channels: [PLANTED] });
        bank.expose({ name: `${PLANTED}-plan`, requests: `${PLANTED}-asked`, replies: PLANTED }, () => 1);
      },
    });
    const transport = new HttpTransport({ port: 0, logger: listening });
    await using running = await system.publish({ transport });
    const url = running.addresses[0] ?? "";
    const told: string[] = [];
    const paths = [
      "/channels",
      "/openapi.json",
      "/docs",
      "/healthz",
      "/readyz",
      "/channels/none",
      "/channels/rates",
      "/channels/rates/stats",
      "/channels/discovery/history",
      "/channels/discovery/messages?after=0",
      "/nowhere",
    ];
    for (const path of paths) {
      const response = await fetch(`${url}${path}`, { headers: { authorization: "Bearer stranger" } });
      told.push(await response.text());
      response.headers.forEach((value, name) => told.push(`${name}: ${value}`));
    }
    const answers = await Promise.all(
      [PLANTED, "made-up"].map(async (id) => {
        const response = await fetch(`${url}/channels/${id}/messages`, { headers: { authorization: "Bearer stranger" } });
        return [response.status, await response.text()];
      }),
    );
    expect(told.filter((text) => text.includes(PLANTED))).toEqual([]);
    expect(answers[0]).toEqual(answers[1]);
    expect(lines.filter((line) => line.includes(PLANTED))).toEqual([]);
  });
});
