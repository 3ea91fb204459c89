import type { BackoffOptions, ChannelPort } from "../../ports/channel-port.js";
import type { Backoff } from "../../ports/message-store.js";
import { resolveBackoff } from "./backoff.js";

/** How long a message rests after its handler failed: as its worker says, or as its channel says, or else by a rule that does no harm. */
export class RestAfterFailure {
  readonly #channel: ChannelPort;
  readonly #readerId: string;
  readonly #own: Backoff | undefined;
  #ofChannel: Promise<Backoff> | undefined;

  /** @throws SSSNError `invalid_argument`. */
  constructor(channel: ChannelPort, readerId: string, own: BackoffOptions | undefined) {
    this.#channel = channel;
    this.#readerId = readerId;
    this.#own = own && resolveBackoff(own);
  }

  /** @returns ms. */
  async after(deliveries: number): Promise<number> {
    const { initialMs, factor, maxMs } = this.#own ?? (await this.#asked());
    return Math.round(Math.min(maxMs, initialMs * factor ** (deliveries - 1)));
  }

  /** Asked once, when the first job fails; a channel that can't be asked is asked again the next time. */
  #asked(): Promise<Backoff> {
    this.#ofChannel ??= this.#channel.info(this.#readerId).then(
      ({ backoff }) => resolveBackoff(backoff),
      () => {
        this.#ofChannel = undefined;
        return resolveBackoff();
      },
    );
    return this.#ofChannel;
  }
}
