import type { ChannelContract, ForeignAddress, Logger } from "@sssn/core";
import type { ConnectionOptions } from "./host-connection.js";

/** Which channel, and how its host is spoken to. */
export interface HttpChannelOptions<Content = unknown, Written = Content> extends ConnectionOptions {
  /**
   * The channel's URL, or the host's together with `id`. Several, where several hosts have the channel: the first that works is asked, one that can't be
   * reached or can't serve is left alone for a while.
   */
  readonly url: string | ForeignAddress | readonly (string | ForeignAddress)[];
  /**
   * Asked where the channel is now, when none of its addresses works; calls and streams go on there. Default: it stays where it is. A directory
   * gives it to what it connects.
   */
  readonly findAddresses?: () => Promise<readonly (string | ForeignAddress)[]>;
  /**
   * The origins that may be sent the token, such as `https://orders.example`. Needed for an address that somebody else has said, as a
   * directory does; one that is written here is allowed by being written. Nothing is sent to any other: of several addresses it is left out, and where none is left, calls are refused.
   */
  readonly origins?: readonly string[];
  /** The channel's id, where the URL does not end with it. */
  readonly id?: string;
  /** What the channel is and carries: its id need not be said again, and reads and writes have its types. Its host checks what is written. */
  readonly contract?: ChannelContract<Content, Written>;
  /** Told of a subscriber's exceptions. A pino logger fits. Default: warnings and errors to the console. */
  readonly logger?: Logger;
}

/** What an HTTP channel is told; anything else is a mistake. */
export const HTTP_CHANNEL_OPTIONS: ReadonlySet<string> = new Set<keyof HttpChannelOptions>([
  "url",
  "findAddresses",
  "origins",
  "id",
  "contract",
  "token",
  "timeoutMs",
  "patienceMs",
  "attempts",
  "fetch",
  "clock",
  "logger",
]);
