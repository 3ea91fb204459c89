import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * A handler as express takes it; also an express `Router`, and whatever `express.json()` and other middleware makers return.
 *
 * Declared as a method, so that handlers written against express's own, narrower types fit as well.
 */
export type HttpMiddleware = {
  handle(request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): unknown;
}["handle"];

/** What comes before a handler is reached. A path as express takes it: `/metrics`, `/reports/:year`. */
type Route = (path: string, ...handlers: readonly HttpMiddleware[]) => unknown;

/**
 * The transport's express application, as far as it is meant to be added to. It is a whole one: who has express's types installed may
 * say `transport.app as Express`. They are not asked of everybody, because nothing else here needs them.
 */
export interface HttpApplication {
  (request: IncomingMessage, response: ServerResponse): unknown;
  /** Adds middleware for every request, or for those below a path. */
  use(path: string, ...handlers: readonly HttpMiddleware[]): unknown;
  use(...handlers: readonly HttpMiddleware[]): unknown;
  readonly get: Route;
  readonly post: Route;
  readonly put: Route;
  readonly patch: Route;
  readonly delete: Route;
  readonly options: Route;
}
