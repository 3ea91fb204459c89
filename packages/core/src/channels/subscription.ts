import type { Clock } from "../clock.js";
import { isSSSNError, toError } from "../errors.js";
import type { ChannelMessage } from "../message.js";
import type { Subscription } from "../ports/channel-port.js";
import type { ChannelLog } from "../ports/message-store.js";
import type { ChangeSignal } from "./change-signal.js";
import type { SharedPages } from "./shared-pages.js";

const PAGE = 256;
const RETRY_MS = 1_000;

/** How a log is followed. */
export interface FollowOptions {
  readonly log: ChannelLog;
  readonly changes: ChangeSignal;
  readonly pages: SharedPages;
  readonly clock: Clock;
  /** Messages behind this sequence. */
  readonly after: number;
  readonly audience: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Yields messages in log order for ever, a page at a time: what is there, then what comes. It is woken up and reads; nothing is pushed at
 * it, so a slow reader costs nobody anything. Ends without an error when the signal aborts.
 */
export async function* follow({
  log,
  changes,
  pages,
  clock,
  after,
  audience,
  signal,
}: FollowOptions): AsyncGenerator<readonly ChannelMessage[], void, undefined> {
  let position = after;
  while (!signal.aborted) {
    const { version } = changes;
    const page = await pages.read(log, { after: position, limit: PAGE, audience }, version).catch(ifItMayPass);
    if (!page) {
      await changes.wait(version, clock, { timeoutMs: RETRY_MS, signal });
      continue;
    }
    if (page.messages.length > 0) yield page.messages;
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

  /** @param abort what ends `pages`. */
  constructor(pages: AsyncIterable<readonly ChannelMessage[]>, abort: AbortController, signal: AbortSignal, delivery: Delivery) {
    this.#abort = abort;
    this.closed = this.#run(pages, signal, delivery);
  }

  async #run(pages: AsyncIterable<readonly ChannelMessage[]>, signal: AbortSignal, delivery: Delivery): Promise<void> {
    try {
      for await (const page of pages) {
        for (const message of page) {
          if (signal.aborted) break;
          await delivery.deliver(message);
        }
      }
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
