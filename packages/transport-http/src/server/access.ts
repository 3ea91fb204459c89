import type { Request } from "express";
import { SSSNError, invalidToken, type ChannelOperation, type Principal, type PublishedChannel } from "@sssn/core";

/** A channel and on whose behalf it is used. */
export interface Access {
  readonly channel: PublishedChannel;
  readonly principal: Principal;
}

/** The published channels, and the one way to get at them: with a credential that covers the operation. */
export class PublishedChannels {
  readonly #channels = new Map<string, PublishedChannel>();

  add(channel: PublishedChannel): void {
    if (this.#channels.has(channel.id)) throw new SSSNError("duplicate_id", `A channel ${channel.id} is attached to this transport already.`, { details: { id: channel.id } });
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
  async open(request: Request, operation: ChannelOperation): Promise<Access> {
    const credential = bearerOf(request);
    const id = request.params["id"];
    const channel = typeof id === "string" ? this.#channels.get(id) : undefined;
    if (channel) return { channel, principal: await channel.security.authorizeRequest(credential, channel.id, operation) };
    await this.authenticate(credential);
    throw new SSSNError("channel_not_found", "There is no such channel here.");
  }

  /** @throws SSSNError `token_invalid` when no channel's security knows the credential. */
  async authenticate(credential: string): Promise<void> {
    for (const security of new Set(this.all.map((channel) => channel.security))) {
      if (await security.authenticate(credential)) return;
    }
    throw invalidToken();
  }

  /** The channels that this credential may see. */
  async visible(request: Request): Promise<readonly PublishedChannel[]> {
    const credential = bearerOf(request);
    await this.authenticate(credential);
    const checks = this.all.map(async (channel) => {
      const allowed = await channel.security.authorizeRequest(credential, channel.id, "info").then(
        () => true,
        () => false,
      );
      return allowed ? [channel] : [];
    });
    return (await Promise.all(checks)).flat();
  }
}

/** The credential of a request: one Authorization header of the scheme Bearer, whatever the case of that word. */
function bearerOf(request: Request): string {
  // Node joins repeated headers of most names, but keeps only the first Authorization; the raw list shows them all.
  const given = request.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === "authorization").length;
  const match = /^bearer +([^\s]+)$/i.exec(request.headers.authorization ?? "");
  if (given === 1 && match?.[1] !== undefined) return match[1];
  throw new SSSNError("token_missing", "This takes a token: send the header Authorization: Bearer <token>.");
}
