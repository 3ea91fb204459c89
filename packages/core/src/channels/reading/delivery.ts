import { sleep, type Clock } from "../../clock.js";
import { SSSNError, describe, isSSSNError, toError } from "../../errors.js";
import { validateInteger } from "../../identifiers.js";
import { InsideCall } from "../../inside-call.js";
import type { ChannelMessage } from "../../message.js";
import type { MessageCallback, SubscribeOptions } from "../../ports/channel-port.js";
import { resolveBackoff } from "../work/backoff.js";

/** Up to where a durable subscription is done, in the log that this was read from: once that was set back, the sequence may be another message's. */
export interface Delivered {
  readonly sequence: number;
  readonly log: string;
}

/** Moves the cursor of a subscription. What was lost since it was delivered needs none: whoever follows the log is told of that anyway. */
export async function commitDelivered(
  { sequence, log }: Delivered,
  commit: (sequence: number, log: string) => Promise<unknown>,
): Promise<void> {
  try {
    await commit(sequence, log);
  } catch (error) {
    if (!isSSSNError(error, "log_rewound")) throw error;
  }
}

/** What a delivery needs of its channel, local or remote. */
export interface DeliveryHost {
  readonly channelId: string;
  readonly clock: Clock;
  /** Told of each exception of the callback, and of the message that it failed with. */
  report(error: Error, sequence: number): void;
  /** A durable subscription is done with everything up to here. */
  commit(sequence: number): void;
}

/**
 * Calls a subscriber back with one message after the other. An exception is reported, and the next message comes; a durable subscription
 * does not go past a message that failed: it comes again after a rest that grows, and after so many attempts the subscription breaks off,
 * with its cursor before the message.
 */
export class Delivery {
  readonly #callback: MessageCallback<never>;
  readonly #host: DeliveryHost;
  readonly #isDurable: boolean;
  readonly #attempts: number;
  readonly #backoff: ReturnType<typeof resolveBackoff>;
  readonly #inside = new InsideCall();

  /** @throws SSSNError `invalid_argument`. */
  constructor(callback: MessageCallback<never>, options: SubscribeOptions, host: DeliveryHost) {
    if (typeof callback !== "function")
      throw new SSSNError("invalid_argument", `subscribe() takes a function to call with each message, but got ${describe(callback)}.`);
    this.#callback = callback;
    this.#host = host;
    this.#isDurable = options.cursor !== undefined;
    this.#attempts = validateInteger("attempts", options.attempts ?? 10, 1, 1_000_000);
    this.#backoff = resolveBackoff({ initialMs: 100, maxMs: 30_000, ...options.backoff });
  }

  /** Whether the callback is being called at this moment. */
  get isCalling(): boolean {
    return this.#inside.isActive;
  }

  /** @throws SSSNError `delivery_failed`, when a durable subscription gives up; the signal's reason is not thrown. */
  async deliver(message: ChannelMessage<unknown>, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const error = await this.#call(message);
      if (!error) break;
      this.#host.report(error, message.sequence);
      if (!this.#isDurable) return;
      if (signal.aborted) return;
      if (attempt >= this.#attempts) throw this.#givenUp(message.sequence, error);
      const { initialMs, factor, maxMs } = this.#backoff;
      await sleep(this.#host.clock, Math.min(maxMs, initialMs * factor ** (attempt - 1)), signal).catch(() => undefined);
      if (signal.aborted) return;
    }
    if (this.#isDurable) this.#host.commit(message.sequence);
  }

  async #call(message: ChannelMessage<unknown>): Promise<Error | undefined> {
    try {
      // The callback takes what its channel holds: their types met where it subscribed.
      await this.#inside.run(() => this.#callback(message as ChannelMessage<never>));
      return undefined;
    } catch (thrown) {
      return toError(thrown);
    }
  }

  #givenUp(sequence: number, cause: Error): SSSNError {
    return new SSSNError(
      "delivery_failed",
      `Message ${sequence} of channel ${this.#host.channelId} failed ${this.#attempts} times, so the subscription ended before it: ${cause.message}. Mend the cause or move the cursor past it, and subscribe again.`,
      { cause, details: { channel: this.#host.channelId, sequence, attempts: this.#attempts } },
    );
  }
}
