import { once } from "node:events";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { BaseSystem, MemoryMessageStore, PassthroughChannel, WorkQueueChannel, isSSSNError, silentLogger } from "@sssn/core";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { describe, expect, it, onTestFinished } from "vitest";
import { HttpChannel, httpConnector } from "../src/client.js";
import { HttpTransport } from "../src/index.js";
import { SECRET, publish, post } from "./support/published.js";

const logger = silentLogger;

/** A request whose Host and Origin are as given. */
function ask(url: string, headers: Record<string, string>, path = "/channels"): Promise<number> {
  return new Promise((resolve, reject) => {
    request(`${url}${path}`, { headers: { connection: "close", ...headers } }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode ?? 0));
    })
      .once("error", reject)
      .end();
  });
}

async function socketTo(url: string, text: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => {}).resume();
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  if (text !== "") socket.write(text);
  return socket;
}

describe("a host on this machine", () => {
  it("answers to its own names and to those that were allowed, and to no name that a page may have made up", async () => {
    const host = await publish({ allowedHosts: ["station.example"] });
    const { port } = new URL(host.url);
    const statuses = await Promise.all(
      [
        `127.0.0.1:${port}`,
        "localhost",
        `[::1]:${port}`,
        "station.example",
        "STATION.example:80",
        "rebound.example",
        "127.0.0.1.rebound.example",
        "localhost.",
        "x@localhost",
      ].map((name) => ask(host.url, { host: name })),
    );
    expect(statuses).toEqual([401, 401, 401, 401, 401, 421, 421, 421, 421]);
  });

  it("is called by no page of another site, and looked after by whoever asks for its health", async () => {
    const host = await publish({ corsOrigins: ["https://app.example"] });
    const from = (origin: string): Promise<number> => ask(host.url, { origin });
    expect([await from("https://app.example"), await from(host.url), await from("http://evil.example"), await from("null")]).toEqual([
      401, 401, 403, 403,
    ]);
    expect(await ask(host.url, { host: "10.0.0.7" }, "/healthz")).toBe(200);
  });

  it("refuses more headers than it judges, and drops none without a word", async () => {
    const host = await publish();
    const many = Object.fromEntries(Array.from({ length: 1_100 }, (_, index) => [`x-${index}`, "1"]));
    expect([await ask(host.url, many), await ask(host.url, Object.fromEntries(Object.entries(many).slice(0, 150)))]).toEqual([431, 401]);
  });

  it("works behind a body parser on its application, and says so in words where one left nothing", async () => {
    const security = new JWTChannelSecurity({ secret: SECRET });
    const statuses: unknown[] = [];
    for (const keeps of [true, false]) {
      const system = new BaseSystem({ id: "s", logger });
      system.addChannel(new PassthroughChannel({ id: "orders", store: new MemoryMessageStore(), security, logger, visibility: "public" }));
      const transport = new HttpTransport({ port: 0, logger });
      transport.app.use(async (incoming, _response, next) => {
        const chunks: Buffer[] = [];
        for await (const chunk of incoming) chunks.push(chunk as Buffer);
        if (keeps) Object.assign(incoming, { body: JSON.parse(Buffer.concat(chunks).toString()) as unknown });
        next();
      });
      await using running = await system.publish({ transport });
      const token = await security.generateToken({ systemId: "w", role: "write", channels: "*" });
      const response = await fetch(`${running.addresses[0]}/channels/orders/messages`, {
        ...post({ content: 1 }),
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      });
      statuses.push([response.status, ((await response.json()) as { code?: string }).code]);
    }
    expect(statuses).toEqual([
      [201, undefined],
      [409, "invalid_state"],
    ]);
  });
});

