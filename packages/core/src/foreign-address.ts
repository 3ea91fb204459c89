import type { ChannelEndpoint } from "./ports/channel-port.js";

/** An endpoint as a directory gives it: its address is a text only where the reader of the directory has chosen its origin already. */
export type ForeignEndpoint = Omit<ChannelEndpoint, "url"> & {
  readonly url: string | ForeignAddress;
  /** All addresses that the channel has over this transport, this one first: its other hosts serve it as well. Left out: there is no other. */
  readonly addresses?: readonly (string | ForeignAddress)[];
  /** Asks the directory again: the channel may have moved. */
  readonly findAddresses?: () => Promise<readonly (string | ForeignAddress)[]>;
};

/**
 * An address that somebody else has said, such as whoever registered a channel. It is not a text, so that nothing takes it for an address that
 * the caller has chosen: whoever sends a secret there says first which origins may have it.
 */
export class ForeignAddress {
  /** As it was said. */
  readonly href: string;

  constructor(href: string) {
    this.href = href;
  }

  toString(): string {
    return this.href;
  }
}
