import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BaseSystem, MemoryMessageStore, PassthroughChannel, silentLogger, type LogFields, type Logger } from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { describe, expect, it, onTestFinished } from "vitest";
import { HttpTransport, type RequestRecord } from "../src/index.js";
import { SECRET, post, publish } from "./support/published.js";
import { eventsOf } from "./support/events.js";

const logger = silentLogger;
const code = (body: unknown): unknown => (body as { code?: unknown } | undefined)?.code;

describe("a ticket", () => {
  it("opens a stream of its channel in place of a token, and carries it over the reconnections of a browser", async () => {
    const host = await publish();
    const token = await host.token("read", ["news", "orders"]);
    const ticket = async (): Promise<string> =>
      ((await host.fetch("/channels/news/stream/ticket", token, post({}))).body as { ticket: string }).ticket;
    const first = await ticket();
    const response = await fetch(`${host.url}/channels/news/stream?ticket=${first}&from=start`);
    await host.system.client.write("news", "hello");
    expect(await eventsOf(response, 2)).toContain('"content":"hello"');
    // As an EventSource does by itself: the same address again, with the last event's id.
    const again = await fetch(`${host.url}/channels/news/stream?ticket=${first}`, { headers: { "last-event-id": "0" } });
    expect(await eventsOf(again, 2)).toContain('"content":"hello"');
    for (const used of [`/channels/orders/stream?ticket=${await ticket()}`, "/channels/news/stream?ticket=made-up"]) {
      expect([(await host.fetch(used)).status, used.length > 0]).toEqual([401, true]);
    }
    expect((await host.fetch(`/channels/news/messages?ticket=${await ticket()}`)).status).toBe(401);
  });

  it("is good for 30 seconds", async () => {
    const clock = new VirtualClock();
    const host = await publish({ clock });
    const { ticket } = (await host.fetch("/channels/news/stream/ticket", await host.token("read"), post({}))).body as { ticket: string };
    await clock.advance(30_000);
    expect((await host.fetch(`/channels/news/stream?ticket=${ticket}`)).status).toBe(401);
  });
});

describe("what goes on", () => {
  it("ends when its token is revoked: streams, and claims that wait, whose messages go back", async () => {
    const host = await publish();
    const token = await host.token("read");
    const stream = await fetch(`${host.url}/channels/news/stream`, { headers: { authorization: `Bearer ${token}` } });
    const claim = host.fetch("/channels/jobs/claims", token, post({ waitMs: 30_000 }));
    const { jti } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { jti: string };
    await host.security.revoke(jti);
    expect(await stream.text()).toMatch(/^event: position\nid: 0@[0-9a-f]+\ndata: [^\n]*\n\n$/);
    expect(await claim.then(({ status, body }) => [status, code(body)])).toEqual([401, "token_invalid"]);
    await host.system.client.write("jobs", 1);
    expect((await (await host.remote("jobs")).claim("")).map(({ deliveries }) => deliveries)).toEqual([1]);
  });

  it("goes on while keys are changed under it, as long as its own key stays; every valid token is taken throughout", async () => {
    const keys = [1, 2, 3].map((number) => ({ kid: `k${number}`, algorithm: "HS256" as const, secret: `${SECRET}${number}` }));
    const security = new JWTChannelSecurity({ keys: keys.slice(0, 1) });
    const system = new BaseSystem({ id: "host", logger });
    system.addChannel(new PassthroughChannel({ id: "c", store: new MemoryMessageStore(), security, logger, visibility: "public" }));
    await using running = await system.publish({ transport: new HttpTransport({ port: 0, logger }) });
    const ask = (token: string): Promise<number> =>
      fetch(`${running.addresses[0]}/channels/c`, { headers: { authorization: `Bearer ${token}` } }).then(({ status }) => status);
    const tokenOf = (): Promise<string> => security.generateToken({ systemId: "s", role: "read", channels: "*" });
    const first = await tokenOf();
    const statuses: Promise<number>[] = [];
    for (const kept of [[0], [1, 0], [2, 1, 0]]) {
      security.replaceKeys(kept.flatMap((index) => keys[index] ?? []));
      const current = await tokenOf();
      for (let index = 0; index < 20; index++) statuses.push(ask(first), ask(current));
    }
    expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]));
    security.replaceKeys(keys.slice(2));
    expect(await ask(first)).toBe(401);
  });
});