describe("a host that is stopped", () => {
  it("says first that it is not ready, while it answers what comes, and closes each connection with its answer", async () => {
    const system = new BaseSystem({ id: "s", logger });
    system.addChannel(new PassthroughChannel({ id: "orders", store: new MemoryMessageStore(), logger, visibility: "public" }));
    const running = await system.publish({ transport: new HttpTransport({ port: 0, logger, lameDuckMs: 2_000 }) });
    const url = running.addresses[0] ?? "";
    const closing = running.close({ timeoutMs: 20_000 });
    await expect.poll(() => fetch(`${url}/readyz`).then(({ status }) => status)).toBe(503);
    const late = await fetch(`${url}/channels/orders/messages`, {
      ...post({ content: 1 }),
      headers: { authorization: "Bearer w", "content-type": "application/json" },
    });
    expect([late.status, late.headers.get("connection")]).toEqual([201, "close"]);
    expect((await closing).clean).toBe(true);
  });

  it("says so when its lame-duck phase does not fit into the shutdown", async () => {
    const lines: string[] = [];
    const told = { ...silentLogger, warn: (_fields: object, message: string) => void lines.push(message) };
    const system = new BaseSystem({ id: "s", logger });
    const running = await system.publish({ transport: new HttpTransport({ port: 0, logger: told, lameDuckMs: 3_600_000 }) });
    await running.close({ timeoutMs: 200 });
    expect(lines).toEqual([expect.stringMatching(/lameDuckMs is cut to \d+ ms/)]);
  });

  it("waits for no stranger: nothing sent, half a head, half a body, a stream that nobody reads", async () => {
    const system = new BaseSystem({ id: "s", logger });
    system.addChannel(new PassthroughChannel({ id: "news", store: new MemoryMessageStore(), logger, visibility: "public" }));
    const running = await system.publish({ transport: new HttpTransport({ port: 0, logger }) });
    const url = running.addresses[0] ?? "";
    const head =
      "POST /channels/news/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\n";
    const texts = [
      "",
      "GE",
      head,
      `${head}Content-Length: 10\r\n\r\n{"con`,
      "GET /channels/news/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n",
    ];
    const sockets = await Promise.all(texts.map((text) => socketTo(url, text)));
    sockets.at(-1)?.pause();
    let saved = false;
    system.onShutdown = () => (saved = true);
    expect([(await running.close({ timeoutMs: 20_000 })).clean, saved]).toEqual([true, true]);
  });
});

describe("a token", () => {
  it("goes to no address that somebody else has said, unless its origin was allowed", async () => {
    const host = await publish();
    const token = await host.token("admin");
    const { ForeignAddress } = await import("@sssn/core");
    const said = new ForeignAddress(`${host.url}/channels/orders`);
    const sent: unknown[] = [];
    const spying: typeof fetch = (input, init) => {
      sent.push(input);
      return fetch(input, init);
    };
    const codeOf = (channel: HttpChannel): Promise<string> =>
      channel.info().then(
        () => "reached",
        (error: unknown) => (isSSSNError(error) ? error.code : ""),
      );
    expect(await codeOf(new HttpChannel({ url: said, token, fetch: spying, logger }))).toBe("origin_not_allowed");
    expect(await codeOf(new HttpChannel({ url: said, token, origins: ["https://other.example"], fetch: spying, logger }))).toBe(
      "origin_not_allowed",
    );
    expect(sent).toEqual([]);
    const connect = httpConnector({ token, origins: [host.url], fetch: spying, logger });
    expect(await codeOf(connect({ transport: "http", url: said }, { id: "orders" }))).toBe("reached");
  });

  it("that its source gives too late, or not as a token is, is said to be unavailable, without a part of it", async () => {
    const host = await publish();
    const errors: string[] = [];
    for (const token of [
      () => "first\nsecond-half",
      () => "",
      () => null as never,
      () => Promise.reject(new Error("vault: s3cr3t")),
      () => new Promise<string>(() => {}),
    ]) {
      const channel = new HttpChannel({ url: host.url, id: "orders", token, attempts: 1, timeoutMs: 200, logger });
      await channel.info().catch((error: unknown) => errors.push(isSSSNError(error) ? `${error.code} ${error.message}` : String(error)));
    }
    expect(errors).toHaveLength(5);
    for (const text of errors) {
      expect(text).toMatch(/^token_unavailable /);
      expect(text).not.toMatch(/second-half|s3cr3t/);
    }
  });
});

