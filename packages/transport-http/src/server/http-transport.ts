import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Express } from "express";
import {
  SSSNError,
  consoleLogger,
  systemClock,
  validateInteger,
  type ChannelEndpoint,
  type ChannelTransport,
  type Clock,
  type Logger,
  type PublishedChannel,
} from "@sssn/core";
import { PublishedChannels } from "./access.js";
import { problemHandler } from "./problems.js";
import { channelRoutes } from "./routes.js";

export interface HttpTransportOptions {
  /** Where to listen. Default `127.0.0.1`: this machine only. */
  readonly host?: string;
  /** From 0 (any free port) to 65 535. Default 8000. */
  readonly port?: number;
  /** What clients are told to connect to, when it is not where the server listens: behind a proxy, say. */
  readonly publicUrl?: string;
  /** Publish channels with open or plain-ACL security beyond this machine all the same. Default false. */
  readonly allowInsecure?: boolean;
  /** Largest request body, in bytes. Default 4 MiB. */
  readonly maxBodyBytes?: number;
  /** Most connections at once. Default 10 000. */
  readonly maxConnections?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const DEFAULT_STOP_MS = 10_000;

/**
 * Carries channels over HTTP, on express. Every request needs a Bearer token, which the channel's own security judges before
 * anything is dispatched.
 *
 * @example
 * ```ts
 * import { BaseSystem, BroadcastChannel, MemoryMessageStore } from "@sssn/core";
 * import { HttpTransport } from "@sssn/transport-http";
 * const system = new BaseSystem({ id: "station" });
 * system.addChannel(new BroadcastChannel({ id: "readings", store: new MemoryMessageStore(), visibility: "public" }));
 * const running = await system.publish({ transport: new HttpTransport({ port: 0 }) });
 * const response = await fetch(`${running.addresses[0]}/channels`);
 * if (response.status !== 401) throw new Error("nobody gets in without a token");
 * await running.close();
 * ```
 */
export class HttpTransport implements ChannelTransport {
  readonly name = "http";
  /** The express application, to add middleware or routes of your own before `start()`. */
  readonly app: Express;
  readonly #options: HttpTransportOptions;
  readonly #host: string;
  readonly #port: number;
  readonly #channels = new PublishedChannels();
  readonly #stopping = new AbortController();
  readonly #endpoints = new Map<string, ChannelEndpoint>();
  readonly #server: Server;
  #url: string | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: HttpTransportOptions = {}) {
    this.#options = options;
    this.#host = options.host ?? "127.0.0.1";
    this.#port = validateInteger("port", options.port ?? 8_000, 0, 65_535);
    this.app = this.#makeApp(options);
    this.#server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 32_768 }, this.app);
    this.#server.maxConnections = validateInteger("maxConnections", options.maxConnections ?? 10_000, 1, 1_000_000);
  }

  #makeApp({ maxBodyBytes = 4 * 1024 * 1024, clock = systemClock }: HttpTransportOptions): Express {
    const app = express();
    app.disable("x-powered-by");
    app.disable("etag");
    app.set("query parser", "simple");
    app.use((_request, response, next) => {
      response.set({ "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store" });
      // A connection that is kept alive would hold a stopping server open.
      if (this.#stopping.signal.aborted) response.set("Connection", "close");
      next();
    });
    app.get("/healthz", (_request, response) => void response.json({ status: "ok" }));
    app.get("/readyz", (_request, response) => {
      const ready = this.#isReady();
      response.status(ready ? 200 : 503).json({ status: ready ? "ready" : "not ready" });
    });
    app.use("/channels", express.json({ limit: maxBodyBytes, strict: false, inflate: false }));
    app.use("/channels", channelRoutes({ channels: this.#channels, clock, stopping: this.#stopping.signal }));
    return app;
  }

  #isReady(): boolean {
    return this.#url !== undefined && !this.#stopping.signal.aborted && this.#channels.all.every(({ state }) => state === "running");
  }

  attach(channel: PublishedChannel): void {
    if (channel.security.strength !== "token" && !LOOPBACK.test(this.#host) && this.#options.allowInsecure !== true) {
      throw new SSSNError(
        "insecure_publication",
        `Channel ${channel.id} would be reachable at ${this.#host} by anybody: its security is ${channel.security.strength === "open" ? "open" : "a list of names, which anybody can claim"}. Use JWTChannelSecurity, listen on 127.0.0.1, or say allowInsecure: true.`,
        { details: { channel: channel.id } },
      );
    }
    this.#channels.add(channel);
    if (this.#url !== undefined) this.#announce(channel, this.#url);
  }

  detach(channelId: string): void {
    const channel = this.#channels.remove(channelId);
    const endpoint = this.#endpoints.get(channelId);
    if (channel && endpoint) channel.removeEndpoint(endpoint);
    this.#endpoints.delete(channelId);
  }

  #announce(channel: PublishedChannel, url: string): void {
    const endpoint = { transport: this.name, url: `${url}/channels/${encodeURIComponent(channel.id)}` };
    this.#endpoints.set(channel.id, endpoint);
    channel.addEndpoint(endpoint);
  }

  async start(): Promise<readonly string[]> {
    this.app.use((_request, _response) => {
      throw new SSSNError("not_found", "There is nothing at this path. The channels are below /channels.");
    });
    this.app.use(problemHandler(this.#options.logger ?? consoleLogger));
    await this.#listen();
    const { port } = this.#server.address() as AddressInfo;
    const host = this.#host.includes(":") ? `[${this.#host}]` : this.#host;
    this.#url = (this.#options.publicUrl ?? `http://${host}:${port}`).replace(/\/+$/, "");
    for (const channel of this.#channels.all) this.#announce(channel, this.#url);
    return [this.#url];
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      const refuse = (thrown: Error & { code?: string }): void => {
        const taken = thrown.code === "EADDRINUSE";
        const why = taken ? "another program listens there" : thrown.message;
        reject(new SSSNError(taken ? "address_in_use" : "transport_failed", `Can't listen on ${this.#host}:${this.#port}: ${why}. Choose another port, or 0 for any free one.`, { cause: thrown }));
      };
      this.#server.once("error", refuse);
      this.#server.listen(this.#port, this.#host, () => {
        this.#server.off("error", refuse);
        resolve();
      });
    });
  }

  stop(options: { timeoutMs?: number } = {}): Promise<void> {
    return (this.#stopped ??= this.#stop(options.timeoutMs ?? DEFAULT_STOP_MS));
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.#stopping.abort();
    const { clock = systemClock } = this.#options;
    if (this.#server.listening) {
      const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
      this.#server.closeIdleConnections();
      const cancel = clock.schedule(() => this.#server.closeAllConnections(), timeoutMs);
      await closed;
      cancel();
    }
    for (const channel of this.#channels.all) this.detach(channel.id);
  }
}

