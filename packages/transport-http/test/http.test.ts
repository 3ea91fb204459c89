import { createServer } from "node:net";
import {
  ACLSecurity,
  BaseSystem,
  ChannelClient,
  MemoryMessageStore,
  OpenSecurity,
  PassthroughChannel,
  Visibility,
  isSSSNError,
  silentLogger,
  work,
  type BaseChannel,
  type ErrorCode,
} from "@sssn/core";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { describe, expect, it, onTestFinished } from "vitest";
import { HttpTransport } from "../src/index.js";
import { HttpChannel } from "../src/client.js";
import { SECRET, cuttingProxy, post, publish, rawRequest } from "./support/published.js";

const logger = silentLogger;

async function codeOf(call: Promise<unknown>): Promise<ErrorCode | undefined> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return isSSSNError(error) ? error.code : undefined;
}

const code = (body: unknown): unknown => (body as { code?: unknown } | undefined)?.code;

describe("tokens over HTTP", () => {
  it("are required by every route, and refused for the right reason [G3.1] [G3.2] [W30]", async () => {
    const host = await publish();
    const expired = await new JWTChannelSecurity({
      secret: SECRET,
      clock: { now: () => 0, monotonic: () => 0, schedule: () => () => undefined },
    }).generateToken({ systemId: "s", role: "admin", channels: "*" });
    const foreign = await new JWTChannelSecurity({ secret: `${SECRET}x` }).generateToken({ systemId: "s", role: "admin", channels: "*" });
    const cases: [string | undefined, number, string][] = [
      [undefined, 401, "token_missing"],
      ["garbage", 401, "token_invalid"],
      [expired, 401, "token_expired"],
      [foreign, 401, "token_invalid"],
      [await host.token("admin", ["news"]), 403, "insufficient_scope"],
      [await host.token("read", ["orders"]), 403, "insufficient_role"],
    ];
    for (const [token, status, expected] of cases) {
      const answer = await host.fetch("/channels/orders/messages", token, post({ content: 1 }));
      expect([answer.status, code(answer.body)]).toEqual([status, expected]);
      expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
      if (status === 401) expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer/);
    }
    expect((await host.system.client.read("orders", { after: 0 })).messages).toEqual([]);
  });

  it("make the sender: nothing in a body can forge it [W22]", async () => {
    const host = await publish();
    const token = await host.token("write", ["orders"], "intern");
    for (const forged of [{ senderId: "ceo" }, { sender_id: "ceo" }, { timestamp: 0 }, { sequence: 99 }]) {
      expect((await host.fetch("/channels/orders/messages", token, post({ content: 1, ...forged }))).status).toBe(400);
    }
    await host.fetch("/channels/orders/messages", token, post({ content: { senderId: "ceo" } }));
    expect((await host.system.client.read("orders", { after: 0 })).messages.map(({ senderId }) => senderId)).toEqual(["intern"]);
  });

  it("are taken with any case of the word Bearer, but not twice, and never from the URL", async () => {
    const host = await publish();
    const token = await host.token("read");
    expect((await fetch(`${host.url}/channels/orders`, { headers: { authorization: `bEARER ${token}` } })).status).toBe(200);
    expect((await fetch(`${host.url}/channels/orders?access_token=${token}`)).status).toBe(401);
    const twice = await rawRequest(
      host.url,
      `GET /channels/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    );
    expect(twice).toMatch(/^HTTP\/1.1 40[01]/);
  });

  it("of another scheme become a system's name, which the channel's own rules then judge [G3.3]", async () => {
    const store = new MemoryMessageStore();
    const system = new BaseSystem({ id: "host", logger });
    system.addChannel(new PassthroughChannel({ id: "open", store, security: new OpenSecurity(), visibility: Visibility.PUBLIC }));
    system.addChannel(
      new PassthroughChannel({ id: "listed", store, security: new ACLSecurity({ read: ["bob"] }), visibility: Visibility.PUBLIC }),
    );
    await using running = await system.publish({ transport: new HttpTransport({ port: 0, logger }) });
    const [url = ""] = running.addresses;
    await new HttpChannel({ url, id: "open", token: "ann" }).write("", 1);
    expect((await system.client.read("open", { after: 0 })).messages[0]?.senderId).toBe("ann");
    expect(await codeOf(new HttpChannel({ url, id: "listed", token: "bob" }).write("", 1))).toBe("insufficient_role");
    expect(await codeOf(new HttpChannel({ url, id: "listed", token: "eve" }).read(""))).toBe("token_invalid");
    expect((await new HttpChannel({ url, id: "listed", token: "bob" }).read("")).messages).toEqual([]);
  });
});

describe("what is reachable", () => {
  it("is public: a private channel can't be told from one that does not exist [G5.1] [G5.2]", async () => {
    const host = await publish();
    const token = await host.token("admin");
    for (const path of ["", "/messages", "/stream", "/stats", "/history"]) {
      const [hidden, missing] = await Promise.all([
        host.fetch(`/channels/secret${path}`, token),
        host.fetch(`/channels/nothing${path}`, token),
      ]);
      expect([hidden.status, code(hidden.body)]).toEqual([404, "channel_not_found"]);
      expect(hidden.body).toEqual(missing.body);
    }
    for (const id of ["secret", "nothing"]) expect((await host.fetch(`/channels/${id}`)).status).toBe(401);
    const { body } = await host.fetch("/channels", token);
    expect((body as { channels: { id: string }[] }).channels.map(({ id }) => id)).toEqual(["orders", "news", "jobs", "mail"]);
    expect(host.system.topology().endpoints.map(({ channel }) => channel)).not.toContain("secret");
  });

  it("lists only what a token's scope covers", async () => {
    const host = await publish();
    const { body } = await host.fetch("/channels", await host.token("read", ["news"]));
    expect((body as { channels: { id: string }[] }).channels.map(({ id }) => id)).toEqual(["news"]);
  });

  it("is refused beyond this machine without real credentials, unless that is asked for [W20]", async () => {
    for (const security of [new OpenSecurity(), new ACLSecurity()]) {
      const system = new BaseSystem({ id: "host", logger });
      system.addChannel(new PassthroughChannel({ id: "c", store: new MemoryMessageStore(), security, visibility: Visibility.PUBLIC }));
      expect(await codeOf(system.publish({ transport: new HttpTransport({ host: "0.0.0.0", port: 0 }) }))).toBe("insecure_publication");
    }
    const system = new BaseSystem({ id: "host", logger });
    system.addChannel(new PassthroughChannel({ id: "c", store: new MemoryMessageStore(), visibility: Visibility.PUBLIC }));
    await using running = await system.publish({ transport: new HttpTransport({ host: "0.0.0.0", port: 0, allowInsecure: true }) });
    expect(running.addresses).toHaveLength(1);
  });

  it("covers the public channels of the whole tree [W40]", async () => {
    const system = new BaseSystem({ id: "host", logger });
    system
      .addSubsystem(new BaseSystem({ id: "sub" }))
      .addChannel(new PassthroughChannel({ id: "deep", store: new MemoryMessageStore(), visibility: Visibility.PUBLIC }));
    await using running = await system.publish({ transport: new HttpTransport({ port: 0 }) });
    expect((await fetch(`${running.addresses[0]}/channels/deep`, { headers: { authorization: "Bearer me" } })).status).toBe(200);
  });

  it("says so when the port is taken, and leaves nothing running [W39]", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => new Promise<void>((resolve) => void taken.close(() => resolve())));
    const { port } = taken.address() as { port: number };
    const system = new BaseSystem({ id: "host", logger });
    const channel = system.addChannel(new PassthroughChannel({ id: "c", store: new MemoryMessageStore(), visibility: Visibility.PUBLIC }));
    expect(await codeOf(system.publish({ transport: new HttpTransport({ port }) }))).toBe("address_in_use");
    expect([system.state, channel.state]).toEqual(["error", "stopped"]);
  });
});

describe("bad requests", () => {
  it.each<[string, RequestInit & { path?: string }, number, string]>([
    ["malformed JSON", { method: "POST", body: '{"content":' }, 400, "invalid_content"],
    ["no content", post({}), 400, "invalid_content"],
    ["a list as body", post([1]), 400, "invalid_content"],
    ["an unknown member", post({ content: 1, contnet: 2 }), 400, "invalid_argument"],
    ["a bad id", post({ content: 1, id: "../x" }), 400, "invalid_identifier"],
    ["metadata that is no object", post({ content: 1, metadata: [] }), 400, "invalid_content"],
    ["a delay that is no number", post({ content: 1, delayMs: "soon" }), 400, "invalid_argument"],
    [
      "a body that is no JSON",
      { method: "POST", body: "content=1", headers: { "content-type": "application/x-www-form-urlencoded" } },
      415,
      "unsupported_media_type",
    ],
    ["a compressed body", { method: "POST", body: "{}", headers: { "content-encoding": "gzip" } }, 415, "unsupported_media_type"],
    ["too large a body", { method: "POST", body: JSON.stringify({ content: "x".repeat(5_000_000) }) }, 413, "content_too_large"],
    ["too large a content", { method: "POST", body: JSON.stringify({ content: "x".repeat(2_000_000) }) }, 413, "content_too_large"],
    ["limit 0", { path: "/messages?limit=0" }, 400, "invalid_argument"],
    ["a negative limit", { path: "/messages?limit=-1" }, 400, "invalid_argument"],
    ["a limit that is no number", { path: "/messages?limit=NaN" }, 400, "invalid_argument"],
    ["a huge limit", { path: "/messages?limit=99999999999999" }, 400, "invalid_argument"],
    ["a limit given twice", { path: "/messages?limit=1&limit=2" }, 400, "invalid_argument"],
    ["a position ahead of the log", { path: "/messages?after=7" }, 400, "position_ahead"],
    ["an unknown name in the query", { path: "/messages?exclusive=true" }, 400, "invalid_argument"],
    ["a wrong Last-Event-ID", { path: "/stream", headers: { "last-event-id": "abc" } }, 400, "invalid_argument"],
    ["an unknown path", { path: "/nothing" }, 404, "not_found"],
    ["a broken percent-encoding", { path: "/%zz" }, 404, "not_found"],
    [
      "too many receipts",
      { ...post({ receipts: Array.from({ length: 1_001 }, () => "x") }), path: "/claims/acknowledge" },
      400,
      "invalid_argument",
    ],
    ["receipts that are no list", { ...post({ receipts: "all" }), path: "/claims/acknowledge" }, 400, "invalid_argument"],
  ])("%s [W35]", async (_what, { path = "/messages", ...init }, status, expected) => {
    const host = await publish();
    const answer = await host.fetch(`/channels/orders${path}`, await host.token("admin"), init);
    expect([answer.status, code(answer.body)]).toEqual([status, expected]);
    expect((await host.system.client.read("orders", { after: 0 })).messages).toEqual([]);
  });

  it("an operation that a channel does not know is 405, not 500 [W35]", async () => {
    const host = await publish();
    const token = await host.token("admin");
    expect((await host.fetch("/channels/jobs/messages", token)).status).toBe(405);
    expect((await host.fetch("/channels/news/claims", token, post({}))).status).toBe(405);
  });

  it("answers carry no hint of the software, and are never cached or sniffed", async () => {
    const host = await publish();
    const { headers } = await host.fetch("/channels/orders", await host.token("read"));
    expect([
      headers.get("x-powered-by"),
      headers.get("x-content-type-options"),
      headers.get("cache-control"),
      headers.get("access-control-allow-origin"),
    ]).toEqual([null, "nosniff", "no-store", null]);
  });

  it("a GET changes nothing, however often it is repeated [W34]", async () => {
    const host = await publish();
    await host.system.client.write("orders", 1);
    const token = await host.token("read");
    const answers = [await host.fetch("/channels/orders/messages", token), await host.fetch("/channels/orders/messages", token)];
    expect(answers[0]?.body).toEqual(answers[1]?.body);
    expect((answers[0]?.body as { messages: unknown[] }).messages).toHaveLength(1);
  });
});

describe("a remote channel", () => {
  it("does what a local one does: write, batch, read, commit, seek, positions, info", async () => {
    const host = await publish();
    const orders = await host.remote("orders");
    expect(await orders.write("", { n: 1 }, { id: "a", correlationId: "c", metadata: { m: 1 } })).toMatchObject({
      id: "a",
      sequence: 1,
      duplicate: false,
    });
    expect(await orders.write("", { n: 1 }, { id: "a", correlationId: "c", metadata: { m: 1 } })).toMatchObject({ duplicate: true });
    expect(await codeOf(orders.write("", { n: 2 }, { id: "a" }))).toBe("message_conflict");
    expect((await orders.writeBatch("", [{ content: 2 }, { content: 3 }])).map(({ sequence }) => sequence)).toEqual([2, 3]);
    const first = await orders.read("", { limit: 2 });
    expect(first.messages[0]).toMatchObject({ id: "a", senderId: "caller", content: { n: 1 }, correlationId: "c", metadata: { m: 1 } });
    expect(Object.isFrozen(first.messages[0]?.content)).toBe(true);
    expect((await orders.read("", { limit: 2 })).messages).toEqual(first.messages);
    expect((await orders.read("", { commit: first.position })).messages.map(({ content }) => content)).toEqual([3]);
    expect(await orders.commit("", 3)).toBe(3);
    expect(await orders.seek("", "start")).toBe(0);
    expect(await orders.positions("")).toMatchObject({ first: 1, last: 3, cursor: 0 });
    expect(await orders.info()).toMatchObject({
      id: "orders",
      kind: "passthrough",
      visibility: "public",
      endpoints: [{ transport: "http", url: `${host.url}/channels/orders` }],
    });
  });

  it("claims with a wait, extends, acknowledges, gives back and buries", async () => {
    const host = await publish();
    const jobs = await host.remote("jobs");
    const waiting = jobs.claim("", { waitMs: 10_000 });
    await host.system.client.write("jobs", "one");
    const [claim] = await waiting;
    const receipt = claim?.receipt ?? "";
    expect([claim?.message.content, claim?.deliveries]).toEqual(["one", 1]);
    expect((await jobs.extend("", [receipt], { leaseMs: 90_000 }))[0]?.status).toBe("extended");
    expect((await (await host.remote("jobs", "admin", "thief")).acknowledge("", [receipt]))[0]?.status).toBe("unknown");
    expect((await jobs.nack("", [receipt]))[0]?.status).toBe("released");
    const [again] = await jobs.claim("");
    expect((await jobs.deadLetter("", [again?.receipt ?? ""], { reason: "bad" }))[0]?.status).toBe("dead_lettered");
    expect((await jobs.deadLetters("")).map(({ reason }) => reason)).toEqual(["bad"]);
    expect(await jobs.requeue("")).toBe(1);
    const [last] = await jobs.claim("");
    expect((await jobs.acknowledge("", [last?.receipt ?? ""]))[0]?.status).toBe("acknowledged");
    expect((await jobs.stats()).groups[0]).toMatchObject({ ready: 0, claimed: 0, dead: 0 });
  });

  it("is worked off by the same work() as a local one", async () => {
    const host = await publish();
    const done: unknown[] = [];
    const worker = work(await host.remote("jobs"), "", ({ content }) => void done.push(content), { logger });
    for (let index = 0; index < 5; index++) await host.system.client.write("jobs", index);
    await expect.poll(() => done.length).toBe(5);
    expect((await worker.close()).acknowledged).toBe(5);
  });

  it("subscribes and streams in order from where it is told to, and is connected to a client like any other", async () => {
    const host = await publish();
    await host.system.client.write("news", 0);
    const client = new ChannelClient("caller");
    client.connect(await host.remote("news"));
    const seen: unknown[] = [];
    const subscription = await client.subscribe("news", ({ content }) => void seen.push(content));
    for (let index = 1; index <= 20; index++) await host.system.client.write("news", index);
    await expect.poll(() => seen).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    await subscription.close();
    const streamed: unknown[] = [];
    for await (const { content } of client.stream("news", { from: "start" })) if (streamed.push(content) === 21) break;
    expect(streamed).toEqual(Array.from({ length: 21 }, (_, index) => index));
  });

  it("tells its logger of a subscriber that throws, and goes on", async () => {
    const host = await publish();
    const errors: unknown[] = [];
    const news = new HttpChannel({
      url: host.url,
      id: "news",
      token: await host.token("read"),
      logger: { ...silentLogger, error: (fields) => errors.push(fields["sequence"]) },
    });
    const seen: unknown[] = [];
    const subscription = await news.subscribe("", ({ content }) => {
      seen.push(content);
      if (content === 1) throw new Error("subscriber");
    });
    for (const content of [1, 2]) await host.system.client.write("news", content);
    await expect.poll(() => seen).toEqual([1, 2]);
    expect(errors).toEqual([1]);
    await subscription.close();
  });

  it("resumes a stream behind the last message it has, through cuts, without gap or repeat", async () => {
    const host = await publish();
    const proxy = await cuttingProxy(host.url, () => 2_000);
    const news = new HttpChannel({ url: proxy.url, id: "news", token: await host.token("read") });
    const seen: unknown[] = [];
    const subscription = await news.subscribe("", ({ content }) => void seen.push(content));
    for (let index = 0; index < 100; index++) await host.system.client.write("news", index);
    await expect.poll(() => seen.length, { timeout: 30_000 }).toBe(100);
    expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(proxy.cuts()).toBeGreaterThan(2);
    await subscription.close();
  });

  it("stores a write once, also when its answer is lost", async () => {
    const host = await publish();
    const orders = new HttpChannel({
      url: host.url,
      id: "orders",
      token: await host.token("write"),
      fetch: losing(3),
    });
    await Promise.all(Array.from({ length: 10 }, (_, index) => orders.write("", index)));
    const { messages } = await host.system.client.read("orders", { after: 0 });
    expect(messages.map(({ content }) => content).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("keeps each reader's mail to itself [W24]", async () => {
    const host = await publish();
    const [ann, bob] = [await host.remote("mail", "read", "ann"), await host.remote("mail", "read", "bob")];
    await host.system.client.write("mail", "for ann", { recipientId: "ann" });
    await host.system.client.write("mail", "for all");
    expect((await ann.read("bob")).messages.map(({ content }) => content)).toEqual(["for ann", "for all"]);
    expect((await bob.read("ann")).messages.map(({ content }) => content)).toEqual(["for all"]);
    expect(await codeOf(bob.history(""))).toBe("insufficient_role");
  });

  it("does host operations for an admin", async () => {
    const host = await publish();
    const orders = await host.remote("orders");
    await orders.writeBatch(
      "",
      ["a", "b", "c", "d"].map((id) => ({ content: id, id })),
    );
    expect(await orders.remove("", ["a"])).toBe(1);
    expect(await orders.evict("", { maxCount: 2 })).toBe(1);
    expect((await orders.history("")).messages.map(({ id }) => id)).toEqual(["c", "d"]);
    expect(await orders.clear("", ({ id }) => id === "d")).toBe(1);
    expect(await orders.clear("")).toBe(1);
    expect((await orders.stats()).count).toBe(0);
  });

  it("takes the host's URL or the channel's own, never doubles the path, and refuses what is neither", async () => {
    const urls = [
      ["http://h:1", "c"],
      ["http://h:1/", "c"],
      ["http://h:1/channels/c", undefined],
      ["http://h:1/channels/c/", "c"],
      ["http://h:1/channels", "c"],
    ] as const;
    for (const [url, id] of urls) expect(new HttpChannel({ url, token: "t", ...(id === undefined ? {} : { id }) }).id).toBe("c");
    for (const url of ["http://h:1", "h:1/channels/c", "file:///channels/c", ""])
      expect(() => new HttpChannel({ url, token: "t" })).toThrowError(expect.objectContaining({ code: "invalid_argument" }));
    expect(await codeOf(new HttpChannel({ url: "http://127.0.0.1:1", id: "c", token: "t", attempts: 1 }).info())).toBe("transport_failed");
  });
});

describe("stopping", () => {
  it("ends streams and waiting claims, answers them, and then refuses connections [W18] [W39]", async () => {
    const host = await publish();
    const jobs = await host.remote("jobs");
    const claims = jobs.claim("", { waitMs: 60_000 });
    const stream = await fetch(`${host.url}/channels/news/stream`, { headers: { authorization: `Bearer ${await host.token("read")}` } });
    const report = await host.system.drain({ timeoutMs: 5_000 });
    expect([await claims, report.clean]).toEqual([[], true]);
    expect(await stream.text()).toMatch(/^event: position\nid: 0/);
    await expect(fetch(`${host.url}/healthz`)).rejects.toThrow();
    expect(host.system.topology().endpoints).toEqual([]);
  });

  it("shows in readyz that the channels run", async () => {
    const host = await publish();
    expect([(await host.fetch("/healthz")).status, (await host.fetch("/readyz")).status]).toEqual([200, 200]);
    await (host.system.channels[0] as BaseChannel).stop();
    expect([(await host.fetch("/healthz")).status, (await host.fetch("/readyz")).status]).toEqual([200, 503]);
  });

  it("ends a stream when its token expires", async () => {
    const host = await publish();
    const token = await host.security.generateToken({ systemId: "s", role: "read", channels: "*", expiresInSeconds: 1 });
    const response = await fetch(`${host.url}/channels/news/stream`, { headers: { authorization: `Bearer ${token}` } });
    expect(await response.text()).toContain("position");
    expect((await host.fetch("/channels/news", token)).status).toBe(401);
  });
});

/** A fetch that sends everything, and loses the first answers. */
function losing(answers: number): typeof fetch {
  let left = answers;
  return async (...args) => {
    const response = await fetch(...args);
    if (left-- <= 0) return response;
    await response.arrayBuffer();
    throw new TypeError("the answer was lost");
  };
}
