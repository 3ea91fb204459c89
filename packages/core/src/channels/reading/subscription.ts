import type { Clock } from "../../clock.js";
import { isSSSNError, toError } from "../../errors.js";
import { checkIdentity, lastCommon } from "../../log-state/checks.js";
import { within } from "../../within.js";
import type { ChannelMessage } from "../../message.js";
import type { Subscription } from "../../ports/channel-port.js";
import type { ChannelLog, LogPage } from "../../ports/message-store.js";
import type { ChangeSignal } from "../change-signal.js";
import type { Delivery } from "./delivery.js";
import { readPresent } from "./log-reading.js";
import type { SharedPages } from "./shared-pages.js";

const PAGE = 256;
const RETRY_MS = 1_000;
/** Nobody waits for a wake-up that may have been lost for longer than this. */
const LOOK_AGAIN_MS = 30_000;

/** How a log is followed. */
export interface FollowOptions {
  readonly log: ChannelLog;
  readonly changes: ChangeSignal;
  readonly pages: SharedPages;
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock: Clock;
  /** Messages behind this sequence. */
  readonly after: number;
  readonly audience: string | undefined;
  /** Most bytes of one page. */
  readonly maxBytes: number;
  /** What happens when the log was set back: it ends if something was lost, ends in any case, or goes on behind what was not lost. */
  readonly ifRewound: "end-if-lost" | "end" | "go-on";
  /** Told who the log is that the next pages are of: at the start, and each time that it was set back. */
  readonly onLog?: (identity: string) => void;
  /** Ends the call, or the wait. */
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
  maxBytes,
  ifRewound,
  onLog,
  signal,
}: FollowOptions): AsyncGenerator<readonly ChannelMessage[], void, undefined> {
  let position = after;
  let { identity } = log;
  onLog?.(identity);
  /** What was read, or failed, while the log was set back says nothing: it is read again, from where nothing was lost. */
  const wasSetBack = (): boolean => {
    if (log.identity === identity) return false;
    if (ifRewound === "go-on") position = Math.min(position, lastCommon(log, identity) ?? 0);
    else checkIdentity(log.channelId, log, identity, ifRewound === "end" ? Infinity : position);
    ({ identity } = log);
    onLog?.(identity);
    return true;
  };
  while (!signal.aborted) {
    const { version } = changes;
    const read = (behind: number): Promise<LogPage> => pages.read(log, { after: behind, limit: PAGE, audience, maxBytes }, version);
    const page = await readPresent(read, log, position).catch((error: unknown) =>
      log.identity === identity ? ifItMayPass(error) : undefined,
    );
    if (wasSetBack()) continue;
    if (!page) {
      await changes.wait(version, clock, { timeoutMs: RETRY_MS, signal });
      continue;
    }
    if (page.messages.length > 0) yield page.messages;
    position = page.position;
    if (page.messages.length === 0) await changes.wait(version, clock, { timeoutMs: LOOK_AGAIN_MS, signal });
  }
}

/** A store that is being opened again is no reason to end what follows it. */
function ifItMayPass(error: unknown): undefined {
  if (isSSSNError(error) && error.retryable) return undefined;
  throw error;
}

/** What a subscription is made of. */
export interface SubscriptionParts {
  readonly pages: AsyncIterable<readonly ChannelMessage<unknown>[]>;
  readonly delivery: Delivery;
  readonly clock: Clock;
  /** What ends `pages`. */
  readonly abort: AbortController;
  readonly signal: AbortSignal;
  /** Resolves when nothing of the delivered messages is under way. */
  settled(): Promise<void>;
  /** Told when the subscription broke off. */
  failed(error: Error): void;
}

/** A subscriber that hangs holds up nobody who closes its subscription for longer than this. */
const CLOSE_WITHIN_MS = 30_000;

/** Delivers a stream of messages, one after the other. */
export class LocalSubscription implements Subscription {
  readonly closed: Promise<void>;
  readonly #parts: SubscriptionParts;

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
    this.closed = this.#run();
    // Whoever does not look at `closed` was told by `failed`.
    this.closed.catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { pages, signal, delivery } = this.#parts;
    try {
      for await (const page of pages) {
        for (const message of page) {
          if (signal.aborted) break;
          await delivery.deliver(message, signal);
        }
      }
    } catch (thrown) {
      this.#parts.failed(toError(thrown));
      throw thrown;
    } finally {
      await this.#parts.settled();
    }
  }

  async close(): Promise<void> {
    const { abort, clock, delivery } = this.#parts;
    abort.abort();
    if (delivery.isCalling) return;
    await within(clock, CLOSE_WITHIN_MS, this.closed).catch(() => undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
