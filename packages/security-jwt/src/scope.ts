import { ROLES, type Role } from "@sssn/core";

/** On which channels a token has which role. */
export interface Scope {
  /** For the channels that are listed. */
  readonly role: Role | undefined;
  readonly channels: ReadonlySet<string> | "*";
  /** By a channel's id. */
  readonly exact: ReadonlyMap<string, Role>;
  /** By how a channel's id begins, the longest first. */
  readonly prefixes: readonly (readonly [prefix: string, role: Role])[];
}

/**
 * What a token says of channels: a list of whole names or the text `*`, and a role a channel. A name is compared as it stands: no pattern, no
 * change of case; only in `roles` a `*` at the end stands for whatever follows.
 *
 * @throws Error saying which claim is wrong.
 */
export function scopeOf(role: Role | undefined, channels: unknown, roles: unknown): Scope {
  const entries = roles === undefined ? [] : entriesOf(roles);
  if (role === undefined && entries.length === 0) throw new Error("it has no role");
  const prefixes = entries.flatMap(([name, given]) => (name.endsWith("*") ? [[name.slice(0, -1), given] as const] : []));
  return {
    role,
    channels: readChannels(channels),
    exact: new Map(entries.filter(([name]) => !name.endsWith("*"))),
    prefixes: prefixes.sort(([left], [right]) => right.length - left.length),
  };
}

/** The role on a channel; `undefined` when the token is not for it. */
export function roleOn({ role, channels, exact, prefixes }: Scope, channelId: string): Role | undefined {
  const own = exact.get(channelId) ?? prefixes.find(([prefix]) => channelId.startsWith(prefix))?.[1];
  if (own) return own;
  return channels === "*" || channels.has(channelId) ? role : undefined;
}

function entriesOf(roles: unknown): [string, Role][] {
  if (typeof roles !== "object" || roles === null || Array.isArray(roles)) throw new Error("its roles a channel are no object");
  return Object.entries(roles).map(([name, given]) => {
    const known = ROLES.find((role) => role === given);
    if (!known) throw new Error("one of its roles a channel is none of those that exist");
    return [name, known];
  });
}

function readChannels(channels: unknown): ReadonlySet<string> | "*" {
  if (channels === undefined) return new Set();
  if (channels === "*") return "*";
  if (!Array.isArray(channels) || !channels.every((name) => typeof name === "string")) throw new Error("its channels are no list of names");
  return new Set<string>(channels);
}
