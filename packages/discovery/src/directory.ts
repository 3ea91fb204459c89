import {
  ForeignAddress,
  LogReader,
  SSSNError,
  consoleLogger,
  guardLogger,
  refuseUnknownOptions,
  systemClock,
  toError,
  type ChannelContract,
  type ChannelEndpoint,
  type ChannelInfo,
  type ChannelPort,
  type ChannelResolver,
  type Clock,
  type ForeignEndpoint,
  type Logger,
  type Subscription,
  type SystemDescriptor,
} from "@sssn/core";
import { RegistrationIndex, type ChannelQuery, type DirectoryEntry, type SystemQuery } from "./registration-index.js";

const OPTIONS: ReadonlySet<string> = new Set<keyof DirectoryOptions>(["connect", "clock", "logger"]);

/** How a {@link Directory} reads and connects. */
export interface DirectoryOptions {
  /**
   * Makes a channel out of an endpoint, with the `addresses` of all the channel's hosts, or `undefined` for a transport that it does not speak.
   * An address is what somebody has registered, and no plain text unless it lives where the directory lives:
   * `httpConnector({ token, origins })` of `@sssn/transport-http/client` sends a token to the origins that you name, and nowhere else.
   */
  readonly connect?: (endpoint: ForeignEndpoint, info: ChannelInfo) => ChannelPort | undefined;
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock?: Clock;
  /** Told of exceptions of a `watch()` callback. Default: warnings and errors to the console. */
  readonly logger?: Logger;
}

/** Something in the directory has changed. */
export interface DirectoryChange {
  readonly type: "live" | "gone";
  readonly entry: DirectoryEntry;
}

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
  readonly #reader: LogReader;
  readonly #logger: Logger;
  /** How far the registry's clock is ahead of this one: what has expired there is for it to say. */
  #aheadMs = 0;

  /** @param readerId in whose name the discovery channel is read. */
  constructor(channel: ChannelPort, readerId: string, options: DirectoryOptions = {}) {
    refuseUnknownOptions("Directory", options, OPTIONS);
    this.#channel = channel;
    this.#readerId = readerId;
    this.#reader = new LogReader(channel, readerId, this.#index);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = guardLogger(options.logger ?? consoleLogger);
  }

  /** What time it is for the registry. */
  #now(): number {
    return this.#clock.now() + this.#aheadMs;
  }

  async findChannels(query: ChannelQuery = {}): Promise<readonly ChannelInfo[]> {
    await this.#refresh();
    return this.#index.channels(query, this.#now());
  }

  async findSystems(query: SystemQuery = {}): Promise<readonly SystemDescriptor[]> {
    await this.#refresh();
    return this.#index.systems(query, this.#now());
  }

  async getChannel(id: string): Promise<ChannelInfo | undefined> {
    return (await this.findChannels()).find((channel) => channel.id === id);
  }

  async getSystem(id: string): Promise<SystemDescriptor | undefined> {
    return (await this.findSystems()).find((system) => system.id === id);
  }

  /** From a name to a channel that works. @throws SSSNError `channel_not_found`, with the names that are registered; `unsupported_operation`. */
  async resolve(channelId: string, expected?: Pick<ChannelContract, "kind">): Promise<ChannelPort> {
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
    if (expected && expected.kind !== info.kind)
      throw new SSSNError(
        "invalid_state",
        `Channel ${channelId} is registered as ${info.kind}, and not as ${expected.kind}, which its contract says.`,
        {
          details: { kind: info.kind, expected: expected.kind },
        },
      );
    for (const endpoint of info.endpoints) {
      const url = this.#addressOf(endpoint);
      const others = this.#addressesOf(
        endpoint.transport,
        info.endpoints.filter((other) => other !== endpoint),
      );
      const findAddresses = async () => this.#addressesOf(endpoint.transport, (await this.getChannel(channelId))?.endpoints ?? []);
      const channel = this.#options.connect?.({ ...endpoint, url, addresses: [url, ...others], findAddresses }, info);
      if (channel) return channel;
    }
    const offered = info.endpoints.map(({ transport }) => transport).join(", ") || "no endpoint";
    throw new SSSNError(
      "unsupported_operation",
      `Channel ${channelId} offers ${offered}, and this directory was given no \`connect\` that speaks it.`,
    );
  }

  #addressesOf(transport: string, endpoints: readonly ChannelEndpoint[]): readonly (string | ForeignAddress)[] {
    return endpoints.filter((endpoint) => endpoint.transport === transport).map((endpoint) => this.#addressOf(endpoint));
  }

  /** What lives where the directory itself lives is trusted as that is: whoever reads it has chosen that address. */
  #addressOf({ url }: ChannelEndpoint): string | ForeignAddress {
    const isThere = URL.canParse(url) && this.#channel.origins?.includes(new URL(url).origin) === true;
    return isThere ? url : new ForeignAddress(url);
  }

  /** Tells what becomes live and what is gone, from now on: withdrawn, or expired without a refresh. */
  async watch(callback: (change: DirectoryChange) => void): Promise<Subscription> {
    await this.#refresh();
    let known = new Map<string, DirectoryEntry>();
    let cancel = (): void => {};
    const look = (): void => {
      cancel();
      const now = this.#now();
      const live = new Map(this.#index.live(now).map((entry) => [`${entry.type}/${entry.id}`, entry]));
      const changes: DirectoryChange[] = [
        ...[...known].flatMap(([key, entry]) => (live.has(key) ? [] : [{ type: "gone" as const, entry }])),
        ...[...live].flatMap(([key, entry]) => (known.has(key) ? [] : [{ type: "live" as const, entry }])),
      ];
      known = live;
      for (const change of changes) this.#tell(callback, change);
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
      { from: { after: this.#reader.position }, ifReplaced: "start" },
    );
    void subscription.closed.catch(() => undefined).then(() => cancel());
    return subscription;
  }

  #tell(callback: (change: DirectoryChange) => unknown, change: DirectoryChange): void {
    const failed = (thrown: unknown): void =>
      this.#logger.error(
        { channel: this.#channel.id, err: toError(thrown) },
        "a callback of watch() failed; it is told of the next change all the same",
      );
    try {
      const result = callback(change);
      if (result instanceof Promise) result.catch(failed);
    } catch (thrown) {
      failed(thrown);
    }
  }

  /** Takes in what is new; a registry that came back with another log is read from its start. */
  async #refresh(): Promise<void> {
    const now = await this.#reader.refresh();
    this.#aheadMs = now - this.#clock.now();
    this.#index.prune(now);
  }
}
