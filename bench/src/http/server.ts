// One server of the comparison, in a process of its own: node http-server.js NAME. Talks with its parent over IPC.
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import express, { type NextFunction, type Request, type Response } from "express";
import { SignJWT, jwtVerify } from "jose";
import { BaseSystem, BroadcastChannel, MemoryMessageStore, silentLogger, type MessageStore } from "@sssn/core";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { LevelMessageStore } from "@sssn/store-level";
import { HttpTransport } from "@sssn/transport-http";
import { bodies } from "../contenders/contender.js";
import { loadPeer } from "../contenders/peers.js";
import type { ServerCommand, ServerName, ServerReport } from "./protocol.js";

const SECRET = "0123456789abcdef0123456789abcdef";
const KEY = new TextEncoder().encode(SECRET);

/** A running server: where, and how it sends events to whoever streams. */
interface Running {
  readonly port: number;
  readonly publish: (count: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

const verify = (header: string | undefined): Promise<unknown> =>
  jwtVerify((header ?? "").slice(7), KEY, { algorithms: ["HS256"], requiredClaims: ["exp"] });

async function listen(handler: RequestListener, publish: (count: number) => Promise<void> = () => Promise.resolve()): Promise<Running> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    publish,
    close: () => new Promise((resolve) => (server.close(() => resolve()), server.closeAllConnections())),
  };
}

function answer(response: ServerResponse, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(201, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text);
}

/** As little as a server can do: collects the body, parses it, answers. Streams to everybody who asks with GET. */
async function bare(withToken: boolean): Promise<Running> {
  const streams = new Set<ServerResponse>();
  let sequence = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === "GET") {
      response.writeHead(200, { "content-type": "text/event-stream" }).write("event: position\nid: 0\ndata: {}\n\n");
      streams.add(response);
      response.on("close", () => streams.delete(response));
      return;
    }
    if (withToken) await verify(request.headers.authorization);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    JSON.parse(Buffer.concat(chunks).toString());
    answer(response, { id: "x", sequence: ++sequence, duplicate: false });
  };
  return listen(
    (request, response) => void handle(request, response).catch(() => response.writeHead(401).end()),
    async (count) => {
      for (let from = 0; from < count; from += 100) {
        for (const message of bodies(from, Math.min(100, count - from))) {
          const event = `id: ${++sequence}\ndata: ${JSON.stringify({ id: "x", sequence, timestamp: 1, senderId: "bench", content: message, metadata: {} })}\n\n`;
          for (const stream of streams) stream.write(event);
        }
        // Lets the sockets drain, as any server has to.
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  );
}

/** express with its own reading of JSON, and its own way to answer. */
async function expressServer(withToken: boolean): Promise<Running> {
  const app = express();
  app.use(express.json());
  if (withToken)
    app.use(
      (request: Request, _response: Response, next: NextFunction) => void verify(request.headers.authorization).then(() => next(), next),
    );
  let sequence = 0;
  app.post(
    "/channels/:id/messages",
    (_request: Request, response: Response) => void response.status(201).json({ id: "x", sequence: ++sequence, duplicate: false }),
  );
  return listen(app);
}

interface Fastify {
  addHook(name: "onRequest", hook: (request: { headers: Record<string, string | undefined> }) => Promise<void>): void;
  post(path: string, handler: (request: object, reply: { code(status: number): void }) => Promise<unknown>): void;
  listen(options: { port: number; host: string }): Promise<string>;
  close(): Promise<void>;
}

async function fastifyServer(withToken: boolean): Promise<Running> {
  const app = loadPeer<(options: object) => Fastify>("fastify")({ logger: false });
  if (withToken) app.addHook("onRequest", async ({ headers }) => void (await verify(headers["authorization"])));
  let sequence = 0;
  app.post("/channels/:id/messages", async (_request, reply) => {
    reply.code(201);
    return { id: "x", sequence: ++sequence, duplicate: false };
  });
  const address = await app.listen({ port: 0, host: "127.0.0.1" });
  return { port: Number(new URL(address).port), publish: () => Promise.resolve(), close: () => app.close() };
}

/** A published channel: tokens, checks, and a message stored before it is answered. */
async function sssn(store: MessageStore, tidy: () => void = () => {}): Promise<Running> {
  const security = new JWTChannelSecurity({ secret: SECRET });
  const system = new BaseSystem({ id: "bench", logger: silentLogger });
  system.use(store);
  const channel = system.addChannel(new BroadcastChannel({ id: "bench", store, security, logger: silentLogger, visibility: "public" }));
  const running = await system.publish({ transport: new HttpTransport({ port: 0, logger: silentLogger, maxConnections: 20_000 }) });
  return {
    port: Number(new URL(running.addresses[0] ?? "").port),
    async publish(count) {
      for (let from = 0; from < count; from += 100)
        await channel.writeBatch(
          "bench",
          bodies(from, Math.min(100, count - from)).map((content) => ({ content })),
        );
    },
    async close() {
      await running.close({ timeoutMs: 2_000 });
      tidy();
    },
  };
}

function onLevel(): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), "sssn-bench-http-"));
  return sssn(new LevelMessageStore({ folder, logger: silentLogger }), () => rmSync(folder, { recursive: true, force: true }));
}

const SERVERS: Readonly<Record<ServerName, () => Promise<Running>>> = {
  "node:http": () => bare(false),
  "node:http + jwtVerify": () => bare(true),
  express: () => expressServer(false),
  "express + jwtVerify": () => expressServer(true),
  fastify: () => fastifyServer(false),
  "fastify + jwtVerify": () => fastifyServer(true),
  "SSSN, memory": () => sssn(new MemoryMessageStore()),
  "SSSN, LevelDB flushed": onLevel,
};

const running = await SERVERS[process.argv[2] as ServerName]();
const token = await new SignJWT({ role: "write", channels: "*" })
  .setProtectedHeader({ alg: "HS256", typ: "JWT" })
  .setSubject("bench")
  .setExpirationTime("1h")
  .sign(KEY);
const report = (message: ServerReport): void => void process.send?.(message);

process.on("message", (command: ServerCommand) => {
  void (async () => {
    if (command.type === "publish") {
      await running.publish(command.count);
      report({ type: "published" });
    } else if (command.type === "memory") {
      globalThis.gc?.();
      report({ type: "memory", megabytes: process.memoryUsage().rss / 1_048_576 });
    } else {
      await running.close();
      process.exit(0);
    }
  })();
});
report({ type: "ready", port: running.port, token });
