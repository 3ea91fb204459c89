import {
  BaseSystem,
  ForeignAddress,
  MemoryMessageStore,
  PassthroughChannel,
  WorkQueueChannel,
  SSSNError,
  silentLogger,
  systemClock,
  work,
  type ErrorCode,
} from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { HttpTransport } from "../src/index.js";
import { HttpChannel, type HttpChannelOptions } from "../src/client.js";
import { toProblem } from "../src/protocol/problem.js";

const logger = silentLogger;

interface Host {
  readonly url: string;
  readonly close: () => Promise<unknown>;
}

/** A host of two channels over a memory that it shares with others. */
async function host(beside: MemoryMessageStore, port = 0): Promise<Host> {
  const store = new MemoryMessageStore({ beside });
  const system = new BaseSystem({ id: "shop", logger });
  system.addChannel(new PassthroughChannel({ id: "orders", store, logger, visibility: "public" }));
  system.addChannel(new WorkQueueChannel({ id: "jobs", store, logger, visibility: "public", shared: true }));
  const running = await system.publish({ transport: new HttpTransport({ port, logger, lameDuckMs: 0 }) });
  onTestFinished(async () => void (await running.close({ timeoutMs: 2_000 })));
  return { url: running.addresses[0] ?? "", close: () => running.close({ timeoutMs: 2_000 }) };
}

/** Two hosts, and a client whose clock stands still: what goes on to the next address does not wait for it. */
async function setting() {
  const store = new MemoryMessageStore();
  const [first, second] = [await host(store), await host(store)];
  const clock = new VirtualClock();
  const asked: string[] = [];
  const name = (url: string): string => (url.startsWith(first.url) ? "first" : "second");
  const noting: typeof fetch = (input, init) => (asked.push(name(String(input))), fetch(input, init));
  const channel = (id: string, more: Partial<HttpChannelOptions> = {}) =>
    new HttpChannel({ url: [first.url, second.url], id, token: "client", clock, logger, fetch: noting, ...more });
  return { store, first, second, clock, asked, name, channel };
}

/** What was asked since the last time. */
const take = (asked: string[]): readonly string[] => asked.splice(0);

/** A client of two hosts that answer what they are told to. */
function invented(
  answers: { first: () => Promise<Response> | Response; second: () => Promise<Response> | Response },
  more: Partial<HttpChannelOptions> = {},
) {
  const clock = new VirtualClock();
  const asked: string[] = [];
  const ask: typeof fetch = async (input, init) => {
    const name = new URL(String(input)).hostname as "first" | "second";
    asked.push(name);
    return Promise.race([
      Promise.resolve(answers[name]()),
      new Promise<never>((_, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason as Error))),
    ]);
  };
  const url = ["http://first:1", "http://second:1"];
  return { clock, asked, orders: new HttpChannel({ url, id: "orders", token: "t", clock, logger, fetch: ask, ...more }) };
}

const good = (): Response => Response.json({ id: "orders" });
const never = (): Promise<Response> => new Promise(() => undefined);
const refusal = (code: ErrorCode) => (): Response => {
  const problem = toProblem(new SSSNError(code, "no"));
  return Response.json(problem, { status: problem.status });
};