/** A published channel of three messages, as its host and as a reader sees it. */
async function threeMessages() {
  const store = new MemoryMessageStore();
  const system = new BaseSystem({ id: "s", logger });
  const channel = system.addChannel(new PassthroughChannel<number>({ id: "news", store, logger, visibility: "public" }));
  const running = await system.publish({ transport: new HttpTransport({ port: 0, logger }) });
  onTestFinished(async () => void (await running.close({ timeoutMs: 2_000 })));
  for (const content of [1, 2, 3]) await channel.write("w", content);
  const remote = new HttpChannel<number>({ url: running.addresses[0] ?? "", id: "news", token: "reader", logger });
  const { log } = await remote.positions("reader");
  return { store, channel, remote, log };
}

describe("a remote channel whose host goes and comes", () => {
  it("tells when its host is lost and restored, and its durable subscription goes on", async () => {
    const store = new MemoryMessageStore();
    const start = async (port: number) => {
      const system = new BaseSystem({ id: "s", logger });
      const channel = system.addChannel(new PassthroughChannel({ id: "news", store, logger, visibility: "public" }));
      return { channel, running: await system.publish({ transport: new HttpTransport({ port, logger }) }) };
    };
    let host = await start(0);
    const port = Number(new URL(host.running.addresses[0] ?? "").port);
    const remote = new HttpChannel<number>({ url: `http://127.0.0.1:${port}`, id: "news", token: "reader", logger });
    const told: string[] = [];
    remote.events.on("connection", (state) => told.push(state));
    const seen: number[] = [];
    const subscription = await remote.subscribe("reader", ({ content }) => void seen.push(content), { cursor: "c", from: "start" });
    onTestFinished(() => subscription.close());
    await host.channel.write("w", 1);
    await expect.poll(() => seen).toEqual([1]);
    await host.running.close({ timeoutMs: 2_000 });
    await expect.poll(() => told).toEqual(["lost"]);
    expect(remote.isReachable).toBe(false);
    host = await start(port);
    onTestFinished(async () => void (await host.running.close({ timeoutMs: 2_000 })));
    await host.channel.write("w", 2);
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual([1, 2]);
    expect(told).toEqual(["lost", "restored"]);
    await expect.poll(async () => (await remote.positions("", { cursor: "c" })).cursor).toBe(2);
  });

  it("is told when the log at the old address is another one, or begins anew where it said so", async () => {
    const start = async (port: number) => {
      const system = new BaseSystem({ id: "s", logger });
      const channel = system.addChannel(
        new PassthroughChannel({ id: "news", store: new MemoryMessageStore(), logger, visibility: "public" }),
      );
      return { channel, running: await system.publish({ transport: new HttpTransport({ port, logger }) }) };
    };
    let host = await start(0);
    const port = Number(new URL(host.running.addresses[0] ?? "").port);
    const remote = new HttpChannel<number>({ url: `http://127.0.0.1:${port}`, id: "news", token: "reader", logger });
    const seen: number[] = [];
    await host.channel.write("w", 1);
    const ended = await remote.subscribe("reader", () => {});
    const anew = await remote.subscribe("reader", ({ content }) => void seen.push(content), { from: "start", ifReplaced: "start" });
    onTestFinished(() => anew.close());
    const { position, log } = await remote.read("reader", { after: 0 });
    await host.running.close({ timeoutMs: 2_000 });
    host = await start(port);
    onTestFinished(async () => void (await host.running.close({ timeoutMs: 2_000 })));
    await host.channel.write("w", 10);
    await expect(ended.closed).rejects.toMatchObject({ code: "log_replaced" });
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual([1, 10]);
    await expect(remote.read("reader", { after: position, log })).rejects.toMatchObject({ code: "log_replaced" });
    await expect(remote.commit("reader", 1, { log })).rejects.toMatchObject({ code: "log_replaced" });
  });

  it("tells who follows from afar that messages were lost; one that wants that goes on behind what was not, and one that had not come so far notices nothing", async () => {
    const { store, channel, remote, log } = await threeMessages();
    const seen: Record<string, number[]> = { ends: [], goesOn: [], early: [] };
    const ends = await remote.subscribe("reader", ({ content }) => void seen["ends"]?.push(content), { from: "start" });
    const goesOn = await remote.subscribe("reader", ({ content }) => void seen["goesOn"]?.push(content), {
      from: "start",
      ifReplaced: "start",
    });
    onTestFinished(() => goesOn.close());
    await expect.poll(() => seen).toEqual({ ends: [1, 2, 3], goesOn: [1, 2, 3], early: [] });
    store.rewind("news", 2);
    const early = await remote.subscribe("reader", ({ content }) => void seen["early"]?.push(content), { from: { after: 1 }, log });
    onTestFinished(() => early.close());
    await expect(ends.closed).rejects.toMatchObject({ code: "log_rewound", details: { last: 2 } });
    await channel.write("w", 30);
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual({ ends: [1, 2, 3], goesOn: [1, 2, 3, 30], early: [2, 30] });
    await expect(remote.read("reader", { after: 3, log })).rejects.toMatchObject({ code: "log_rewound", details: { last: 2 } });
    store.rewind("news", 3);
    await channel.write("w", 40);
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual({ ends: [1, 2, 3], goesOn: [1, 2, 3, 30, 40], early: [2, 30, 40] });
  });

  it("begins from afar as it does here, where the position is one that was lost; and a cursor goes on in the log that was set back", async () => {
    const { store, channel, remote, log } = await threeMessages();
    const seen: Record<string, number[]> = { keeps: [], late: [] };
    const keeps = await remote.subscribe("reader", ({ content }) => void seen["keeps"]?.push(content), {
      from: "start",
      cursor: "keeps",
      ifReplaced: "start",
    });
    onTestFinished(() => keeps.close());
    await expect.poll(async () => (await channel.positions("reader", { cursor: "keeps" })).cursor).toBe(3);
    store.rewind("news", 2);
    for (const content of [30, 40]) await channel.write("w", content);
    const lost = { from: { after: 3 }, log } as const;
    await expect(remote.subscribe("reader", () => {}, lost)).rejects.toMatchObject({ code: "log_rewound", details: { last: 2 } });
    const late = await remote.subscribe("reader", ({ content }) => void seen["late"]?.push(content), { ...lost, ifReplaced: "start" });
    onTestFinished(() => late.close());
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual({ keeps: [1, 2, 3, 30, 40], late: [30, 40] });
    await expect.poll(async () => (await channel.positions("reader", { cursor: "keeps" })).cursor).toBe(4);
  });

  it("gives a claim whose answer was lost to whoever repeats the call", async () => {
    const system = new BaseSystem({ id: "s", logger });
    const jobs = system.addChannel(new WorkQueueChannel({ id: "jobs", store: new MemoryMessageStore(), logger, visibility: "public" }));
    await using running = await system.publish({ transport: new HttpTransport({ port: 0, logger }) });
    await jobs.write("w", 1);
    let lost = 1;
    const losing: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (lost-- > 0) throw new TypeError("fetch failed");
      return response;
    };
    const remote = new HttpChannel({ url: running.addresses[0] ?? "", id: "jobs", token: "worker", fetch: losing, logger });
    const [claim] = await remote.claim("");
    expect([claim?.deliveries, (await remote.acknowledge("", [claim?.receipt ?? ""]))[0]?.status]).toEqual([1, "acknowledged"]);
  });
});
