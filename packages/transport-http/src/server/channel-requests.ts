import { decoded } from "../protocol/decoded.js";
import { routeNames, routeOf, type Route, type RouteName } from "../protocol/routes.js";
import { bearerOf, type Access, type PublishedChannels } from "./access.js";
import type { Exchange } from "./exchange.js";
import { HANDLERS, type HandlerContext } from "./handlers.js";
import { stopping, unmatched } from "./problems.js";
import { readJsonBody } from "./request-body.js";
import { checkBody, checkQuery, type Checked } from "./validation.js";

export interface ChannelRequestsOptions {
  readonly channels: PublishedChannels;
  readonly context: HandlerContext;
  readonly maxBodyBytes: number;
}

/** `POST /messages` to what answers it. */
const ROUTE_NAMES: ReadonlyMap<string, RouteName> = new Map(
  routeNames.map((name) => [`${routeOf(name).method} ${routeOf(name).path}`, name]),
);
/** Which methods a path takes. */
const METHODS: ReadonlyMap<string, string> = new Map(
  routeNames.map((name) => [
    routeOf(name).path,
    routeNames
      .filter((other) => routeOf(other).path === routeOf(name).path)
      .map((other) => routeOf(other).method)
      .join(", "),
  ]),
);

const CHANNEL_PATH = /^\/channels\/([^/]+)(\/.*)?$/;

/**
 * Everything below `/channels`. Each request is matched, authorized, read, checked and handled, in this order: nothing of it is looked at
 * before its token has said that it may.
 */
export class ChannelRequests {
  readonly #options: ChannelRequestsOptions;

  constructor(options: ChannelRequestsOptions) {
    this.#options = options;
  }

  /** Whether a path is one of these. */
  static owns(url: string): boolean {
    return url.startsWith("/channels") && (url.length === 9 || url[9] === "/" || url[9] === "?");
  }

  /** @throws SSSNError whatever is wrong with the request. */
  async handle(exchange: Exchange, url: string): Promise<void> {
    const mark = url.indexOf("?");
    const [path, query] = mark < 0 ? [url, ""] : [url.slice(0, mark), url.slice(mark + 1)];
    if (path === "/channels" || path === "/channels/") return this.#list(exchange, query);
    const [, id = "", rest = ""] = CHANNEL_PATH.exec(path) ?? [];
    const name = ROUTE_NAMES.get(`${exchange.request.method ?? ""} ${rest}`);
    if (this.#options.context.stopping.aborted) throw stopping();
    if (id === "" || name === undefined) throw unmatched(id === "" ? undefined : METHODS.get(rest));
    const route = routeOf(name);
    exchange.route = `/channels/:id${route.path}`;
    await this.#answer(exchange, name, route, decoded(id), query);
  }

  async #list(exchange: Exchange, query: string): Promise<void> {
    if (exchange.request.method !== "GET") throw unmatched("GET");
    exchange.route = "/channels";
    const visible = await this.#options.channels.allowing(bearerOf(exchange.request), "list");
    checkQuery(undefined, query);
    exchange.sendJson(200, { channels: visible.map(({ channel }) => channel.describe()) });
  }

  async #answer(exchange: Exchange, name: RouteName, route: Route, channelId: string, query: string): Promise<void> {
    const access = await this.#open(exchange, name, route, channelId, query);
    exchange.channelId = access.channel.id;
    exchange.systemId = access.principal.systemId;
    const input = await this.#inputOf(exchange, route, query);
    const result = await HANDLERS[name]({ ...access, context: this.#options.context, input, exchange });
    if (result !== undefined) exchange.sendJson(route.status, result);
  }

  async #open({ request }: Exchange, name: RouteName, { operation }: Route, channelId: string, query: string): Promise<Access> {
    const { channels, context } = this.#options;
    const ticket = name === "stream" && request.headers.authorization === undefined ? new URLSearchParams(query).get("ticket") : null;
    if (ticket === null) return channels.open(channelId, bearerOf(request), operation);
    return { ...(await channels.open(channelId, await context.tickets.credentialOf(ticket, channelId), operation)), ticket };
  }

  async #inputOf({ request }: Exchange, route: Route, query: string): Promise<Checked> {
    const asked = checkQuery(route.query, query);
    return route.body ? checkBody(route.body, await readJsonBody(request, this.#options.maxBodyBytes)) : asked;
  }
}