describe("a client that has several addresses", () => {
  it("take nothing for done that a server answers which speaks something else", async () => {
    const receipt = { id: "x", sequence: 7, duplicate: false };
    for (const strange of [null, [], "ok", {}, { status: "ok" }]) {
      const { asked, orders } = invented({ first: () => Response.json(strange), second: () => Response.json(receipt) });
      expect([await orders.write("", { item: "tea" }), asked]).toEqual([receipt, ["first", "second"]]);
      const alone = invented({ first: () => Response.json(strange), second: () => Response.json(strange) }, { patienceMs: 0 }).orders;
      const strangers = [
        alone.writeBatch("", [{ content: 1 }]),
        alone.claim(""),
        alone.acknowledge("", ["r"]),
        alone.read(""),
        alone.commit("", 1),
        alone.positions(""),
      ];
      for (const call of strangers) await expect(call).rejects.toMatchObject({ code: "transport_failed", details: { outcome: "unknown" } });
    }
  });

  it("vouch for others at the same origin only where they may be sent the token themselves", () => {
    const url = ["http://first:1", new ForeignAddress("http://stranger:1")];
    const originsOf = (origins: readonly string[]) => new HttpChannel({ url, id: "d", token: "t", origins }).origins;
    expect(originsOf(["http://first:1"])).toEqual(["http://first:1"]);
    expect(originsOf(["http://elsewhere:1"])).toEqual([]);
  });

  it("are told apart where a name can't be decoded", () => {
    const url = "http://first:1/channels/%E0%A4%A";
    expect(() => new HttpChannel({ url, token: "t" })).toThrow(expect.objectContaining({ code: "invalid_identifier" }));
  });

  it("asks the first one; goes on to the next at once when nobody is there, leaves it alone for a while, and comes back", async () => {
    const { store, first, clock, asked, channel } = await setting();
    const orders = channel("orders");
    await orders.write("", 1);
    expect(take(asked)).toEqual(["first"]);
    await first.close();
    await orders.write("", 2);
    expect(take(asked)).toEqual(["first", "second"]);
    await clock.advance(999);
    await orders.write("", 3);
    expect(take(asked)).toEqual(["second"]);
    await clock.advance(1);
    await orders.write("", 4);
    expect(take(asked)).toEqual(["first", "second"]);
    // It rests for longer now.
    await clock.advance(1_999);
    await orders.write("", 5);
    expect(take(asked)).toEqual(["second"]);
    const again = await host(store, Number(new URL(first.url).port));
    await clock.advance(1);
    await orders.write("", 6);
    expect(take(asked)).toEqual(["first"]);
    // What was before it worked again is forgotten.
    await again.close();
    await orders.write("", 7);
    await clock.advance(1_000);
    await orders.info();
    expect(take(asked)).toEqual(["first", "second", "first", "second"]);
    expect((await orders.read("", { after: 0 })).messages.map(({ content }) => content)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it.each<[string, () => Response]>([
    ["ends", refusal("channel_not_running")],
    ["has no store any more", refusal("store_closed")],
    ["has a store that does not answer", refusal("store_unavailable")],
    ["is behind a proxy that does not reach it", () => new Response("<h1>Bad gateway</h1>", { status: 502 })],
  ])("goes on where a host %s", async (_what, first) => {
    const { orders, asked } = invented({ first, second: good });
    expect((await orders.info()).id).toBe("orders");
    expect((await orders.info()).id).toBe("orders");
    expect(asked).toEqual(["first", "second", "second"]);
  });

  it.each<ErrorCode>(["invalid_argument", "insufficient_role", "position_conflict", "channel_not_found"])(
    "takes %s for an answer, which another host would give as well",
    async (code) => {
      const { orders, asked } = invented({ first: refusal(code), second: good });
      await expect(orders.info()).rejects.toMatchObject({ code });
      expect(asked).toEqual(["first"]);
    },
  );

  it("asks all of them again after a pause, the longest rested first, and says in the end what the last one did", async () => {
    const down = (): Promise<Response> => Promise.reject(new TypeError("refused"));
    const answers = { first: down, second: down as () => Promise<Response> | Response };
    const { orders, asked, clock } = invented(answers);
    const call = orders.info();
    await clock.advance(0);
    expect(take(asked)).toEqual(["first", "second"]);
    await clock.advance(150);
    expect(take(asked)).toEqual(["first"]);
    answers.second = good;
    await clock.advance(1_000);
    expect((await call).id).toBe("orders");
    expect(take(asked)).toEqual(["second"]);
    answers.second = refusal("store_closed");
    await expect(orders.info()).rejects.toMatchObject({ code: "store_closed" });
  });

  it("waits for a silent host as long as for any, and less when it asks whether it speaks again", async () => {
    const { orders, asked, clock } = invented({ first: never, second: good });
    let answered = 0;
    const call = (): void => void orders.info().then(() => answered++);
    call();
    await clock.advance(29_999);
    expect([take(asked), answered]).toEqual([["first"], 0]);
    await clock.advance(1);
    expect([take(asked), answered]).toEqual([["second"], 1]);
    await clock.advance(1_000);
    call();
    await clock.advance(1_999);
    expect([take(asked), answered]).toEqual([["first"], 1]);
    await clock.advance(1);
    expect([take(asked), answered]).toEqual([["second"], 2]);
  });

  it("counts as one failure what many calls meet at once", async () => {
    const { orders, asked, clock } = invented({ first: never, second: good });
    const calls = Array.from({ length: 10 }, () => orders.info());
    await clock.advance(30_000);
    await Promise.all(calls);
    take(asked);
    await clock.advance(1_000);
    void orders.info();
    await clock.advance(0);
    expect(asked).toEqual(["first"]);
    await clock.advance(2_000);
  });

  it("is cut off only when no host is reached", async () => {
    const down = (): Promise<Response> => Promise.reject(new TypeError("refused"));
    const answers: Parameters<typeof invented>[0] = { first: down, second: good };
    const { orders, clock } = invented(answers);
    const told: string[] = [];
    orders.events.on("connection", (state) => told.push(state));
    await orders.info();
    expect([told, orders.isReachable]).toEqual([[], true]);
    answers.second = down;
    const call = orders.info();
    await clock.advance(1_500);
    expect([told, orders.isReachable]).toEqual([["lost"], false]);
    answers.first = good;
    await clock.advance(5_000);
    await call;
    expect([told, orders.isReachable]).toEqual([["lost", "restored"], true]);
  });

  it("sends its token to none that it may not have it, and to nobody where it may go nowhere", async () => {
    const { first, second, asked, channel } = await setting();
    const foreign = [new ForeignAddress(first.url), new ForeignAddress(second.url)];
    await channel("orders", { url: foreign, origins: [second.url] }).info();
    expect(take(asked)).toEqual(["second"]);
    await expect(channel("orders", { url: foreign, origins: ["http://elsewhere.example"] }).info()).rejects.toMatchObject({
      code: "origin_not_allowed",
    });
    await channel("orders", { url: [...foreign, second.url] }).info();
    expect(take(asked)).toEqual(["second"]);
  });

  it("takes addresses of one channel, one at least", () => {
    const options = { token: "t", logger };
    for (const url of [[], ["http://a/channels/x", "http://b/channels/y"]])
      expect(() => new HttpChannel({ url, ...options })).toThrow(expect.objectContaining({ code: "invalid_argument" }) as Error);
    const channel = new HttpChannel({ url: ["http://a:1/channels/x", "http://b:2/channels/x"], ...options });
    expect([channel.id, channel.origins]).toEqual(["x", ["http://a:1", "http://b:2"]]);
  });
});

describe("a client that is told where to find a channel's hosts", () => {
  const down = (): Promise<Response> => Promise.reject(new TypeError("refused"));

  it("asks when none is left, and goes on there", async () => {
    let found: readonly string[] = ["http://first:1"];
    let times = 0;
    const findAddresses = (): Promise<readonly string[]> => (times++, Promise.resolve(found));
    const answers: Parameters<typeof invented>[0] = { first: good, second: good };
    const { orders, asked, clock } = invented(answers, { url: ["http://first:1"], findAddresses });
    await orders.info();
    expect(times).toBe(0);
    answers.first = down;
    const call = orders.info();
    await clock.advance(40);
    expect([times, take(asked)]).toEqual([1, ["first", "first"]]);
    found = ["http://second:1", "http://first:1"];
    await clock.advance(10_000);
    expect((await call).id).toBe("orders");
    expect([times, asked]).toEqual([2, ["first", "second"]]);
  });

  it.each<[string, () => Promise<readonly (string | ForeignAddress)[]>]>([
    ["fails", () => Promise.reject(new Error("no directory either"))],
    ["knows none", () => Promise.resolve([])],
    ["never answers", () => new Promise(() => undefined)],
    ["names one that may not have the token", () => Promise.resolve([new ForeignAddress("http://second:1")])],
    ["names one of another channel", () => Promise.resolve(["http://first:1/channels/orders", "http://second:1/channels/prices"])],
  ])("stays with those that it knows where who is asked %s", async (_what, findAddresses) => {
    const answers: Parameters<typeof invented>[0] = { first: down, second: good };
    const { orders, asked, clock } = invented(answers, { url: ["http://first:1"], origins: ["http://first:1"], findAddresses });
    const call = orders.info();
    await clock.advance(1_000);
    answers.first = good;
    await clock.advance(5_000);
    expect((await call).id).toBe("orders");
    expect([...new Set(asked)]).toEqual(["first"]);
  });
});

describe("what a host has done whose answer was lost", () => {
  /** Asks, and loses what the first host answers. */
  async function losing() {
    const known = await setting();
    const lossy: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (known.name(String(input)) === "second") return response;
      await response.text();
      throw new TypeError("the connection was reset");
    };
    return { ...known, channel: (id: string) => known.channel(id, { fetch: lossy }) };
  }

  it("is not done again by the next one: a write is stored once", async () => {
    const { channel } = await losing();
    const orders = channel("orders");
    const receipts = [await orders.write("", "tea"), ...(await orders.writeBatch("", [{ content: "milk" }, { content: "sugar" }]))];
    expect(receipts.map(({ sequence, duplicate }) => [sequence, duplicate])).toEqual([
      [1, true],
      [2, false],
      [3, false],
    ]);
    expect((await orders.read("", { after: 0 })).messages.map(({ content }) => content)).toEqual(["tea", "milk", "sugar"]);
  });

  it("is not done again by the next one: what was claimed is handed over", async () => {
    const { channel } = await losing();
    const jobs = channel("jobs");
    await jobs.writeBatch("", [{ content: 1 }, { content: 2 }]);
    await jobs.stats();
    const claims = await channel("jobs").claim("", { limit: 1 });
    expect(claims.map(({ message }) => message.content)).toEqual([1]);
    expect((await jobs.stats()).groups).toMatchObject([{ claimed: 1, ready: 1 }]);
    const results = await channel("jobs").acknowledge(
      "",
      claims.map(({ receipt }) => receipt),
    );
    expect(results.map(({ status }) => status)).toEqual(["already_acknowledged"]);
  });
});

describe("what goes on at a host that ends", () => {
  it("goes on at the next one: a subscription has no gap and no repeat", async () => {
    const { first, channel } = await setting();
    const [reading, writing] = [channel("orders", { clock: systemClock }), channel("orders", { clock: systemClock })];
    const seen: unknown[] = [];
    const subscription = await reading.subscribe("", ({ content }) => void seen.push(content), { from: "start" });
    const numbers = Array.from({ length: 60 }, (_, index) => index);
    for (const number of numbers) {
      if (number === 20) await first.close();
      await writing.write("", number);
    }
    await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(60);
    expect(seen).toEqual(numbers);
    await subscription.close();
  });

  it("goes on at the next one: work is done, each job once", async () => {
    const { first, channel } = await setting();
    const jobs = channel("jobs", { clock: systemClock });
    const done: unknown[] = [];
    const worker = work(jobs, "w", ({ content }) => void done.push(content), { logger });
    const numbers = Array.from({ length: 40 }, (_, index) => index);
    for (const number of numbers) {
      if (number === 20) await first.close();
      await jobs.write("", number);
    }
    await expect.poll(() => done.length, { timeout: 20_000 }).toBe(40);
    expect(new Set(done).size).toBe(40);
    await worker.close();
  });

  const message = { id: "m1", sequence: 1, senderId: "s", timestamp: 1, content: "tea", metadata: {} };
  const position = 'event: position\nid: 0@log\ndata: {"position":0,"log":"log"}';
  const tea = `event: message\nid: 1@log\ndata: ${JSON.stringify(message)}`;
  /** Answers with events, and with nothing more. */
  const stream =
    (events: readonly string[], opened: (controller: ReadableStreamDefaultController) => void = () => undefined) =>
    (): Response =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode(`${events.join("\n\n")}\n\n`));
            opened(controller);
          },
        }),
        { headers: { "content-type": "text/event-stream" } },
      );

  it("begins at the next one at once where nobody is at the first", async () => {
    const { orders, asked, clock } = invented({ first: refusal("channel_not_running"), second: stream([position, tea]) });
    const seen: unknown[] = [];
    const subscription = await orders.subscribe("", ({ content }) => void seen.push(content), { from: "start" });
    await clock.advance(0);
    expect([asked, seen]).toEqual([["first", "second"], ["tea"]]);
    await subscription.close();
  });

  it("follows the next one where a stream has fallen silent, and does not wait for a silent one for long again", async () => {
    let end = (): void => {};
    const answers: Parameters<typeof invented>[0] = {
      first: stream([position]),
      second: stream([position, tea], (controller) => (end = () => controller.close())),
    };
    const { orders, asked, clock } = invented(answers);
    const seen: unknown[] = [];
    const subscription = await orders.subscribe("", ({ content }) => void seen.push(content), { from: "start" });
    await clock.advance(44_999);
    expect(asked).toEqual(["first"]);
    await clock.advance(100);
    expect([asked, seen]).toEqual([["first", "second"], ["tea"]]);
    answers.first = never;
    await clock.advance(5_000);
    end();
    await clock.advance(1_500);
    expect(asked).toEqual(["first", "second", "first"]);
    await clock.advance(1_000);
    expect(asked).toEqual(["first", "second", "first", "second"]);
    await subscription.close();
  });
});
