import type { BaseChannel } from "../channels/base-channel.js";
import { Visibility } from "../message.js";
import type { ManagedSystem } from "./managed-system.js";
import type { Topology, TopologyParts } from "./topology.js";

/** One thing that a topology tells of, which can be looked at without the rest. */
export interface TopologyPart {
  readonly key: string;
  /** The channel that it is about, if it is about one. */
  readonly channel?: string;
  /** Whether it is a channel that everybody may know. */
  readonly isOpen?: boolean;
  /** What is told of it now; nothing when it is not there. */
  text(): string | undefined;
}

export function systemPart(system: Pick<ManagedSystem, "id" | "name" | "state">): TopologyPart {
  return { key: keyOf("system", system.id), text: () => textOfSystem(system) };
}

export function parentPart(systemId: string, parent: () => string | undefined): TopologyPart {
  return { key: keyOf("parent", systemId), text: parent };
}

/** @param isOwned whether that system owns it still. */
export function channelPart(channel: BaseChannel, owner: string, isOwned: () => boolean): TopologyPart {
  const { id, kind, visibility } = channel;
  return {
    key: channelKey({ id, owner }),
    channel: id,
    isOpen: visibility === Visibility.PUBLIC,
    text: () =>
      isOwned() ? textOfChannel({ id, kind, state: channel.state, owner, visibility }, channel.describe().endpoints) : undefined,
  };
}

/** @param isWired whether that system is connected to it. */
export function wirePart(system: string, channel: string, isWired: () => boolean): TopologyPart {
  return { key: wireKey({ system, channel }), channel, text: () => (isWired() ? "" : undefined) };
}

/** By its owner as well: one that is refused because of its id is there for a moment. */
function channelKey({ id, owner }: Pick<Topology["channels"][number], "id" | "owner">): string {
  return keyOf("channel", owner, id);
}

/** What is told of each part, by the keys of the parts. */
export function textsOf({ systems, channels, wires, endpoints }: TopologyParts): ReadonlyMap<string, string> {
  const reached = new Map<string, { transport: string; url: string }[]>();
  for (const { channel, ...endpoint } of endpoints) {
    const others = reached.get(channel);
    if (others) others.push(endpoint);
    else reached.set(channel, [endpoint]);
  }
  return new Map([
    ...systems.map((system) => [keyOf("system", system.id), textOfSystem(system)] as const),
    ...systems.flatMap(({ id, parent }) => (parent === undefined ? [] : [[keyOf("parent", id), parent] as const])),
    ...channels.map((channel) => [channelKey(channel), textOfChannel(channel, reached.get(channel.id) ?? [])] as const),
    ...wires.map((wire) => [wireKey(wire), ""] as const),
  ]);
}

function textOfSystem({ name, state }: Pick<ManagedSystem, "name" | "state">): string {
  return JSON.stringify([name, state]);
}

function textOfChannel({ kind, state, owner, visibility }: Topology["channels"][number], endpoints: readonly object[]): string {
  return JSON.stringify([kind, state, owner, visibility, endpoints]);
}

function wireKey({ system, channel }: Topology["wires"][number]): string {
  return keyOf("wire", system, channel);
}

/** Ids hold no blanks. */
function keyOf(...names: readonly string[]): string {
  return names.join(" ");
}
