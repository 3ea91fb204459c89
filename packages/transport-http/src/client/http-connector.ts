import type { ChannelInfo, ForeignEndpoint } from "@sssn/core";
import { HttpChannel } from "./http-channel.js";
import type { HttpChannelOptions } from "./http-channel-options.js";

/** How channels that a directory has found are connected to: with which token, and to which origins it may go. */
export type HttpConnectorOptions = Omit<HttpChannelOptions, "url" | "findAddresses" | "id" | "origins"> & {
  readonly origins: readonly string[];
};

/**
 * What a directory connects with: makes a channel of an endpoint that it has found. The token goes to the named origins, and to no other that
 * somebody may have registered.
 *
 * @example
 * ```ts
 * import { httpConnector } from "@sssn/transport-http/client";
 * const connect = httpConnector({ token: "the-callers", origins: ["http://127.0.0.1:8000"] });
 * if (typeof connect !== "function") throw new Error("it is given to a Directory");
 * ```
 */
export function httpConnector(options: HttpConnectorOptions): (endpoint: ForeignEndpoint, info: Pick<ChannelInfo, "id">) => HttpChannel {
  return ({ url, addresses = [url], findAddresses }, { id }) =>
    new HttpChannel({ ...options, url: addresses, id, ...(findAddresses ? { findAddresses } : {}) });
}
