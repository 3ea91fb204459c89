import { ForeignAddress, SSSNError } from "@sssn/core";
import { refusalOf } from "./allowed-address.js";
import { channelUrl } from "./channel-url.js";
import type { Hosts } from "./host-connection.js";
import type { HttpChannelOptions } from "./http-channel-options.js";

/** A channel, and where it is. */
export interface ChannelHosts {
  readonly id: string;
  /** Its own URL at each of its hosts. */
  readonly urls: readonly string[];
  /** Those that the token may be sent to. */
  readonly allowed: readonly string[];
  /** Why it may be sent to none of them. */
  readonly refusal: SSSNError | undefined;
}

/**
 * Which channel some addresses are of, and which of them may be sent a token.
 *
 * @throws SSSNError `invalid_argument`, `invalid_identifier`.
 */
export function channelHosts(
  given: string | ForeignAddress | readonly (string | ForeignAddress)[],
  id: string | undefined,
  origins: readonly string[] | undefined,
): ChannelHosts {
  const addresses = typeof given === "string" || given instanceof ForeignAddress ? [given] : given;
  const hosts = addresses.map((address) => ({ ...channelUrl(String(address), id), refusal: refusalOf(address, origins) }));
  const [first] = hosts;
  if (!first) throw new SSSNError("invalid_argument", "A channel has one address at least, but url is an empty list.");
  const stranger = hosts.find((host) => host.id !== first.id);
  if (stranger)
    throw new SSSNError(
      "invalid_argument",
      `All addresses of an HttpChannel are of one channel, but these are of ${first.id} and of ${stranger.id}.`,
    );
  const urls = [...new Set(hosts.map(({ url }) => url))];
  const allowed = urls.filter((url) => hosts.some((host) => host.url === url && !host.refusal));
  return { id: first.id, urls, allowed, refusal: allowed.length > 0 ? undefined : first.refusal };
}

/** What a connection is made of: nothing is sent to an address that may not be sent a token, whoever has found it and whenever. */
export function connectionHosts(
  { id, urls, allowed, refusal }: ChannelHosts,
  { findAddresses, origins }: Pick<HttpChannelOptions, "findAddresses" | "origins">,
): Hosts {
  if (refusal) return { urls, refusal };
  const find =
    findAddresses &&
    (async (): Promise<readonly string[]> => {
      const found = await findAddresses();
      return found.length === 0 ? [] : channelHosts(found, id, origins).allowed;
    });
  return { urls: allowed, find };
}
