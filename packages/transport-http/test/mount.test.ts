import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import express, { type Express } from "express";
import { silentLogger } from "@sssn/core";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { HttpTransport, type RequestRecord } from "../src/index.js";
import { publish, type Answer, type Published } from "./support/published.js";

const code = ({ body }: Answer): unknown => (body as { code?: unknown } | undefined)?.code;

/** Says where it was asked, as JSON. */
function telling(request: IncomingMessage, response: { end(text: string): unknown }): void {
  const { url, baseUrl, originalUrl } = request as IncomingMessage & { baseUrl?: string; originalUrl?: string };
  response.end(JSON.stringify({ url, baseUrl, originalUrl }));
}

const saying = (word: string) => (_request: unknown, response: { end(text: string): unknown }) => void response.end(JSON.stringify(word));

/** How often the express application of a host was asked from now on. */
function askedOf({ transport }: Published): () => number {
  const spy = vi.spyOn(transport.app as Express & { handle(...parts: unknown[]): unknown }, "handle");
  return () => spy.mock.calls.length;
}

describe("what is mounted", () => {
  it("is asked for all below its prefix, and for nothing beside it, and sees the path below it as express has it", async () => {
    const host = await publish();
    host.transport.mount("/console", telling);
    const seen = async (path: string): Promise<unknown> => (await host.fetch(path)).body;
    expect(await seen("/console")).toEqual({ url: "/", baseUrl: "/console", originalUrl: "/console" });
    expect(await seen("/console?tab=1")).toEqual({ url: "/?tab=1", baseUrl: "/console", originalUrl: "/console?tab=1" });
    expect(await seen("/console/a/b?c=%20")).toEqual({ url: "/a/b?c=%20", baseUrl: "/console", originalUrl: "/console/a/b?c=%20" });
    for (const beside of ["/consoles", "/Console", "/tools/console", "/%63onsole"])
      expect([beside, code(await host.fetch(beside))]).toEqual([beside, "not_found"]);
  });

  it("is the one with the longer prefix, where two fit", async () => {
    const host = await publish();
    host.transport.mount("/tools", saying("tools"));
    host.transport.mount("/tools/console", saying("console"));
    host.transport.mount("/tools/console-2", saying("second"));
    const paths = ["/tools/x", "/tools/console/x", "/tools/console-2", "/tools/console-3"];
    expect(await Promise.all(paths.map((path) => host.fetch(path).then(({ body }) => body)))).toEqual([
      "tools",
      "console",
      "second",
      "tools",
    ]);
  });

  it("takes no request to a channel, and its own, through express; a layer on the application does", async () => {
    const host = await publish();
    host.transport.mount("/console", saying("mounted"));
    const asked = askedOf(host);
    const token = await host.token("read");
    expect([(await host.fetch("/channels/orders/messages", token)).status, (await host.fetch("/console")).body]).toEqual([200, "mounted"]);
    expect(asked()).toBe(0);
    await host.fetch("/healthz");
    expect(asked()).toBe(1);

    const transport = new HttpTransport({ port: 0, logger: silentLogger });
    transport.app.use((_request, _response, next) => next());
    const spy = vi.spyOn(transport.app as Express & { handle(...parts: unknown[]): unknown }, "handle");
    const [url = ""] = await transport.start();
    onTestFinished(() => transport.stop({ timeoutMs: 1_000 }));
    await fetch(`${url}/channels/orders`);
    expect(spy).toHaveBeenCalledTimes(1);
  });

  it("may be an express application: its routes, its parameters, its body parser; what it does not know is a problem document", async () => {
    const host = await publish();
    const app = express();
    app.use(express.json());
    app.get("/reports/:year", (request, response) => void response.json({ year: request.params["year"], base: request.baseUrl }));
    app.post("/echo", (request, response) => void response.json(request.body));
    app.get("/broken", () => {
      throw new Error("private words");
    });
    host.transport.mount("/app", app);
    expect((await host.fetch("/app/reports/2024")).body).toEqual({ year: "2024", base: "/app" });
    expect((await host.fetch("/app/echo", undefined, { method: "POST", body: '{"a":1}' })).body).toEqual({ a: 1 });
    const [unknown, broken] = [await host.fetch("/app/elsewhere"), await host.fetch("/app/broken")];
    expect([unknown.status, code(unknown), broken.status, code(broken)]).toEqual([404, "not_found", 500, "internal"]);
    expect(JSON.stringify(broken.body)).not.toContain("private words");
  });

  it("comes after the layers on the application and the headers for other origins, where there are some", async () => {
    const transport = new HttpTransport({ port: 0, logger: silentLogger, corsOrigins: ["https://app.example"] });
    transport.app.use((request, response, next) => {
      if (request.headers["x-closed"] === undefined) next();
      else response.writeHead(418).end();
    });
    transport.mount("/console", telling);
    const [url = ""] = await transport.start();
    onTestFinished(() => transport.stop({ timeoutMs: 1_000 }));
    const open = await fetch(`${url}/console/x`, { headers: { origin: "https://app.example" } });
    expect([await open.json(), open.headers.get("access-control-allow-origin")]).toEqual([
      { url: "/x", baseUrl: "/console", originalUrl: "/console/x" },
      "https://app.example",
    ]);
    expect((await fetch(`${url}/console/x`, { headers: { "x-closed": "1" } })).status).toBe(418);
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("private words");
      },
    ],
    ["rejects", () => Promise.reject(new Error("private words"))],
    ["hands an error on", (_request: unknown, _response: unknown, next: (error?: unknown) => void) => next(new Error("private words"))],
  ])("has failed when it %s: a problem document without its words, and a line in the log", async (_how, listener) => {
    const lines: unknown[] = [];
    const host = await publish({ logger: { ...silentLogger, error: (fields) => void lines.push(fields) } });
    host.transport.mount("/console", listener);
    const answer = await host.fetch("/console");
    expect([answer.status, code(answer), answer.headers.get("content-type")]).toEqual([500, "internal", "application/problem+json"]);
    expect(JSON.stringify(answer.body)).not.toContain("private words");
    expect(lines).toEqual([expect.objectContaining({ err: expect.objectContaining({ message: "private words" }) as unknown })]);
  });

  it("is cut when it fails after its answer has begun, so that nobody takes a half for a whole", async () => {
    const host = await publish();
    host.transport.mount("/console", (_request, response) => {
      response.write("half");
      throw new Error("broken");
    });
    await expect(fetch(`${host.url}/console`).then((response) => response.text())).rejects.toThrow();
  });

  it("is answered for once when it hands a request on twice: the connection goes on", async () => {
    const host = await publish();
    host.transport.mount("/twice", (_request, _response, next) => {
      next();
      next();
    });
    host.transport.mount("/console", saying("mounted"));
    const socket = connect(Number(new URL(host.url).port), "127.0.0.1");
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    const closed = once(socket, "close");
    socket.write("GET /twice HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await expect.poll(() => text).toContain('"code":"not_found"');
    socket.write("GET /console HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    await closed;
    expect(text).toContain("mounted");
  });

  it("is logged under its prefix, with the id that its answer carries, once", async () => {
    const host = await publish();
    const told: RequestRecord[] = [];
    host.transport.events.on("request", (record) => told.push(record));
    host.transport.mount("/console", saying("mounted"));
    host.transport.mount("/broken", () => Promise.reject(new Error("broken")));
    const ids = [];
    for (const path of ["/console/users/17?secret=1", "/broken"]) ids.push((await host.fetch(path)).headers.get("x-request-id"));
    await expect.poll(() => told.length).toBe(2);
    expect(told.map(({ id, route, status }) => [id, route, status])).toEqual([
      [ids[0], "/console", 200],
      [ids[1], "/broken", 500],
    ]);
    expect(ids.every((id) => /^[0-9a-z-]+$/.test(id ?? ""))).toBe(true);
  });

  it("is reached under no name that a page may have made up, and by no page of another site", async () => {
    const host = await publish();
    let asked = 0;
    host.transport.mount("/console", (_request, response) => {
      asked++;
      response.end();
    });
    const ask = (head: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect(Number(new URL(host.url).port), "127.0.0.1", () => {
          socket.end(`GET /console HTTP/1.1\r\nConnection: close\r\n${head}\r\n\r\n`);
        });
        let text = "";
        socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
        socket.once("close", () => resolve(text.slice(9, 12))).once("error", reject);
      });
    expect([
      await ask("Host: rebound.example"),
      await ask("Host: localhost\r\nOrigin: http://evil.example"),
      asked,
      await ask("Host: localhost"),
      asked,
    ]).toEqual(["421", "403", 0, "200", 1]);
  });

  it("is taken away by what mounting has returned: others stay, what is under way is answered, and the place is free again", async () => {
    const host = await publish();
    let finish: (() => void) | undefined;
    const unmount = host.transport.mount("/console", (_request, response) => {
      finish = () => void response.end('"late"');
    });
    host.transport.mount("/other", saying("other"));
    const underWay = host.fetch("/console");
    await expect.poll(() => finish).toBeDefined();
    unmount();
    expect([code(await host.fetch("/console")), (await host.fetch("/other")).body]).toEqual(["not_found", "other"]);
    finish?.();
    expect((await underWay).body).toBe("late");
    host.transport.mount("/console", saying("new"));
    unmount();
    expect((await host.fetch("/console")).body).toBe("new");
  });
});

