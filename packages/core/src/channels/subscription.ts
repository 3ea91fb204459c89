import type { Clock } from "../clock.js";
import { isSSSNError, toError } from "../errors.js";
import type { ChannelMessage } from "../message.js";
import type { Subscription } from "../ports/channel-port.js";
import type { ChannelLog } from "../ports/message-store.js";
import type { ChangeSignal } from "./change-signal.js";

const PAGE = 256;
const RETRY_MS = 1_000;

/** How a log is followed. */
export interface FollowOptions {
  readonly log: ChannelLog;
  readonly changes: ChangeSignal;
  readonly clock: Clock;
  /** Messages behind this sequence. */
  readonly after: number;
  readonly audience: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Yields messages in log order for ever: what is there, then what comes. It is woken up and reads; nothing is pushed at it, so a
 * slow reader costs nobody anything. Ends without an error when the signal aborts.
 */
export async function* follow({ log, changes, clock, after, audience, signal }: FollowOptions): AsyncGenerator<ChannelMessage, void, undefined> {
  let position = after;
  while (!signal.aborted) {
    const version = changes.version;
    const page = await log.read({ after: position, limit: PAGE, audience }).catch(ifItMayPass);
    if (!page) {
      await changes.wait(version, clock, { timeoutMs: RETRY_MS, signal });
      continue;
    }
    for (const message of page.messages) {
      if (signal.aborted) return;
      yield message;
    }
    position = page.position;
    if (page.messages.length === 0) await changes.wait(version, clock, { signal });
  }
}

/** A store that is being opened again is no reason to end what follows it. */
function ifItMayPass(error: unknown): undefined {
  if (isSSSNError(error) && error.retryable) return undefined;
  throw error;
}

/** What a subscription does with its messages. */
export interface Delivery {
  /** Must not throw; the next message waits for it. */
  deliver(message: ChannelMessage): Promise<void>;
  /** Resolves when nothing of the delivered messages is under way. */
  settled(): Promise<void>;
  /** Told when following the log broke off. */
  failed(error: Error): void;
}

/** Delivers a stream of messages, one after the other. */
export class LocalSubscription implements Subscription {
  readonly closed: Promise<void>;
  readonly #abort: AbortController;

  /** @param abort what ends `messages`. */
  constructor(messages: AsyncIterable<ChannelMessage>, abort: AbortController, delivery: Delivery) {
    this.#abort = abort;
    this.closed = this.#run(messages, delivery);
  }

  async #run(messages: AsyncIterable<ChannelMessage>, delivery: Delivery): Promise<void> {
    try {
      for await (const message of messages) await delivery.deliver(message);
    } catch (thrown) {
      delivery.failed(toError(thrown));
    }
    await delivery.settled();
  }

  close(): Promise<void> {
    this.#abort.abort();
    return this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
