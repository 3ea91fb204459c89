import { describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import {
  BaseSystem,
  ChannelClient,
  MemoryMessageStore,
  defineChannel,
  silentLogger,
  work,
  type ChannelMessage,
  type StandardSchema,
} from "@sssn/core";
import { HttpTransport } from "@sssn/transport-http";
import { HttpChannel, httpConnector } from "@sssn/transport-http/client";
import { Directory, DiscoveryChannel } from "../src/index.js";

interface Written {
  readonly price: string;
}
interface Order {
  readonly cents: number;
}

/** Makes of a price as people write it what programs reckon with. */
const schema: StandardSchema<Written, Order> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) => {
      const price = Number((value as Partial<Written> | null)?.price);
      return Number.isFinite(price)
        ? { value: { cents: Math.round(price * 100) } }
        : { issues: [{ message: "no price", path: ["price"] }] };
    },
  },
};
const orders = defineChannel({ id: "orders", kind: "work-queue", schema });
const logger = silentLogger;

async function shop(): Promise<{ readonly url: string; readonly client: ChannelClient }> {
  const store = new MemoryMessageStore();
  const system = new BaseSystem({ id: "shop", logger });
  system.addChannel(orders.create({ store, logger, visibility: "public", shared: true }));
  system.addChannel(new DiscoveryChannel({ id: "discovery", store, logger, visibility: "public" }));
  const running = await system.publish({ transport: new HttpTransport({ port: 0, logger, lameDuckMs: 0 }) });
  onTestFinished(() => running.close().then(() => undefined));
  return { url: running.addresses[0] ?? "", client: system.client };
}

function directoryAt(url: string): Directory {
  const discovery = new HttpChannel({ url, id: "discovery", token: "clerk", logger });
  return new Directory(discovery, "clerk", { connect: httpConnector({ token: "clerk", origins: [url], logger }), logger });
}

describe("a channel's contract", () => {
  it("gives writers what the schema takes and readers what it makes of it, here, remotely and found through discovery", async () => {
    const { url, client } = await shop();
    const clerk = new ChannelClient("clerk");
    const found = await clerk.connectFrom(directoryAt(url), orders);
    const remote = new HttpChannel({ url, contract: orders, token: "remote", logger });

    await client.write(orders, { price: "1.50" });
    await clerk.write(orders, { price: "2" });
    await remote.write("", { price: "3.25" });
    const seen = [await client.read(orders), await clerk.read(orders), await remote.read("")].map(({ messages }) =>
      messages.map(({ content }) => content.cents),
    );
    expect([remote.id, found.id, ...seen]).toEqual(["orders", "orders", [150, 200, 325], [150, 200, 325], [150, 200, 325]]);

    expectTypeOf(clerk.write<typeof orders>)
      .parameter(1)
      .toEqualTypeOf<Written>();
    expectTypeOf(found.write).parameter(1).toEqualTypeOf<Written>();
    expectTypeOf(remote.write).parameter(1).toEqualTypeOf<Written>();
    expectTypeOf<Awaited<ReturnType<typeof found.read>>["messages"][number]>().toEqualTypeOf<ChannelMessage<Order>>();
    expectTypeOf<Awaited<ReturnType<typeof remote.claim>>[number]["message"]["content"]>().toEqualTypeOf<Order>();
    // @ts-expect-error: an order is written with its price as a text
    await expect(clerk.write(orders, { price: ["none"] })).rejects.toMatchObject({ code: "content_rejected" });
  });

  it("types workers and subscribers, by the contract alone", async () => {
    const { url, client } = await shop();
    const [worked, heard]: [number[], number[]] = [[], []];
    const subscription = await client.subscribe(orders, ({ content }) => heard.push(content.cents));
    const worker = work(
      new HttpChannel({ url, contract: orders, token: "w", logger }),
      "w",
      ({ content }) => void worked.push(content.cents),
      { logger },
    );
    await client.write(orders, { price: "4" });
    await expect.poll(() => [worked, heard]).toEqual([[400], [400]]);
    await Promise.all([worker.close(), subscription.close()]);
  });

  it("is not taken for a channel of another kind", async () => {
    const { url } = await shop();
    const news = defineChannel<Order>({ id: "orders", kind: "broadcast" });
    await expect(new ChannelClient("clerk").connectFrom(directoryAt(url), news)).rejects.toMatchObject({
      code: "invalid_state",
      message: expect.stringMatching(/registered as work-queue/),
    });
  });

  it("has an id that is one, and makes no periodic channel, which has a source of its own", () => {
    expect(() => defineChannel({ id: "no id", kind: "broadcast" })).toThrow(expect.objectContaining({ code: "invalid_identifier" }));
    const samples = defineChannel<number>({ id: "samples", kind: "periodic" });
    expect(() => samples.create({ store: new MemoryMessageStore() })).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });
});
