import { SSSNError, describe, type Cancel } from "@sssn/core";
import type { Exchange } from "./exchange.js";
import type { HttpMiddleware } from "./http-application.js";
import { OWN_PATHS } from "./own-paths.js";
import { nothingHere } from "./problems.js";

const PREFIX = /^(?:\/[A-Za-z0-9._~-]+)+$/;

/** What a user has put under a path of its own. */
export class Mounts {
  /** The longest prefix comes first: of two that fit, it counts. */
  #mounted: readonly Mounted[] = [];

  /** @throws SSSNError `invalid_argument`, `duplicate_id`. */
  add(prefix: string, listener: HttpMiddleware): Cancel {
    checkPrefix(prefix);
    if (typeof listener !== "function")
      throw new SSSNError("invalid_argument", `What is mounted is a function of request and response, but is ${describe(listener)}.`);
    if (this.#mounted.some((other) => other.prefix === prefix))
      throw new SSSNError("duplicate_id", `Something is mounted at ${prefix} already. Unmount that first, or choose another prefix.`, {
        details: { prefix },
      });
    const mounted = new Mounted(prefix, listener);
    this.#mounted = [...this.#mounted, mounted].sort((left, right) => right.prefix.length - left.prefix.length);
    return () => {
      this.#mounted = this.#mounted.filter((other) => other !== mounted);
    };
  }

  /** Who answers at a path with its query. */
  at(url: string): Mounted | undefined {
    return this.#mounted.find((mounted) => mounted.owns(url));
  }
}

/** A listener and where it stands. */
class Mounted {
  readonly prefix: string;
  readonly #listener: HttpMiddleware;

  constructor(prefix: string, listener: HttpMiddleware) {
    this.prefix = prefix;
    this.#listener = listener;
  }

  owns(url: string): boolean {
    const { length } = this.prefix;
    return url.startsWith(this.prefix) && (url.length === length || url[length] === "/" || url[length] === "?");
  }

  /**
   * @param url the whole path, with its query.
   * @param failed told, once, of what the listener throws, and that it has handed the request on.
   */
  answer(exchange: Exchange, url: string, failed: (thrown: unknown) => void): void {
    const { request, response } = exchange;
    exchange.route = this.prefix;
    const rest = url.slice(this.prefix.length);
    // As express tells a router where it stands.
    Object.assign(request, { url: rest.startsWith("/") ? rest : `/${rest}`, baseUrl: this.prefix, originalUrl: url });
    response.setHeader("X-Request-Id", exchange.id);
    if (exchange.isLast) response.setHeader("Connection", "close");
    let hasFailed = false;
    const fail = (thrown: unknown): void => {
      if (hasFailed) return;
      hasFailed = true;
      failed(thrown);
    };
    // One that does not return a promise may throw at once.
    new Promise((resolve) => {
      resolve(this.#listener(request, response, (error) => fail(error ?? nothingHere())));
    }).catch(fail);
  }
}

/** @throws SSSNError `invalid_argument`. */
function checkPrefix(prefix: unknown): void {
  if (typeof prefix !== "string" || !PREFIX.test(prefix) || /\/\.{1,2}(?:\/|$)/.test(prefix))
    throw new SSSNError(
      "invalid_argument",
      `A prefix looks like /console or /tools/console: segments out of letters, digits and . _ ~ -, and no slash at its end. It is ${describe(prefix)}.`,
    );
  // Express takes a path in large letters for the same one.
  const small = prefix.toLowerCase();
  const hidden = OWN_PATHS.find((path) => small === path || small.startsWith(`${path}/`));
  if (hidden !== undefined)
    throw new SSSNError("invalid_argument", `${prefix} would hide ${hidden}, which is the protocol's own. Choose another prefix.`, {
      details: { hidden },
    });
}
