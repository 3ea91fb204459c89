import { isSSSNError, silentLogger } from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { describe, expect, it } from "vitest";
import { HttpChannel } from "../src/client.js";
import { cuttingProxy, publish } from "./support/published.js";

const logger = silentLogger;

/** A fetch that notes what it is asked. */
function noting(): { readonly fetch: typeof fetch; readonly calls: { path: string; body: unknown; token: string | null }[] } {
  const calls: { path: string; body: unknown; token: string | null }[] = [];
  return {
    calls,
    fetch: (input, init) => {
      calls.push({
        path: new URL(String(input)).pathname,
        body: typeof init?.body === "string" ? JSON.parse(init.body) : undefined,
        token: new Headers(init?.headers).get("authorization"),
      });
      return fetch(input, init);
    },
  };
}

describe("writes of one client", () => {
  it("share requests while others are under way, and one alone goes alone", async () => {
    const host = await publish();
    const noted = noting();
    const orders = new HttpChannel({ url: host.url, id: "orders", token: await host.token("write"), fetch: noted.fetch, logger });
    await orders.write("", "alone");
    await Promise.all(Array.from({ length: 200 }, (_, index) => orders.write("", index)));
    expect(noted.calls.map(({ path }) => path)).toEqual(["/channels/orders/messages", "/channels/orders/messages/batch"]);
    expect((await host.system.client.read("orders", { after: 0, limit: 500 })).messages.map(({ content }) => content)).toEqual([
      "alone",
      ...Array.from({ length: 200 }, (_, index) => index),
    ]);
  });

  it("never make a request larger than a host takes", async () => {
    const host = await publish();
    const noted = noting();
    const orders = new HttpChannel({ url: host.url, id: "orders", token: await host.token("write"), fetch: noted.fetch, logger });
    await Promise.all(Array.from({ length: 12 }, () => orders.write("", "x".repeat(400_000))));
    for (const { body } of noted.calls) expect(JSON.stringify(body).length).toBeLessThan(1_100_000);
    expect((await host.system.client.read("orders", { after: 0 })).messages).toHaveLength(12);
  });
});

describe("a token source", () => {
  it("is asked again shortly before a token ends, once for all calls, and again when the host says that it has ended", async () => {
    const host = await publish();
    const clock = new VirtualClock(Date.now());
    let asked = 0;
    const orders = new HttpChannel({
      url: host.url,
      id: "orders",
      clock,
      logger,
      token: async () => {
        asked++;
        return host.security.generateToken({ systemId: "s", role: "read", channels: "*", expiresInSeconds: 600 });
      },
    });
    await Promise.all([orders.info(), orders.info(), orders.info()]);
    expect(asked).toBe(1);
    await clock.advance(560_000);
    await orders.info();
    expect(asked).toBe(1);
    await clock.advance(20_000);
    await Promise.all([orders.info(), orders.info()]);
    expect(asked).toBe(2);
  });

  it.each<[string, unknown, RegExp]>([
    ["none", undefined, /but got undefined/],
    ["an empty one", "", /but got an empty one/],
    ["one from a file, with its line break", "abc.def.ghi\n", /trim it/],
    ["a number", 7, /but got 7/],
  ])("that can never be sent is refused when the channel is made, and not after half a minute: %s", (_what, token, text) => {
    const make = (): unknown => new HttpChannel({ url: "http://127.0.0.1:1", id: "orders", token: token as string });
    expect(make).toThrow(expect.objectContaining({ code: "invalid_argument", message: expect.stringMatching(text) as string }));
    expect(make).not.toThrow(/abc/);
  });

  it("that fails says so, and is asked again by the next call", async () => {
    const host = await publish();
    let isDown = true;
    const token = await host.token("read");
    const orders = new HttpChannel({
      url: host.url,
      id: "orders",
      attempts: 1,
      logger,
      token: () => (isDown ? Promise.reject(new Error("the identity provider is down")) : token),
    });
    await expect(orders.info()).rejects.toMatchObject({
      code: "token_unavailable",
      cause: { message: "the identity provider is down" },
    });
    isDown = false;
    expect((await orders.info()).id).toBe("orders");
  });
});

describe("a call", () => {
  it("ends with its signal, and in its own time", async () => {
    const host = await publish();
    const hanging = new HttpChannel({
      url: host.url,
      id: "orders",
      token: "t",
      attempts: 1,
      logger,
      fetch: (_input, init) =>
        new Promise((_, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason as Error))),
    });
    const abort = new AbortController();
    const ended = hanging.with({ signal: abort.signal }).info();
    abort.abort(new Error("enough"));
    await expect(ended).rejects.toThrow("enough");
    await expect(hanging.with({ timeoutMs: 20 }).info()).rejects.toMatchObject({ code: "timeout" });
  });

  it("is not repeated where that can't help, and waits as long as the host asks where it can", async () => {
    const clock = new VirtualClock();
    const answers = [
      new Response(JSON.stringify({ code: "backpressure", detail: "full" }), { status: 429, headers: { "retry-after": "7" } }),
      Response.json({ id: "orders" }),
    ];
    let calls = 0;
    const orders = new HttpChannel({
      url: "http://host:1",
      id: "orders",
      token: "t",
      clock,
      logger,
      fetch: async () => (calls++, answers.shift() ?? Response.json({ code: "invalid_argument" }, { status: 400 })),
    });
    const asked = orders.info();
    await clock.advance(6_900);
    expect(calls).toBe(1);
    await clock.advance(200);
    expect((await asked).id).toBe("orders");
    await expect(orders.info()).rejects.toSatisfy((error: unknown) => isSSSNError(error, "invalid_argument"));
    expect(calls).toBe(3);
  });
});

describe("a stream through cuts at random places", () => {
  it("has no gap and no repeat", async () => {
    const host = await publish();
    const proxy = await cuttingProxy(host.url, () => 200 + Math.floor(Math.random() * 1_500));
    const news = new HttpChannel<number>({ url: proxy.url, id: "news", token: await host.token("read"), logger });
    const seen: number[] = [];
    const subscription = await news.subscribe("", ({ content }) => void seen.push(content));
    for (let from = 0; from < 1_000; from += 10)
      await host.system.client.writeBatch(
        "news",
        Array.from({ length: 10 }, (_, index) => ({ content: from + index })),
      );
    await expect.poll(() => seen.length, { timeout: 50_000 }).toBe(1_000);
    expect(seen).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
    expect(proxy.cuts()).toBeGreaterThan(100);
    await subscription.close();
  });
});
