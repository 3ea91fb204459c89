import { createServer, type AddressInfo } from "node:net";
import {
  BaseSystem,
  ChannelClient,
  MailboxChannel,
  MemoryMessageStore,
  PassthroughChannel,
  WorkQueueChannel,
  silentLogger,
  type ChannelOptions,
} from "@sssn/core";
import { HttpTransport } from "@sssn/transport-http";
import { HttpChannel, httpConnector } from "@sssn/transport-http/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { CapabilityCaller, Directory, DiscoveryChannel } from "../src/index.js";

const logger = silentLogger;

interface Host {
  readonly url: string;
  readonly close: () => Promise<unknown>;
}

/** A host of a shop, with its directory, over a memory that it shares with others. */
async function host(beside: MemoryMessageStore, port = 0): Promise<Host> {
  const store = new MemoryMessageStore({ beside });
  const common = (id: string): ChannelOptions => ({ id, store, logger, visibility: "public" });
  const system = new BaseSystem({ id: "shop", logger });
  system.addChannel(new DiscoveryChannel({ id: "discovery", store, logger, visibility: "public" }));
  system.addChannel(new PassthroughChannel(common("orders")));
  system.addChannel(new WorkQueueChannel(common("sums")));
  system.addChannel(new MailboxChannel(common("results")));
  system.expose<number[], number>({ name: "add", requests: "sums", replies: "results" }, (numbers) =>
    numbers.reduce((sum, one) => sum + one, 0),
  );
  const running = await system.publish({ transport: new HttpTransport({ port, logger, lameDuckMs: 0 }) });
  onTestFinished(async () => void (await running.close({ timeoutMs: 2_000 })));
  return { url: running.addresses[0] ?? "", close: () => running.close({ timeoutMs: 2_000 }) };
}

/** A port that nobody has now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  return port;
}

/** Two hosts, and a directory that knows both. What registered last is asked first: the second one. */
async function setting() {
  const store = new MemoryMessageStore();
  const hosts = [await host(store), await host(store)] as const;
  const urls = hosts.map(({ url }) => url);
  const discovery = new HttpChannel({ url: urls, id: "discovery", token: "clerk", logger });
  const connect = httpConnector({ token: "clerk", origins: urls, logger });
  return { hosts, directory: new Directory(discovery, "clerk", { connect, logger }) };
}

describe("a channel that was found at several hosts", () => {
  it("is used at whichever is there", async () => {
    const { hosts, directory } = await setting();
    const client = new ChannelClient("clerk");
    const orders = await client.connectFrom(directory, "orders");
    expect((await directory.getChannel("orders"))?.endpoints).toHaveLength(2);
    const seen: unknown[] = [];
    const subscription = await orders.subscribe("clerk", ({ content }) => void seen.push(content));
    await client.write("orders", "tea");
    await hosts[1].close();
    await client.write("orders", "milk");
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual(["tea", "milk"]);
    expect((await directory.getChannel("orders"))?.endpoints.map(({ url }) => new URL(url).origin)).toEqual([hosts[0].url]);
    await subscription.close();
  });

  it("is found again where it has moved to, by calls and by what goes on", async () => {
    const store = new MemoryMessageStore();
    const registry = new DiscoveryChannel({ id: "discovery", store: new MemoryMessageStore({ beside: store }), logger });
    await registry.start();
    onTestFinished(async () => void (await registry.drain()));
    const [before, port] = [await host(store), await freePort()];
    const origins = [before.url, `http://127.0.0.1:${port}`];
    const connect = httpConnector({ token: "clerk", origins, logger });
    const client = new ChannelClient("clerk");
    const orders = await client.connectFrom(new Directory(registry, "clerk", { connect, logger }), "orders");
    const seen: unknown[] = [];
    const subscription = await orders.subscribe("clerk", ({ content }) => void seen.push(content));
    await before.close();
    await host(store, port);
    await client.write("orders", "tea");
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual(["tea"]);
    await subscription.close();
  });

  it("is asked for at no host whose origin was not listed", async () => {
    const store = new MemoryMessageStore();
    const other = await host(store);
    const listed = await host(store);
    const asked = new Set<string>();
    const noting: typeof fetch = (input, init) => (asked.add(new URL(String(input)).origin), fetch(input, init));
    const discovery = new HttpChannel({ url: listed.url, id: "discovery", token: "clerk", logger });
    const connect = httpConnector({ token: "clerk", origins: [listed.url], fetch: noting, patienceMs: 0, logger });
    const client = new ChannelClient("clerk");
    await client.connectFrom(new Directory(discovery, "clerk", { connect, logger }), "orders");
    await client.write("orders", "tea");
    await listed.close();
    await expect(client.write("orders", "milk")).rejects.toMatchObject({ code: "transport_failed" });
    expect([asked.has(listed.url), asked.has(other.url)]).toEqual([true, false]);
  });
});

describe("a capability that several hosts have", () => {
  it("is called at whichever is there", async () => {
    const { hosts, directory } = await setting();
    const caller = new CapabilityCaller(directory, "clerk");
    onTestFinished(() => caller.close());
    expect(await caller.call<number>("add", [1, 2])).toBe(3);
    await hosts[1].close();
    expect(await caller.call<number>("add", [3, 4])).toBe(7);
    await expect.poll(() => caller.call<number>("add", [5, 6])).toBe(11);
  });
});
