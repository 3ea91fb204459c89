import type { ChannelInfo, ChannelMessage, SystemDescriptor, Visibility } from "@sssn/core";
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

/** The newest registration of every id, taken from a log in its order. What has expired is invisible at once. */
export class RegistrationIndex {
  readonly #entries = new Map<string, DirectoryEntry>();

  /** Takes a message in. One that is no registration changes nothing, and hides nothing. */
  apply(message: ChannelMessage<unknown>): void {
    let registration: Registration;
    try {
      registration = checkRegistration(message.content);
    } catch {
      return;
    }
    if (registration.type === "withdrawn") {
      this.#entries.delete(keyOf(registration.of, registration.id));
      return;
    }
    const { ttlMs, ...entry } = registration;
    this.#entries.set(keyOf(registration.type, registration.id), {
      ...entry,
      registrantId: message.senderId,
      expiresAt: message.timestamp + ttlMs,
      messageId: message.id,
      sequence: message.sequence,
    });
  }

  get(type: "channel" | "system", id: string, now: number): DirectoryEntry | undefined {
    const entry = this.#entries.get(keyOf(type, id));
    return entry && entry.expiresAt > now ? entry : undefined;
  }

  live(now: number): readonly DirectoryEntry[] {
    return [...this.#entries.values()].filter(({ expiresAt }) => expiresAt > now);
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

function keyOf(type: "channel" | "system", id: string): string {
  return `${type}/${id}`;
}
