import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import cors from "cors";
import type { Logger } from "@sssn/core";
import { openApiDocument } from "../protocol/openapi.js";
import { descriptionPage } from "./description-page.js";
import { Exchange, type RequestRecord } from "./exchange.js";
import { ChannelRequests } from "./channel-requests.js";
import type { HostGuard } from "./host-guard.js";
import type { Mounts } from "./mounts.js";
import type { OwnPath } from "./own-paths.js";
import { nothingHere, sendProblem, stopping } from "./problems.js";
import { TopologyRequests } from "./topology-requests.js";

export interface ApplicationOptions {
  /** A pino logger fits. Default: warnings and errors to the console. */
  readonly logger: Logger;
  /** Pages of these origins may call from a browser. None: no header says that anybody may. */
  readonly corsOrigins: readonly string[];
  readonly trustProxy: boolean | number | string;
  /** Whether every answer closes its connection. */
  readonly isStopping: () => boolean;
  /** Aborts when nothing new is taken any more. */
  readonly stopping: AbortSignal;
  readonly guard: HostGuard;
  readonly readiness: () => Promise<readonly string[]>;
  readonly ended: (record: RequestRecord) => void;
}

const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The express application: what comes before and beside the channels. */
export function makeApplication(options: ApplicationOptions): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", "simple");
  app.set("trust proxy", options.trustProxy);
  app.use((request, response, next) => {
    begin(request, response, options);
    options.guard.check(request);
    next();
  });
  if (options.corsOrigins.length > 0) {
    app.use(
      cors({
        origin: [...options.corsOrigins],
        methods: ["GET", "POST"],
        allowedHeaders: ["Authorization", "Content-Type", "Last-Event-ID", "X-Request-Id", "traceparent", "tracestate"],
        exposedHeaders: ["Retry-After", "X-Request-Id"],
        maxAge: 600,
      }),
    );
  }
  const at = (path: OwnPath, answer: (exchange: Exchange) => void | Promise<void>): void => {
    app.get(path, async (_request, response) => {
      const exchange = Exchange.of(response);
      exchange.route = path;
      await answer(exchange);
    });
  };
  at("/healthz", (exchange) => exchange.sendJson(200, { status: "ok" }));
  at("/readyz", async (exchange) => {
    const failing = await options.readiness();
    exchange.sendJson(failing.length === 0 ? 200 : 503, failing.length === 0 ? { status: "ready" } : { status: "not ready", failing });
  });
  const description = openApiDocument();
  // Anybody may ask for these two, so they are made once, when somebody does.
  let [json, page]: (string | undefined)[] = [];
  at("/openapi.json", (exchange) => exchange.send(200, "application/json; charset=utf-8", (json ??= JSON.stringify(description))));
  at("/docs", (exchange) =>
    exchange.send(200, "text/html; charset=utf-8", (page ??= descriptionPage(description)), ["Content-Security-Policy", PAGE_POLICY]),
  );
  return app;
}

/** Who answers requests: the protocol, and what a user has put beside it. */
export interface Answering {
  readonly channels: ChannelRequests;
  readonly topology: TopologyRequests;
  readonly mounts: Mounts;
}

/**
 * What comes last: the channels and what was mounted, so that whatever was added to the application before runs first, and everything that failed.
 *
 * @param ownLayers how many layers the application had when it was made.
 * @returns what the server calls with each request. Where nothing was added to the application, requests to channels and to what was mounted do
 * not go through it: its way to a handler would cost a channel a third of its time.
 */
export function answerRequests(
  app: Express,
  ownLayers: number,
  { channels, topology, mounts }: Answering,
  options: ApplicationOptions,
): RequestListener {
  const isPlain = options.corsOrigins.length === 0 && app.router.stack.length === ownLayers;
  const isOwned = (url: string): boolean => ChannelRequests.owns(url) || TopologyRequests.owns(url) || mounts.at(url) !== undefined;
  const answer = (exchange: Exchange, url: string, failed: (thrown: unknown) => void): void => {
    if (ChannelRequests.owns(url)) return void channels.handle(exchange, url).catch(failed);
    if (TopologyRequests.owns(url)) return void topology.handle(exchange, url).catch(failed);
    const mounted = mounts.at(url);
    if (!mounted) failed(nothingHere());
    else if (options.stopping.aborted) failed(stopping());
    else mounted.answer(exchange, url, failed);
  };
  app.use((request: Request, response: Response, next: NextFunction): void => {
    answer(Exchange.of(response), request.originalUrl, next);
  });
  // Express knows an error handler by its four parameters.
  app.use((thrown: unknown, _request: Request, response: Response, _next: NextFunction): void =>
    sendProblem(Exchange.of(response), thrown, options.logger),
  );
  if (!isPlain) return app;
  return (request, response) => {
    const { url = "" } = request;
    if (!isOwned(url)) {
      app(request, response);
      return;
    }
    const exchange = begin(request, response, options);
    const failed = (thrown: unknown): void => sendProblem(exchange, thrown, options.logger);
    try {
      options.guard.check(request);
    } catch (thrown) {
      failed(thrown);
      return;
    }
    answer(exchange, url, failed);
  };
}

function begin(request: IncomingMessage, response: ServerResponse, options: ApplicationOptions): Exchange {
  const exchange = new Exchange(request, response, options.isStopping);
  response.once("close", () => options.ended(exchange.record()));
  return exchange;
}