describe("a prefix", () => {
  it.each([
    "/channels",
    "/channels/orders",
    "/Channels",
    "/topology",
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/docs",
    "/docs/mine",
    "/DOCS",
  ])("that would hide the protocol's own paths is refused: %s", (prefix) => {
    const transport = new HttpTransport({ port: 0, logger: silentLogger });
    expect(() => transport.mount(prefix, saying("hidden"))).toThrow(
      expect.objectContaining({ code: "invalid_argument", details: { hidden: expect.stringMatching(/^\//) as unknown } }) as Error,
    );
  });

  it.each(["", "/", "console", "/console/", "//console", "/a//b", "/a/../channels", "/.", "/a b", "/a?b", "/a#b", "/%61", "/a:b", "/*"])(
    "that is none is refused: %j",
    (prefix) => {
      const transport = new HttpTransport({ port: 0, logger: silentLogger });
      expect(() => transport.mount(prefix, saying("nowhere"))).toThrow(expect.objectContaining({ code: "invalid_argument" }) as Error);
    },
  );

  it("is given once, and one that only begins like a path of the protocol is anybody's", () => {
    const transport = new HttpTransport({ port: 0, logger: silentLogger });
    for (const prefix of ["/console", "/channels-of-mine", "/docs2", "/.well-known"]) transport.mount(prefix, saying(prefix));
    expect(() => transport.mount("/console", saying("second"))).toThrow(expect.objectContaining({ code: "duplicate_id" }) as Error);
  });
});

describe("the shutdown of a host with something mounted", () => {
  it("answers what is under way and what comes in the lame-duck phase, and tells streams to end; what comes later is refused", async () => {
    const host = await publish({ lameDuckMs: 100 });
    let slow: { readonly socket: Socket; end(): void } | undefined;
    host.transport.mount("/console", (request, response) => {
      if (request.url === "/slow") slow = { socket: request.socket, end: () => void response.end("slow") };
      else if (request.url === "/stream") {
        response.write("begun ");
        host.transport.stopping.addEventListener("abort", () => response.end("told"), { once: true });
      } else response.end("quick");
    });
    const stream = await fetch(`${host.url}/console/stream`);
    const socket = connect(Number(new URL(host.url).port), "127.0.0.1");
    await once(socket, "connect");
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    let sent = 0;
    const get = (path: string): void => {
      const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
      sent += head.length;
      socket.write(head);
    };
    get("/console/slow");
    await expect.poll(() => slow).toBeDefined();

    const closing = host.system.drain({ timeoutMs: 20_000 });
    await expect.poll(() => host.fetch("/readyz").then(({ status }) => status)).toBe(503);
    const late = await fetch(`${host.url}/console/late`);
    expect([await late.text(), late.headers.get("connection")]).toEqual(["quick", "close"]);
    await once(host.transport.stopping, "abort");
    get("/console/too-late");
    expect(await stream.text()).toBe("begun told");
    await expect.poll(() => slow?.socket.bytesRead).toBe(sent);
    slow?.end();
    await once(socket, "close");
    expect([text.includes("slow"), text.includes('"code":"channel_not_running"'), text.includes("quick")]).toEqual([true, true, false]);
    expect((await closing).clean).toBe(true);
  });

  it("cuts an answer that does not end, and is over in its time", async () => {
    const host = await publish({ lameDuckMs: 0 });
    let begun = false;
    host.transport.mount("/console", (_request, response) => {
      begun = true;
      response.write("for ever");
    });
    const stream = await fetch(`${host.url}/console`);
    expect(begun).toBe(true);
    await Promise.all([expect(stream.text()).rejects.toThrow(), host.system.drain({ timeoutMs: 1_000 })]);
  });
});
