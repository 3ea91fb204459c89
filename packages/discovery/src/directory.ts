import {
  SSSNError,
  systemClock,
  type ChannelEndpoint,
  type ChannelInfo,
  type ChannelPort,
  type ChannelResolver,
  type Clock,
  type Subscription,
  type SystemDescriptor,
} from "@sssn/core";
import { RegistrationIndex, type ChannelQuery, type DirectoryEntry, type SystemQuery } from "./registration-index.js";

/** How a {@link Directory} reads and connects. */
export interface DirectoryOptions {
  /** Makes a channel out of an endpoint, or `undefined` for a transport that it does not speak. */
  readonly connect?: (endpoint: ChannelEndpoint, info: ChannelInfo) => ChannelPort | undefined;
  readonly clock?: Clock;
}

/** Something in the directory has changed. */
export interface DirectoryChange {
  readonly type: "live" | "gone";
  readonly entry: DirectoryEntry;
}

const PAGE = 1_000;

/**
 * Reads a discovery channel, here or behind a transport, and finds what is registered there.
 *
 * @example
 * ```ts
 * import { ChannelClient, MemoryMessageStore, PassthroughChannel } from "@sssn/core";
 * import { Directory, DiscoveryChannel } from "@sssn/discovery";
 * const store = new MemoryMessageStore();
 * const [discovery, orders] = [new DiscoveryChannel({ id: "discovery", store }), new PassthroughChannel({ id: "orders", store })];
 * await Promise.all([discovery.start(), orders.start()]);
 * await discovery.registerChannel("shop", { ...orders.describe(), endpoints: [{ transport: "http", url: "http://127.0.0.1:1/channels/orders" }] });
 * const client = new ChannelClient("clerk");
 * await client.connectFrom(new Directory(discovery, "clerk", { connect: () => orders }), "orders");
 * await client.write("orders", { item: "tea" });
 * await Promise.all([discovery.drain(), orders.drain()]);
 * ```
 */
export class Directory implements ChannelResolver {
  readonly #channel: ChannelPort;
  readonly #readerId: string;
  readonly #options: DirectoryOptions;
  readonly #clock: Clock;
  readonly #index = new RegistrationIndex();
  #position = 0;

  /** @param readerId in whose name the discovery channel is read. */
  constructor(channel: ChannelPort, readerId: string, options: DirectoryOptions = {}) {
    this.#channel = channel;
    this.#readerId = readerId;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  async findChannels(query: ChannelQuery = {}): Promise<readonly ChannelInfo[]> {
    await this.#refresh();
    return this.#index.channels(query, this.#clock.now());
  }

  async findSystems(query: SystemQuery = {}): Promise<readonly SystemDescriptor[]> {
    await this.#refresh();
    return this.#index.systems(query, this.#clock.now());
  }

  async getChannel(id: string): Promise<ChannelInfo | undefined> {
    return (await this.findChannels()).find((channel) => channel.id === id);
  }

  async getSystem(id: string): Promise<SystemDescriptor | undefined> {
    return (await this.findSystems()).find((system) => system.id === id);
  }

  /** From a name to a channel that works. @throws SSSNError `channel_not_found`, with the names that are registered; `unsupported_operation`. */
  async resolve(channelId: string): Promise<ChannelPort> {
    const channels = await this.findChannels();
    const info = channels.find(({ id }) => id === channelId);
    if (!info) {
      const known = channels.map(({ id }) => id);
      throw new SSSNError(
        "channel_not_found",
        `No live channel ${JSON.stringify(channelId)} is registered. Registered: ${known.join(", ") || "none"}.`,
        { details: { known } },
      );
    }
    for (const endpoint of info.endpoints) {
      const channel = this.#options.connect?.(endpoint, info);
      if (channel) return channel;
    }
    const offered = info.endpoints.map(({ transport }) => transport).join(", ") || "no endpoint";
    throw new SSSNError(
      "unsupported_operation",
      `Channel ${channelId} offers ${offered}, and this directory was given no \`connect\` that speaks it.`,
    );
  }

  /** Tells what becomes live and what is gone, from now on: withdrawn, or expired without a refresh. */
  async watch(callback: (change: DirectoryChange) => void): Promise<Subscription> {
    await this.#refresh();
    let known = new Map<string, DirectoryEntry>();
    let cancel = (): void => {};
    const look = (): void => {
      cancel();
      const now = this.#clock.now();
      const live = new Map(this.#index.live(now).map((entry) => [`${entry.type}/${entry.id}`, entry]));
      for (const [key, entry] of known) if (!live.has(key)) callback({ type: "gone", entry });
      for (const [key, entry] of live) if (!known.has(key)) callback({ type: "live", entry });
      known = live;
      const next = Math.min(...[...live.values()].map(({ expiresAt }) => expiresAt));
      if (next < Infinity) cancel = this.#clock.schedule(look, Math.max(1, next - now), { background: true });
    };
    look();
    const subscription = await this.#channel.subscribe(
      this.#readerId,
      async () => {
        await this.#refresh();
        look();
      },
      { from: { after: this.#position } },
    );
    void subscription.closed.catch(() => undefined).then(() => cancel());
    return subscription;
  }

  async #refresh(): Promise<void> {
    for (;;) {
      const page = await this.#channel.read(this.#readerId, { after: this.#position, limit: PAGE });
      for (const message of page.messages) this.#index.apply(message);
      this.#position = Math.max(this.#position, page.position);
      if (page.messages.length < PAGE) return;
    }
  }
}
