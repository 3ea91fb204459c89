import type { JsonValue } from "../json-value.js";
import type { ChannelMessage } from "../message.js";
import type { ChannelEndpoint, ChannelHostPort, ChannelInfo, ChannelPort, StreamOptions } from "./channel-port.js";
import type { TopologySource } from "../systems/topology.js";
import type { ChannelSecurity } from "./channel-security.js";

/** What a transport needs of a channel that it carries. */
export interface PublishedChannel extends ChannelPort, ChannelHostPort {
  readonly security: ChannelSecurity;
  /** The info without a permission check: the transport has made it. */
  describe(): ChannelInfo;
  addEndpoint(endpoint: ChannelEndpoint): void;
  removeEndpoint(endpoint: ChannelEndpoint): void;
  /** Whether the channel runs and its log answers. Pending while a store is being opened again. */
  isReady(): Promise<boolean>;
  /** What `stream()` yields, a page at a time: followers at the same place are handed the same page. */
  pages(readerId: string, options?: StreamOptions): AsyncIterable<readonly ChannelMessage<unknown>[]>;
}

/** Carries channels out of the process. */
export interface ChannelTransport {
  /** As it stands in an endpoint, such as `http`. */
  readonly name: string;
  /**
   * Makes a channel reachable. Before or after `start`.
   *
   * @throws SSSNError `insecure_publication`, `duplicate_id`.
   */
  attach(channel: PublishedChannel): void;
  /** Makes it unreachable, at once. */
  detach(channelId: string): void;
  /** Is given the topology of the published tree, without what is private, to tell it to those who may observe. Left out: the transport tells none. */
  showTopology?(source: TopologySource): void;
  /**
   * Resolves once requests are answered, with the addresses.
   *
   * @throws SSSNError `address_in_use`.
   */
  start(): Promise<readonly string[]>;
  /** Takes no new requests, lets those in flight finish within the deadline, then closes. */
  stop(options?: { timeoutMs?: number }): Promise<void>;
}

/** A registration that is kept alive until it is withdrawn. */
export interface PublishedRegistration {
  withdraw(): Promise<void>;
}

/** What `publish()` looks for among a system's channels: something that makes channels and systems findable. */
export interface ChannelDirectory {
  /** Registers all of it in the name of one system, and refreshes it until it is withdrawn. */
  publish(registrantId: string, channels: readonly ChannelInfo[], systems: readonly SystemDescriptor[]): Promise<PublishedRegistration>;
}

/** Something that a system can do for others. */
export interface Capability {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of what it takes. */
  readonly inputSchema?: JsonValue;
  /** JSON Schema of what it gives. */
  readonly outputSchema?: JsonValue;
  /** The channel that it is asked on; left out when it can't be called through channels. */
  readonly requests?: string;
  /** The channel that its answers come on. */
  readonly replies?: string;
}

/** What is known about a system. */
export interface SystemDescriptor {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly capabilities: readonly Capability[];
  /** The channels that it is wired to. */
  readonly channels: readonly string[];
}
