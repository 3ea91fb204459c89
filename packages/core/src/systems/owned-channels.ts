import type { BaseChannel } from "../channels/base-channel.js";
import type { ChannelClient } from "../client/channel-client.js";
import type { Cancel } from "../clock.js";
import { SSSNError, describe } from "../errors.js";
import { channelPart, wirePart, type TopologyPart } from "./topology-parts.js";

/** The channels that a system owns: connected to its client, and listened to. */
export class OwnedChannels {
  readonly #channels = new Map<string, { readonly channel: BaseChannel; readonly cancels: readonly Cancel[] }>();
  readonly #client: ChannelClient;
  readonly #changed: (parts: readonly TopologyPart[]) => void;

  /** @param changed told of each channel, and of what the client is connected to, when a topology may tell something else of it. */
  constructor(client: ChannelClient, changed: (parts: readonly TopologyPart[]) => void) {
    this.#client = client;
    this.#changed = changed;
    const wireChanged = (channelId: string): void => changed([this.#wirePart(channelId)]);
    client.events.on("connected", wireChanged);
    client.events.on("disconnected", wireChanged);
  }

  get all(): readonly BaseChannel[] {
    return Array.from(this.#channels.values(), ({ channel }) => channel);
  }

  /** What a topology tells of them, and of what the client is connected to. */
  get parts(): readonly TopologyPart[] {
    return [...this.all.map((channel) => this.#partOf(channel)), ...this.#client.channelIds.map((id) => this.#wirePart(id))];
  }

  /** @throws SSSNError `duplicate_id`. */
  add(channel: BaseChannel): void {
    this.#client.connect(channel);
    const part = this.#partOf(channel);
    const changed = (): void => this.#changed([part]);
    const cancels = [channel.events.on("state", changed), channel.events.on("endpoints", changed)];
    this.#channels.set(channel.id, { channel, cancels });
    changed();
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
    this.#changed([this.#partOf(owned.channel)]);
    return owned.channel;
  }

  #partOf(channel: BaseChannel): TopologyPart {
    return channelPart(channel, this.#client.systemId, () => this.#channels.get(channel.id)?.channel === channel);
  }

  #wirePart(channelId: string): TopologyPart {
    return wirePart(this.#client.systemId, channelId, () => this.#client.has(channelId));
  }
}
