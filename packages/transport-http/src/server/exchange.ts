import type { IncomingMessage, ServerResponse } from "node:http";
import { SSSNError, type ErrorCode } from "@sssn/core";

/** What is known about a request once it is answered. It never holds a token, a query or a body. */
export interface RequestRecord {
  /** As it stands in the answer's `X-Request-Id`: the caller's own, where that is a plain word, or a new one. */
  readonly id: string;
  readonly method: string;
  /** The route's pattern, such as `/channels/:id/messages`; `other` for what is no route. Few, so that metrics may be labelled with it. */
  readonly route: string;
  /** The channel, where the caller may know of it. */
  readonly channel?: string;
  /** Who asked, where that is proved. */
  readonly systemId?: string;
  /** 0 when the caller hung up before there was an answer. */
  readonly status: number;
  readonly durationMs: number;
  /** Why it was refused. */
  readonly error?: ErrorCode;
  /** What was wrong with a token that was refused, or why that can't be told; never what it holds. For the host's log only. */
  readonly reason?: string;
}

const CALLERS_ID = /^[A-Za-z0-9._-]{1,128}$/;
const PREFIX = Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("");
/** Where an answer keeps its exchange. A WeakMap of all answers would make every garbage collection dearer. */
const EXCHANGE = Symbol("exchange");
let exchangeCount = 0;

type Answer = ServerResponse & { [EXCHANGE]?: Exchange };

/** One request and its answer. */
export class Exchange {
  readonly id: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  route = "other";
  channelId: string | undefined;
  systemId: string | undefined;
  error: ErrorCode | undefined;
  reason: string | undefined;
  readonly #isStopping: () => boolean;
  readonly #begun = performance.now();

  /** @param isStopping whether the connection must not be kept alive when it is answered. */
  constructor(request: IncomingMessage, response: ServerResponse, isStopping: () => boolean) {
    const given = request.headers["x-request-id"];
    this.id = typeof given === "string" && CALLERS_ID.test(given) ? given : `${PREFIX}-${(++exchangeCount).toString(36)}`;
    this.request = request;
    this.response = response;
    this.#isStopping = isStopping;
    (response as Answer)[EXCHANGE] = this;
  }

  /** The exchange of an answer. @throws SSSNError `internal` outside of this transport's application. */
  static of(response: ServerResponse): Exchange {
    const exchange = (response as Answer)[EXCHANGE];
    if (exchange) return exchange;
    throw new SSSNError("internal", "This request did not come through the transport's application.");
  }

  /** Head and body in one write. */
  send(status: number, type: string, text: string, more: readonly string[] = []): void {
    this.response.writeHead(status, [...this.headers(), "Content-Type", type, "Content-Length", String(Buffer.byteLength(text)), ...more]);
    this.response.end(this.request.method === "HEAD" ? undefined : text);
  }

  sendJson(status: number, value: unknown): void {
    this.send(status, "application/json; charset=utf-8", JSON.stringify(value));
  }

  /** What every answer carries. */
  headers(): string[] {
    const headers = ["X-Request-Id", this.id, "Cache-Control", "no-store", "X-Content-Type-Options", "nosniff"];
    if (this.#isStopping() || this.#hasUnreadBody) headers.push("Connection", "close");
    return headers;
  }

  /** Whether the host is leaving: an answer that somebody else makes closes its connection as well. */
  get isLast(): boolean {
    return this.#isStopping();
  }

  /** Nobody is going to read it, so it must not be sent to the end. */
  get #hasUnreadBody(): boolean {
    const { complete, headers } = this.request;
    return !complete && (headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0");
  }

  record(): RequestRecord {
    const { id, route, channelId, systemId, error, reason, request, response } = this;
    return {
      id,
      method: request.method ?? "",
      route,
      ...(channelId === undefined ? {} : { channel: channelId }),
      ...(systemId === undefined ? {} : { systemId }),
      status: response.headersSent ? response.statusCode : 0,
      durationMs: performance.now() - this.#begun,
      ...(error === undefined ? {} : { error }),
      ...(reason === undefined ? {} : { reason }),
    };
  }
}
