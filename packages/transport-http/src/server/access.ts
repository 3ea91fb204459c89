import type { IncomingMessage } from "node:http";
import {
  HOST_OPERATIONS,
  SSSNError,
  invalidToken,
  type ChannelOperation,
  type HostOperation,
  type Principal,
  type PublishedChannel,
} from "@sssn/core";

/** A channel, on whose behalf it is used, and what proved that. */
export interface Access {
  readonly channel: PublishedChannel;
  readonly principal: Principal;
  readonly operation: ChannelOperation;
  readonly credential: string;
  /** What stands in for the credential, where a stream was opened with a ticket. */
  readonly ticket?: string;
}

/** The published channels, and the one way to get at them: with a credential that covers the operation. */
export class PublishedChannels {
  readonly #channels = new Map<string, PublishedChannel>();

  add(channel: PublishedChannel): void {
    if (this.#channels.has(channel.id))
      throw new SSSNError("duplicate_id", `A channel ${channel.id} is attached to this transport already.`, {
        details: { id: channel.id },
      });
    this.#channels.set(channel.id, channel);
  }

  remove(channelId: string): PublishedChannel | undefined {
    const channel = this.#channels.get(channelId);
    this.#channels.delete(channelId);
    return channel;
  }

  get all(): readonly PublishedChannel[] {
    return [...this.#channels.values()];
  }

  /**
   * Authenticates and authorizes before anything else happens. A channel that is private, or does not exist, looks the same: 401
   * without a valid token, 404 with one.
   */
  async open(channelId: string, credential: string, operation: ChannelOperation): Promise<Access> {
    const channel = this.#channels.get(channelId);
    if (channel)
      return { channel, credential, operation, principal: await channel.security.authorizeRequest(credential, channelId, operation) };
    await this.authenticate(credential);
    throw new SSSNError("channel_not_found", 'There is no such channel here: none with this id that was made with visibility: "public".');
  }

  /** @throws SSSNError `token_invalid` when no channel's security knows the credential. */
  async authenticate(credential: string): Promise<void> {
    for (const security of new Set(this.all.map((channel) => channel.security))) {
      if (await security.authenticate(credential)) return;
    }
    throw invalidToken();
  }

  /** The channels on which this credential allows something of a host. */
  async allowing(credential: string, asked: HostOperation): Promise<readonly Access[]> {
    await this.authenticate(credential);
    const operation = HOST_OPERATIONS[asked];
    const checks = this.all.map((channel) =>
      channel.security.authorizeRequest(credential, channel.id, operation).then(
        (principal) => [{ channel, credential, operation, principal }],
        () => [],
      ),
    );
    return (await Promise.all(checks)).flat();
  }
}

const BEARER = /^bearer +(\S+)$/i;

/** The credential of a request: one Authorization header of the scheme Bearer, whatever the case of that word. @throws SSSNError `token_missing`. */
export function bearerOf(request: IncomingMessage): string {
  const match = BEARER.exec(request.headers.authorization ?? "");
  if (match?.[1] !== undefined && authorizationHeaders(request.rawHeaders) === 1) return match[1];
  throw new SSSNError("token_missing", "This takes a token: send the header Authorization: Bearer <token>.");
}

/** Node keeps only the first Authorization header; the raw list shows them all. */
function authorizationHeaders(raw: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < raw.length; index += 2)
    if (raw[index]?.length === 13 && raw[index]?.toLowerCase() === "authorization") count++;
  return count;
}
