import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import cors from "cors";
import { SSSNError, type Logger } from "@sssn/core";
import { openApiDocument } from "../protocol/openapi.js";
import { descriptionPage } from "./description-page.js";
import { Exchange, type RequestRecord } from "./exchange.js";
import { ChannelRequests } from "./channel-requests.js";
import type { HostGuard } from "./host-guard.js";
import { sendProblem } from "./problems.js";

export interface ApplicationOptions {
  /** A pino logger fits. Default: warnings and errors to the console. */
  readonly logger: Logger;
  /** Pages of these origins may call from a browser. None: no header says that anybody may. */
  readonly corsOrigins: readonly string[];
  readonly trustProxy: boolean | number | string;
  /** Whether every answer closes its connection. */
  readonly isStopping: () => boolean;
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
  const at = (path: string, answer: (exchange: Exchange) => void | Promise<void>): void => {
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

/**
 * What comes last: the channels, so that whatever was added to the application before runs first, and everything that failed.
 *
 * @param ownLayers how many layers the application had when it was made.
 * @returns what the server calls with each request. Where nothing was added to the application, requests to channels do not go through
 * it: its way to a handler would cost them a third of their time.
 */
export function mountChannels(app: Express, ownLayers: number, requests: ChannelRequests, options: ApplicationOptions): RequestListener {
  const isPlain = options.corsOrigins.length === 0 && app.router.stack.length === ownLayers;
  app.use((request: Request, response: Response): Promise<void> => {
    const { originalUrl } = request;
    if (!ChannelRequests.owns(originalUrl))
      throw new SSSNError("not_found", "There is nothing at this path. The channels are below /channels.");
    return requests.handle(Exchange.of(response), originalUrl);
  });
  // Express knows an error handler by its four parameters.
  app.use((thrown: unknown, _request: Request, response: Response, _next: NextFunction): void =>
    sendProblem(Exchange.of(response), thrown, options.logger),
  );
  if (!isPlain) return app;
  return (request, response) => {
    const { url = "" } = request;
    if (!ChannelRequests.owns(url)) {
      app(request, response);
      return;
    }
    const exchange = begin(request, response, options);
    try {
      options.guard.check(request);
    } catch (thrown) {
      sendProblem(exchange, thrown, options.logger);
      return;
    }
    requests.handle(exchange, url).catch((thrown: unknown) => sendProblem(exchange, thrown, options.logger));
  };
}

function begin(request: IncomingMessage, response: ServerResponse, options: ApplicationOptions): Exchange {
  const exchange = new Exchange(request, response, options.isStopping);
  response.once("close", () => options.ended(exchange.record()));
  return exchange;
}
