import type { BaseChannel } from "../channels/base-channel.js";
import type { ChannelClient } from "../client/channel-client.js";
import type { Cancel } from "../clock.js";
import { SSSNError, describe } from "../errors.js";

/** The channels that a system owns: connected to its client, and listened to. */
export class OwnedChannels {
  readonly #channels = new Map<string, { readonly channel: BaseChannel; readonly cancels: readonly Cancel[] }>();
  readonly #client: ChannelClient;
  readonly #changed: () => void;

  /** @param changed told when what a topology tells of a channel, or of what the client is connected to, may be another one. */
  constructor(client: ChannelClient, changed: () => void) {
    this.#client = client;
    this.#changed = changed;
    client.events.on("connected", changed);
    client.events.on("disconnected", changed);
  }

  get all(): readonly BaseChannel[] {
    return Array.from(this.#channels.values(), ({ channel }) => channel);
  }

  /** @throws SSSNError `duplicate_id`. */
  add(channel: BaseChannel): void {
    this.#client.connect(channel);
    const cancels = [channel.events.on("state", this.#changed), channel.events.on("endpoints", this.#changed)];
    this.#channels.set(channel.id, { channel, cancels });
  }

  /** Lets go of a channel. @throws SSSNError `channel_not_connected` for one that is not there, with those that are. */
  take(channelId: string): BaseChannel {
    const owned = this.#channels.get(channelId);
    if (!owned) {
      const known = [...this.#channels.keys()];
      throw new SSSNError(
        "channel_not_connected",
        `System ${this.#client.systemId} owns no channel ${describe(channelId)}. It owns: ${known.join(", ") || "none"}.`,
        { details: { known } },
      );
    }
    this.#channels.delete(channelId);
    for (const cancel of owned.cancels) cancel();
    this.#client.disconnect(channelId);
    return owned.channel;
  }
}
