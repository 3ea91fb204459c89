import type { ServerOptions as TlsServerOptions } from "node:https";
import type { Clock, Logger } from "@sssn/core";
import type { ReadinessCheck } from "./readiness.js";
import type { TicketOptions } from "./shared-tickets.js";

/** Where a transport listens, and what it lets through. */
export interface HttpTransportOptions {
  /** Where to listen. Default `127.0.0.1`: this machine only. */
  readonly host?: string;
  /** From 0 (any free port) to 65 535. Default 8000. */
  readonly port?: number;
  /** What clients are told to connect to, when it is not where the server listens: behind a proxy, say. */
  readonly publicUrl?: string;
  /** Serve https: at least `key` and `cert`, and whatever else Node's TLS server takes. Default: plain http, for this machine or behind a proxy that ends TLS. */
  readonly tls?: TlsServerOptions;
  /** Which proxies are believed in what they say of the caller's address, as express has it: how many, or their addresses. Default: none. */
  readonly trustProxy?: boolean | number | string;
  /** Origins whose pages may call from a browser, such as `https://app.example`. Default: none. */
  readonly corsOrigins?: readonly string[];
  /**
   * Names that a request may call this host by in its `Host` header, without a port. On loopback its own names are taken besides, and no
   * others, so that no page can reach it under a name of its own (DNS rebinding); elsewhere any name is taken where this is left out.
   */
  readonly allowedHosts?: readonly string[];
  /**
   * How long the host still answers everything after it was told to stop, in ms from 0: `/readyz` says 503 and every answer closes its
   * connection, so that whoever sends work here has time to send it elsewhere. Longer than the time between two probes of a load balancer. At the most half of the
   * transport's share of the shutdown, which is 40 % of its deadline: more is cut, and said so in the log. Default 100.
   */
  readonly lameDuckMs?: number;
  /** Publish channels with open or plain-ACL security beyond this machine all the same. Default false. */
  readonly allowInsecure?: boolean;
  /** Largest request body, in bytes. Default 4 MiB. */
  readonly maxBodyBytes?: number;
  /** Most connections at once. Default 10 000. */
  readonly maxConnections?: number;
  /**
   * Where tickets of `EventSource`s are kept, so that one that was got at one host opens a stream at every host that shares the store: needed wherever several hosts serve the same
   * browsers. Default: each host knows its own, and they end with it.
   */
  readonly tickets?: TicketOptions;
  /** What else has to hold for `/readyz`, by name: that a worker is not deaf (`() => worker.isListening`), say. */
  readonly readiness?: Readonly<Record<string, ReadinessCheck>>;
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock?: Clock;
  /** One line a request on the level info, without a token. A pino logger fits. Default: warnings and errors to the console. */
  readonly logger?: Logger;
}

/** What it can be told. */
export const HTTP_TRANSPORT_OPTIONS: ReadonlySet<string> = new Set<keyof HttpTransportOptions>([
  "host",
  "port",
  "publicUrl",
  "tls",
  "trustProxy",
  "corsOrigins",
  "allowedHosts",
  "lameDuckMs",
  "allowInsecure",
  "maxBodyBytes",
  "maxConnections",
  "readiness",
  "clock",
  "logger",
  "tickets",
]);
