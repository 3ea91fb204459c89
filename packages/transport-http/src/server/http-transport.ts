import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Express } from "express";
import {
  EventSource,
  SSSNError,
  Ticker,
  consoleLogger,
  guardLogger,
  refuseUnknownOptions,
  sleep,
  systemClock,
  validateInteger,
  type Cancel,
  type ChannelEndpoint,
  type ChannelTransport,
  type Clock,
  type Logger,
  type PublishedChannel,
  type TopologySource,
} from "@sssn/core";
import { PublishedChannels } from "./access.js";
import { answerRequests, makeApplication, type ApplicationOptions } from "./application.js";
import { Connections } from "./connections.js";
import { HostGuard } from "./host-guard.js";
import { ChannelRequests } from "./channel-requests.js";
import type { RequestRecord } from "./exchange.js";
import { HeldRequests } from "./held-requests.js";
import type { HttpApplication, HttpMiddleware } from "./http-application.js";
import { HTTP_TRANSPORT_OPTIONS, type HttpTransportOptions } from "./http-transport-options.js";
import { Mounts } from "./mounts.js";
import { Readiness } from "./readiness.js";
import { checkNames } from "./own-names.js";
import { RequestLog } from "./request-log.js";
import { SharedTickets } from "./shared-tickets.js";
import { LocalTickets, type Tickets } from "./tickets.js";
import { TopologyRequests } from "./topology-requests.js";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_TIMEOUT_MS = 20_000;
const MAX_HEADER_BYTES = 32_768;
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const DEFAULT_STOP_MS = 10_000;
const DEFAULT_LAME_DUCK_MS = 100;
/** So long after the host has stopped serving, connections on which it waits for a stranger are cut. */
const STRANGERS_MS = 1_000;
/** So often it is looked for connections that were opened ahead and never used. */
const UNUSED_MS = 50;
/** At this part of the time that is left, everybody is cut: who closes the host must not be late because of them. */
const LAST_PART = 0.9;
const ACCEPTING_TURNS = 5;

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
  /** The express application, to add middleware or routes of your own before `start()`: they run before the channels'. */
  readonly app: HttpApplication;
  readonly #express: Express;
  /** Each request, once it is answered. */
  readonly events = new EventSource<{ request: RequestRecord }>();
  readonly #options: HttpTransportOptions;
  readonly #applicationOptions: ApplicationOptions;
  readonly #ownLayers: number;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #host: string;
  readonly #port: number;
  readonly #maxBodyBytes: number;
  readonly #channels = new PublishedChannels();
  readonly #mounts = new Mounts();
  readonly #held: HeldRequests;
  readonly #tickets: Tickets;
  readonly #leaving = new AbortController();
  readonly #stopping = new AbortController();
  readonly #lameDuckMs: number;
  readonly #connections: Connections;
  readonly #endpoints = new Map<string, ChannelEndpoint>();
  readonly #server: Server;
  #topology: TopologySource | undefined;
  #url: string | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: HttpTransportOptions = {}) {
    this.#options = options;
    refuseUnknownOptions("HttpTransport", options, HTTP_TRANSPORT_OPTIONS);
    checkNames(options);
    this.#logger = guardLogger(options.logger ?? consoleLogger);
    this.#clock = options.clock ?? systemClock;
    this.#host = options.host ?? "127.0.0.1";
    this.#port = validateInteger("port", options.port ?? 8_000, 0, 65_535);
    this.#maxBodyBytes = validateInteger("maxBodyBytes", options.maxBodyBytes ?? MAX_BODY_BYTES, 1, 256 * 1024 * 1024);
    this.#lameDuckMs = validateInteger("lameDuckMs", options.lameDuckMs ?? DEFAULT_LAME_DUCK_MS, 0, 3_600_000);
    this.#held = new HeldRequests(this.#clock);
    this.#tickets = options.tickets ? new SharedTickets(options.tickets, this.#clock) : new LocalTickets(this.#clock);
    this.#applicationOptions = this.#makeApplicationOptions(options);
    this.#express = makeApplication(this.#applicationOptions);
    this.app = this.#express;
    this.#ownLayers = this.#express.router.stack.length;
    const limits = {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    };
    this.#server = options.tls ? createTlsServer({ ...options.tls, ...limits }) : createServer(limits);
    // None is dropped without a word: their number is judged like everything else.
    this.#server.maxHeadersCount = 0;
    this.#connections = new Connections(this.#server, this.#clock);
    this.#server.maxConnections = validateInteger("maxConnections", options.maxConnections ?? 10_000, 1, 1_000_000);
  }

  #makeApplicationOptions({ corsOrigins = [], trustProxy = false, readiness = {} }: HttpTransportOptions): ApplicationOptions {
    const log = new RequestLog(this.#logger, this.#clock);
    const ready = new Readiness(this.#clock, {
      channels: () => this.#channels.all,
      isUp: () => this.#url !== undefined && !this.#leaving.signal.aborted,
      checks: readiness,
    });
    return {
      logger: this.#logger,
      corsOrigins,
      trustProxy,
      isStopping: () => this.#leaving.signal.aborted,
      stopping: this.#stopping.signal,
      guard: new HostGuard({
        host: this.#host,
        isLoopback: LOOPBACK.test(this.#host),
        publicUrl: this.#options.publicUrl,
        allowedHosts: this.#options.allowedHosts,
        corsOrigins,
      }),
      readiness: () => ready.failing(),
      ended: (record) => {
        log.write(record);
        this.events.emit("request", record);
        // A connection whose stream has ended is idle now, and would be kept alive for a client that asks for more.
        if (this.#stopping.signal.aborted) setImmediate(() => this.#server.closeIdleConnections());
      },
    };
  }

  /**
   * Aborts when the host takes nothing new any more: after the lame-duck phase of its shutdown. An answer of a mounted listener that would go
   * on for long, such as a stream, ends then; what has not ended is cut at the end of the transport's share of the shutdown.
   */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /**
   * Puts a listener of your own under a path on the same port: a plain `(request, response)` one of Node, an express application or router.
   * Unlike a layer on {@link HttpTransport.app} it is in nobody's way: requests to channels do not pass through express because of it. Its
   * requests are judged by their `Host` and `Origin`, logged and drained as all others are; who they are from is yours to ask. It sees the path
   * below the prefix as `request.url`, and the whole one as `originalUrl`, as express has it. Of two prefixes that fit, the longer counts.
   *
   * @param prefix such as `/console`: whole segments out of letters, digits and `. _ ~ -`. Before or after `start()`.
   * @param listener what it does not answer it hands on with the third argument, `next`; that, and what it throws, becomes a problem document.
   * @returns takes it away: what is under way there is answered, and what comes after it is not found.
   * @throws SSSNError `invalid_argument` for a prefix that is none, or that would hide a path of the protocol; `duplicate_id` for one that is taken.
   */
  mount(prefix: string, listener: HttpMiddleware): Cancel {
    return this.#mounts.add(prefix, listener);
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

  showTopology(source: TopologySource): void {
    this.#topology = source;
  }

  #announce(channel: PublishedChannel, url: string): void {
    const endpoint = { transport: this.name, url: `${url}/channels/${encodeURIComponent(channel.id)}` };
    this.#endpoints.set(channel.id, endpoint);
    channel.addEndpoint(endpoint);
  }

  async start(): Promise<readonly string[]> {
    const context = { clock: this.#clock, held: this.#held, tickets: this.#tickets, stopping: this.#stopping.signal };
    const answering = {
      channels: new ChannelRequests({ channels: this.#channels, context, maxBodyBytes: this.#maxBodyBytes }),
      topology: new TopologyRequests(this.#channels, context, () => this.#topology),
      mounts: this.#mounts,
    };
    this.#server.on("request", answerRequests(this.#express, this.#ownLayers, answering, this.#applicationOptions));
    await this.#listen();
    this.#held.start();
    this.#tickets.start();
    const { port } = this.#server.address() as AddressInfo;
    const host = this.#host.includes(":") ? `[${this.#host}]` : this.#host;
    this.#url = (this.#options.publicUrl ?? `${this.#options.tls ? "https" : "http"}://${host}:${port}`).replace(/\/+$/, "");
    for (const channel of this.#channels.all) this.#announce(channel, this.#url);
    return [this.#url];
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      const refuse = (thrown: Error & { code?: string }): void => {
        const taken = thrown.code === "EADDRINUSE";
        const why = taken ? "another program listens there" : thrown.message;
        reject(
          new SSSNError(
            taken ? "address_in_use" : "transport_failed",
            `Can't listen on ${this.#host}:${this.#port}: ${why}. Choose another port, or 0 for any free one.`,
            { cause: thrown },
          ),
        );
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
    const begun = this.#clock.monotonic();
    this.#leaving.abort();
    if (this.#server.listening && this.#lameDuckMs > 0) await sleep(this.#clock, this.#lameDuckWithin(timeoutMs));
    this.#stopping.abort();
    await this.#held.stop();
    if (this.#server.listening) await this.#closeServer(timeoutMs - (this.#clock.monotonic() - begun));
    await this.#tickets.stop(timeoutMs - (this.#clock.monotonic() - begun));
    for (const channel of this.#channels.all) this.detach(channel.id);
  }

  /** The lame-duck phase has half of the transport's share of a shutdown at the most: the rest is for what is in flight. */
  #lameDuckWithin(timeoutMs: number): number {
    const most = Math.floor(timeoutMs / 2);
    if (this.#lameDuckMs > most)
      this.#logger.warn(
        { lameDuckMs: this.#lameDuckMs, granted: most },
        `lameDuckMs is cut to ${most} ms, half of what the transport may take of this shutdown: close with a longer timeoutMs`,
      );
    return Math.min(this.#lameDuckMs, most);
  }

  /** The listener goes last, what was sent to it is answered, and nobody outside can make it wait. */
  async #closeServer(leftMs: number): Promise<void> {
    // What the kernel has accepted and Node has not yet is taken in first.
    for (let turn = 0; turn < ACCEPTING_TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const cancel = this.#clock.schedule(() => this.#server.closeAllConnections(), leftMs * LAST_PART);
    const watch = new Ticker(this.#clock, STRANGERS_MS, async () => this.#connections.cutStrangers());
    watch.start(Math.min(STRANGERS_MS, leftMs / 2));
    const unused = new Ticker(this.#clock, UNUSED_MS, async () => this.#connections.cutUnused());
    unused.start();
    await closed;
    cancel();
    await Promise.all([watch.stop(), unused.stop()]);
  }
}
