import type { ChannelEndpoint, ChannelKind } from "../ports/channel-port.js";
import type { Visibility } from "../message.js";
import { SSSNError } from "../errors.js";
import type { SystemDescriptor } from "../ports/channel-transport.js";
import type { ManagedSystem, SystemState } from "./managed-system.js";

/** A whole tree of systems as data: what exists, who owns it, who is wired to what, and where it can be reached. */
export interface Topology {
  readonly systems: readonly { readonly id: string; readonly name: string; readonly state: SystemState; readonly parent?: string }[];
  readonly channels: readonly {
    readonly id: string;
    readonly kind: ChannelKind;
    readonly owner: string;
    readonly visibility: Visibility;
  }[];
  readonly wires: readonly { readonly system: string; readonly channel: string }[];
  readonly endpoints: readonly (ChannelEndpoint & { readonly channel: string })[];
}

/** A system and all below it, parents first. */
export function systemsOf(root: ManagedSystem): readonly ManagedSystem[] {
  return [root, ...root.subsystems.flatMap(systemsOf)];
}

export function topologyOf(root: ManagedSystem): Topology {
  const systems = systemsOf(root);
  const parents = new Map(systems.flatMap((system) => system.subsystems.map((child) => [child.id, system.id] as const)));
  const owned = systems.flatMap((owner) => owner.channels.map((channel) => ({ owner, channel })));
  return {
    systems: systems.map(({ id, name, state }) => {
      const parent = parents.get(id);
      return { id, name, state, ...(parent === undefined ? {} : { parent }) };
    }),
    channels: owned.map(({ owner, channel: { id, kind, visibility } }) => ({ id, kind, owner: owner.id, visibility })),
    wires: systems.flatMap((system) => system.client.channelIds.map((channel) => ({ system: system.id, channel }))),
    endpoints: owned.flatMap(({ channel }) => channel.describe().endpoints.map((endpoint) => ({ channel: channel.id, ...endpoint }))),
  };
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
