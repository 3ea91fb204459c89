import type { ChannelState } from "../channels/channel-lifecycle.js";
import type { ChannelEndpoint, ChannelKind } from "../ports/channel-port.js";
import type { EventSource } from "../events.js";
import type { Visibility } from "../message.js";
import { SSSNError } from "../errors.js";
import type { SystemDescriptor } from "../ports/channel-transport.js";
import type { ManagedSystem, SystemState } from "./managed-system.js";

/** Which state of a topology it is. The two together name it: a host that was started anew counts from 1 again. */
export interface TopologyRevision {
  /** Grows by one with each change: from 1, as the first look at it. What changes in one synchronous step is one change. */
  readonly revision: number;
  /** When this revision began, in ms since the Unix epoch. */
  readonly since: number;
}

/**
 * A whole tree of systems as data: what exists, who owns it, who is wired to what, and where it can be reached. Systems and channels are known
 * by their ids: one under another id is another one.
 */
export interface Topology extends TopologyRevision {
  readonly systems: readonly { readonly id: string; readonly name: string; readonly state: SystemState; readonly parent?: string }[];
  readonly channels: readonly {
    readonly id: string;
    readonly kind: ChannelKind;
    readonly state: ChannelState;
    readonly owner: string;
    readonly visibility: Visibility;
  }[];
  readonly wires: readonly { readonly system: string; readonly channel: string }[];
  readonly endpoints: readonly (ChannelEndpoint & { readonly channel: string })[];
}

/** What a topology tells, without which revision of it that is. */
export type TopologyParts = Omit<Topology, keyof TopologyRevision>;

/** A topology that can be looked at again and again. */
export interface TopologySource {
  /** As it is now. */
  readonly current: Topology;
  /** Told of each revision, when the step that has made it is over. */
  readonly events: EventSource<{ topology: TopologyRevision }>;
}

/** A system and all below it, parents first. */
export function systemsOf(root: ManagedSystem): readonly ManagedSystem[] {
  return [root, ...root.subsystems.flatMap(systemsOf)];
}

export function topologyOf(root: ManagedSystem): TopologyParts {
  const systems = systemsOf(root);
  const parents = new Map(systems.flatMap((system) => system.subsystems.map((child) => [child.id, system.id] as const)));
  const owned = systems.flatMap((owner) => owner.channels.map((channel) => ({ owner, channel })));
  return {
    systems: systems.map(({ id, name, state }) => {
      const parent = parents.get(id);
      return { id, name, state, ...(parent === undefined ? {} : { parent }) };
    }),
    channels: owned.map(({ owner, channel: { id, kind, state, visibility } }) => ({ id, kind, state, owner: owner.id, visibility })),
    wires: systems.flatMap((system) => system.client.channelIds.map((channel) => ({ system: system.id, channel }))),
    endpoints: owned.flatMap(({ channel }) => channel.describe().endpoints.map((endpoint) => ({ channel: channel.id, ...endpoint }))),
  };
}

/**
 * The part of a topology that certain channels are: those, what is wired to them, and where they are reached. The root speaks for the tree; any other
 * system that is wired to none of them is not told of, and whoever is below it stands below the next one above that is.
 *
 * @param channels the ids of the channels.
 */
export function topologyWithin<Parts extends TopologyParts>(topology: Parts, channels: ReadonlySet<string>): Parts {
  const isTold = ({ channel }: { readonly channel: string }): boolean => channels.has(channel);
  const wires = topology.wires.filter(isTold);
  const wired = new Set(wires.map(({ system }) => system));
  const parents = new Map(topology.systems.map(({ id, parent }) => [id, parent]));
  const isShown = (id: string): boolean => wired.has(id) || parents.get(id) === undefined;
  const above = (id: string): string | undefined => {
    const parent = parents.get(id);
    return parent === undefined || isShown(parent) ? parent : above(parent);
  };
  return {
    ...topology,
    systems: topology.systems
      .filter(({ id }) => isShown(id))
      .map(({ id, name, state }) => {
        const parent = above(id);
        return { id, name, state, ...(parent === undefined ? {} : { parent }) };
      }),
    channels: topology.channels.filter(({ id }) => channels.has(id)),
    wires,
    endpoints: topology.endpoints.filter(isTold),
  };
}

/** What may be told of a tree outside: nothing of what is private. */
export function publicTopologyOf(root: ManagedSystem): TopologyParts {
  const whole = topologyOf(root);
  return topologyWithin(whole, new Set(whole.channels.flatMap(({ id, visibility }) => (visibility === "public" ? [id] : []))));
}

/**
 * What discovery may tell about a tree: the systems that something public leads to, and of these only what is public. A system that is
 * wired to nothing but private channels is nobody's business; the root speaks for the tree.
 */
export function publicDescriptors(root: ManagedSystem): readonly SystemDescriptor[] {
  const systems = systemsOf(root);
  const open = new Set(systems.flatMap(({ channels }) => channels.flatMap(({ id, visibility }) => (visibility === "public" ? [id] : []))));
  return systems.flatMap((system) => {
    const descriptor = system.descriptor();
    const channels = descriptor.channels.filter((id) => open.has(id));
    const capabilities = descriptor.capabilities.filter(({ requests, replies }) =>
      [requests, replies].every((id) => id === undefined || open.has(id)),
    );
    return system === root || channels.length > 0 || capabilities.length > 0 ? [{ ...descriptor, channels, capabilities }] : [];
  });
}

/** @throws SSSNError `duplicate_id` when two systems, or two channels, of a tree have the same id. */
export function checkUnique(root: ManagedSystem): void {
  const systems = systemsOf(root);
  assertDistinct(
    "system",
    systems.map(({ id }) => id),
  );
  assertDistinct(
    "channel",
    systems.flatMap(({ channels }) => channels.map(({ id }) => id)),
  );
}

function assertDistinct(what: string, ids: readonly string[]): void {
  const seen = new Set<string>();
  for (const id of ids) {
    if (seen.has(id))
      throw new SSSNError("duplicate_id", `There are two ${what}s with the id ${id} in this tree; give one of them another id.`, {
        details: { id },
      });
    seen.add(id);
  }
}
