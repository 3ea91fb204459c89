import type { ChannelEndpoint, ChannelInfo, ChannelMessage, SystemDescriptor, Visibility } from "@sssn/core";
import { checkRegistration, type Registration } from "./registration.js";

/** A live entry of the directory. */
export type DirectoryEntry = (
  { readonly type: "channel"; readonly channel: ChannelInfo } | { readonly type: "system"; readonly system: SystemDescriptor }
) & {
  readonly id: string;
  /** Who registered it, and who alone may change it. */
  readonly registrantId: string;
  /** In ms since the Unix epoch, by the host's clock. */
  readonly expiresAt: number;
  /** The message that says so. */
  readonly messageId: string;
  readonly sequence: number;
};

/** Which channels to find. Left out: all. */
export interface ChannelQuery {
  readonly visibility?: Visibility;
  readonly kind?: ChannelInfo["kind"];
}

/** Which systems to find. Left out: all. */
export interface SystemQuery {
  /** The exact name of something that the system can do. */
  readonly capability?: string;
}

/** The registrations of every id, taken from a log in its order: the newest of each host. What has expired is invisible at once. */
export class RegistrationIndex {
  /** By type and id, then by host; what was registered last comes last. */
  readonly #entries = new Map<string, Map<string, DirectoryEntry>>();

  /** Takes a message in. One that is no registration changes nothing, and hides nothing. */
  apply(message: ChannelMessage<unknown>): void {
    let registration: Registration;
    try {
      registration = checkRegistration(message.content);
    } catch {
      return;
    }
    const { host = "" } = registration;
    if (registration.type === "withdrawn") {
      const key = keyOf(registration.of, registration.id);
      // Without a host it is meant for all of them.
      if (registration.host === undefined) this.#entries.delete(key);
      else this.#entries.get(key)?.delete(host);
      return;
    }
    const { ttlMs, host: _host, ...entry } = registration;
    const key = keyOf(registration.type, registration.id);
    const hosts = this.#entries.get(key) ?? new Map<string, DirectoryEntry>();
    this.#entries.set(key, hosts);
    hosts.delete(host);
    hosts.set(host, {
      ...entry,
      registrantId: message.senderId,
      expiresAt: message.timestamp + ttlMs,
      messageId: message.id,
      sequence: message.sequence,
    });
  }

  get(type: "channel" | "system", id: string, now: number): DirectoryEntry | undefined {
    return merged(this.#entries.get(keyOf(type, id)), now);
  }

  /** Who alone may change an id. Asked with every registration, so nothing is put together for it. */
  registrantOf(type: "channel" | "system", id: string, now: number): string | undefined {
    let newest: DirectoryEntry | undefined;
    for (const entry of this.#entries.get(keyOf(type, id))?.values() ?? []) if (entry.expiresAt > now) newest = entry;
    return newest?.registrantId;
  }

  live(now: number): readonly DirectoryEntry[] {
    return [...this.#entries.values()].flatMap((hosts) => merged(hosts, now) ?? []);
  }

  /** The sequences of all messages that say something which still holds. */
  liveSequences(now: number): ReadonlySet<number> {
    const all = [...this.#entries.values()].flatMap((hosts) => [...hosts.values()]);
    return new Set(all.filter(({ expiresAt }) => expiresAt > now).map(({ sequence }) => sequence));
  }

  /** Forgets what has expired, so that hosts which are gone do not add up. */
  prune(now: number): void {
    for (const [key, hosts] of this.#entries) {
      for (const [host, { expiresAt }] of hosts) if (expiresAt <= now) hosts.delete(host);
      if (hosts.size === 0) this.#entries.delete(key);
    }
  }

  channels(query: ChannelQuery, now: number): readonly ChannelInfo[] {
    return this.live(now)
      .flatMap((entry) => (entry.type === "channel" ? [entry.channel] : []))
      .filter(({ visibility, kind }) => (query.visibility ?? visibility) === visibility && (query.kind ?? kind) === kind);
  }

  systems({ capability }: SystemQuery, now: number): readonly SystemDescriptor[] {
    return this.live(now)
      .flatMap((entry) => (entry.type === "system" ? [entry.system] : []))
      .filter(({ capabilities }) => capability === undefined || capabilities.some(({ name }) => name === capability));
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** What the newest host says, with the endpoints of all that are live, the newest first. */
function merged(hosts: ReadonlyMap<string, DirectoryEntry> | undefined, now: number): DirectoryEntry | undefined {
  const all = [...(hosts?.values() ?? [])].filter(({ expiresAt }) => expiresAt > now).reverse();
  const [newest] = all;
  // Nobody's endpoints are mixed with somebody else's, whatever has been written to the log by other means.
  const live = all.filter(({ registrantId }) => registrantId === newest?.registrantId);
  if (!newest || live.length === 1) return newest;
  const expiresAt = live.reduce((latest, entry) => Math.max(latest, entry.expiresAt), newest.expiresAt);
  if (newest.type === "system") return { ...newest, expiresAt };
  // The first of several with one URL: an id can have thousands, where somebody means it ill.
  const distinct = new Map<string, ChannelEndpoint>();
  for (const entry of live)
    for (const endpoint of entry.type === "channel" ? entry.channel.endpoints : [])
      if (!distinct.has(endpoint.url)) distinct.set(endpoint.url, endpoint);
  return { ...newest, expiresAt, channel: { ...newest.channel, endpoints: [...distinct.values()] } };
}

function keyOf(type: "channel" | "system", id: string): string {
  return `${type}/${id}`;
}