describe("the server", () => {
  it("serves https to whoever trusts its certificate", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sssn-tls-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        key,
        "-out",
        cert,
      ],
      { stdio: "ignore" },
    );
    const host = await publish({ tls: { key: readFileSync(key), cert: readFileSync(cert) } });
    expect(host.url).toMatch(/^https:/);
    const status = await new Promise((resolve, reject) => {
      httpsRequest(`${host.url}/healthz`, { ca: readFileSync(cert), agent: false }, (response) =>
        response.resume().on("end", () => resolve(response.statusCode)),
      )
        .on("error", reject)
        .end();
    });
    expect(status).toBe(200);
    await expect(fetch(`${host.url}/healthz`)).rejects.toThrow();
  });

  it("says nothing to pages of other origins, unless it is told which may call", async () => {
    const closed = await publish();
    expect(
      (await closed.fetch("/channels", await closed.token("read"), { headers: { origin: "https://app.example" } })).headers.get(
        "access-control-allow-origin",
      ),
    ).toBeNull();
    const open = await publish({ corsOrigins: ["https://app.example"] });
    const from = (origin: string): Promise<string | null> =>
      open.fetch("/healthz", undefined, { headers: { origin } }).then(({ headers }) => headers.get("access-control-allow-origin"));
    expect([await from("https://app.example"), await from("https://app.example.evil.example"), await from("null")]).toEqual([
      "https://app.example",
      null,
      null,
    ]);
    const preflight = await open.fetch("/channels/orders/messages", undefined, {
      method: "OPTIONS",
      headers: {
        origin: "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
      },
    });
    expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([
      204,
      "Authorization,Content-Type,Last-Event-ID,X-Request-Id,traceparent,tracestate",
    ]);
  });

  it.each<[string, Record<string, unknown>]>([
    ["a text in the place of a list of origins", { corsOrigins: "https://app.example" }],
    ["a wildcard", { corsOrigins: ["*"] }],
    ["an origin with a path", { corsOrigins: ["https://app.example/"] }],
    ["a text in the place of a list of names", { allowedHosts: "shop.example" }],
    ["a name with its port", { allowedHosts: ["shop.example:8000"] }],
    ["a name with its scheme", { allowedHosts: ["https://shop.example"] }],
    ["an address without a scheme", { publicUrl: "shop.example" }],
  ])("refuses names that no request could ever match: %s", (_what, names) => {
    expect(() => new HttpTransport(names)).toThrow(
      expect.objectContaining({ code: "invalid_argument", details: { argument: Object.keys(names)[0] } }),
    );
  });

  it("takes names as browsers and clients tell them", () => {
    const corsOrigins = ["https://app.example", "http://localhost:5173", "chrome-extension://abcdef"];
    expect(
      () => new HttpTransport({ corsOrigins, allowedHosts: ["shop.example", "[::1]"], publicUrl: "https://shop.example/api" }),
    ).not.toThrow();
  });

  it("names the values that there are, where another one was sent", async () => {
    const host = await publish();
    const { body } = await host.fetch("/channels/orders/jobs?state=weird", await host.token("admin"));
    expect((body as { detail: string }).detail).toBe(
      'query.state must be one of ready, claimed, resting, dead, cancelled, settled, but is "weird".',
    );
  });

  it("is ready only while its channels' logs answer and every check of its own holds", async () => {
    let isWorking = true;
    const host = await publish({
      readiness: {
        worker: () => isWorking,
        never: () => (isWorking ? true : new Promise<boolean>(() => {})),
        throwing: () => Promise.resolve(true),
      },
    });
    expect((await host.fetch("/readyz")).body).toEqual({ status: "ready" });
    isWorking = false;
    const { status, body } = await host.fetch("/readyz");
    expect([status, body]).toEqual([503, { status: "not ready", failing: ["worker", "never"] }]);
  });

  it("gives every request an id, the caller's where that is a plain word, and logs it without its token", async () => {
    const lines: LogFields[] = [];
    const told: RequestRecord[] = [];
    const collecting: Logger = { ...silentLogger, info: (fields) => lines.push(fields) };
    const host = await publish({ logger: collecting });
    host.transport.events.on("request", (record) => told.push(record));
    const token = await host.token("read", "*", "ann");
    const good = await host.fetch("/channels/orders/messages?limit=1", token, { headers: { "x-request-id": "abc-1" } });
    const made = await host.fetch(`/channels/orders/messages`, token, { headers: { "x-request-id": "two words" } });
    await host.fetch("/channels/orders/messages", `${token}x`);
    await expect.poll(() => told.length).toBe(3);
    expect([good.headers.get("x-request-id"), made.headers.get("x-request-id")]).toEqual([
      "abc-1",
      expect.stringMatching(/^[0-9a-f]{12}-[0-9a-z]+$/),
    ]);
    expect(told[0]).toMatchObject({
      id: "abc-1",
      method: "GET",
      route: "/channels/:id/messages",
      channel: "orders",
      systemId: "ann",
      status: 200,
    });
    expect(told[2]).toMatchObject({ status: 401, error: "token_invalid" });
    expect(told[2]).not.toHaveProperty("channel");
    expect(JSON.stringify(lines)).not.toContain(token.slice(-20));
    expect(lines).toEqual(told.map((request) => ({ request })));
  });

  it("logs a flood of refused requests as ten lines and a count", async () => {
    const lines: string[] = [];
    const clock = new VirtualClock();
    const host = await publish({
      clock,
      logger: { ...silentLogger, info: (_fields, text) => lines.push(text), warn: (fields) => lines.push(JSON.stringify(fields)) },
    });
    for (let index = 0; index < 50; index++) await host.fetch("/channels/orders", "garbage");
    await clock.advance(1_000);
    await host.fetch("/channels/orders", "garbage");
    await expect.poll(() => lines).toEqual([...Array.from({ length: 10 }, () => "request"), '{"suppressed":40}', "request"]);
  });

  it("runs what was added to its application before the channels", async () => {
    const transport = new HttpTransport({ port: 0, logger });
    transport.app.use((request, response, next) => {
      if (request.headers["x-closed"] === undefined) next();
      else response.writeHead(418).end();
    });
    transport.app.get("/hello", (_request, response) => void response.end("hello"));
    const system = new BaseSystem({ id: "host", logger });
    system.addChannel(new PassthroughChannel({ id: "c", store: new MemoryMessageStore(), logger, visibility: "public" }));
    await using running = await system.publish({ transport });
    const status = (path: string, headers: Record<string, string> = {}): Promise<number> =>
      fetch(`${running.addresses[0]}${path}`, { headers }).then((response) => response.status);
    expect([
      await status("/hello"),
      await status("/channels/c", { authorization: "Bearer me" }),
      await status("/channels/c", { "x-closed": "1" }),
    ]).toEqual([200, 200, 418]);
  });
});
