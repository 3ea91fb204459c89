import { systemClock, type Cancel, type Clock } from "../clock.js";
import { SSSNError, errorOfParts, isSSSNError, toError } from "../errors.js";
import { validateInteger } from "../identifiers.js";
import { randomToken } from "../log-state/random.js";
import { NO_METADATA, type ChannelMessage, type Metadata } from "../message.js";
import { consoleLogger } from "../logger.js";
import { refuseUnknownOptions } from "../options.js";
import type { ChannelPort, Subscription } from "../ports/channel-port.js";
import { sha256 } from "../sha256.js";
import { MAX_DELAY_MS } from "../channels/work/claim-bounds.js";
import type { WorkOptions } from "../channels/work/work-options.js";
import { Worker } from "../channels/work/worker.js";
import type { JobContext } from "../channels/work/job.js";

const DEFAULT_TIMEOUT_MS = 30_000;

/** Who asks, where requests are written and where replies come back. The channels may be local or remote. */
export interface RequesterOptions<Request, Reply> {
  /** In whose name requests are answered, or asked. */
  readonly systemId: string;
  /** Where requests are written. */
  readonly requests: ChannelPort<Request>;
  /** A mailbox shows each reply to its asker only; on any other channel all readers see all replies. */
  readonly replies: ChannelPort<Reply>;
  /** How long a request waits for its reply when it does not say. Default 30 000 ms. */
  readonly timeoutMs?: number;
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock?: Clock;
}

const REQUESTER_OPTIONS: ReadonlySet<string> = new Set<keyof RequesterOptions<unknown, unknown>>([
  "systemId",
  "requests",
  "replies",
  "timeoutMs",
  "clock",
]);

/** One request. */
export interface RequestOptions {
  /** From 1 ms on. Default: the requester's. */
  readonly timeoutMs?: number;
  /** Ends the call, or the wait. */
  readonly signal?: AbortSignal;
  /** Goes with the request's message. */
  readonly metadata?: Metadata;
}

interface Pending<Reply> {
  readonly resolve: (reply: ChannelMessage<Reply>) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Asks over one channel and hears the answers on another. It listens before it asks, once for all its requests, and tells the replies
 * apart by their correlation ids: any number of requests may be under way, of this and of other requesters of the same name.
 *
 * @example
 * ```ts
 * import { MailboxChannel, MemoryMessageStore, Requester, WorkQueueChannel, answer } from "@sssn/core";
 * const store = new MemoryMessageStore();
 * const requests = new WorkQueueChannel<number>({ id: "squares-wanted", store });
 * const replies = new MailboxChannel<number>({ id: "squares", store });
 * await Promise.all([requests.start(), replies.start()]);
 * const worker = answer({ systemId: "mathematician", requests, replies }, ({ content }) => content * content);
 * const requester = await Requester.open({ systemId: "pupil", requests, replies });
 * const { content } = await requester.request(7, { timeoutMs: 5_000 });
 * if (content !== 49) throw new Error("7 times 7 is 49");
 * await requester.close();
 * await worker.close();
 * ```
 */
export class Requester<Request = unknown, Reply = unknown> implements AsyncDisposable {
  readonly #options: RequesterOptions<Request, Reply>;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #pending = new Map<string, Pending<Reply>>();
  readonly #name = randomToken();
  #count = 0;
  #subscription: Subscription | undefined;
  #ended: SSSNError | undefined;

  private constructor(options: RequesterOptions<Request, Reply>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#timeoutMs = validateTimeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  }

  /** Begins to listen for replies. @throws SSSNError what subscribing to the replies throws. */
  static async open<Request, Reply>(options: RequesterOptions<Request, Reply>): Promise<Requester<Request, Reply>> {
    refuseUnknownOptions("Requester.open()", options, REQUESTER_OPTIONS);
    const requester = new Requester(options);
    const subscription = await options.replies.subscribe(options.systemId, (message) => requester.#hear(message));
    requester.#subscription = subscription;
    void subscription.closed.then(
      () => requester.#end(new SSSNError("invalid_state", `The requester on channel ${options.requests.id} is closed.`)),
      (thrown: unknown) =>
        requester.#end(
          new SSSNError(
            "store_unavailable",
            `Replies on channel ${options.replies.id} can't be heard any more: ${toError(thrown).message}`,
            { cause: thrown },
          ),
        ),
    );
    return requester;
  }

  /**
   * Writes a request and waits for its reply.
   *
   * @throws SSSNError `timeout` when no reply came in time (the request stays in its channel, and may still be worked on),
   * `invalid_state` once closed, whatever writing throws, what the answerer refused the request with, and the signal's reason.
   */
  async request(content: Request, options: RequestOptions = {}): Promise<ChannelMessage<Reply>> {
    const timeoutMs = options.timeoutMs === undefined ? this.#timeoutMs : validateTimeout(options.timeoutMs);
    options.signal?.throwIfAborted();
    if (this.#ended) throw this.#ended;
    const { requests, replies, systemId } = this.#options;
    const correlationId = `${this.#name}-${(++this.#count).toString(36)}`;
    const reply = this.#wait(correlationId, timeoutMs, options.signal);
    // The id makes a write that is repeated by a transport the same request.
    void requests
      .write(systemId, content, {
        id: correlationId,
        correlationId,
        replyTo: replies.id,
        // What its asker has given up is not run any more.
        ttlMs: Math.min(timeoutMs, MAX_DELAY_MS),
        ...(options.metadata === undefined ? {} : { metadata: options.metadata }),
      })
      .catch((thrown: unknown) => this.#pending.get(correlationId)?.reject(toError(thrown)));
    return reply;
  }

  /** Whether replies are heard: false once closed, or when listening broke off. Then open another one. */
  get isOpen(): boolean {
    return this.#ended === undefined;
  }

  #wait(correlationId: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<ChannelMessage<Reply>> {
    let cancel: Cancel = () => {};
    const abort = (): void => this.#pending.get(correlationId)?.reject(toError(signal?.reason));
    return new Promise<ChannelMessage<Reply>>((resolve, reject) => {
      this.#pending.set(correlationId, { resolve, reject });
      cancel = this.#clock.schedule(
        () => reject(new SSSNError("timeout", `No reply to request ${correlationId} came within ${timeoutMs} ms.`)),
        timeoutMs,
      );
      signal?.addEventListener("abort", abort, { once: true });
    }).finally(() => {
      cancel();
      signal?.removeEventListener("abort", abort);
      this.#pending.delete(correlationId);
    });
  }

  #hear(message: ChannelMessage<Reply>): void {
    const pending = this.#pending.get(message.correlationId ?? "");
    const refusal = refusalIn(message.metadata);
    if (refusal) pending?.reject(refusal);
    else pending?.resolve(message);
  }

  #end(error: SSSNError): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(error);
  }

  /** Ends listening; requests under way end with `invalid_state`. */
  async close(): Promise<void> {
    await this.#subscription?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function validateTimeout(timeoutMs: unknown): number {
  return validateInteger("timeoutMs", timeoutMs, 1, Number.MAX_SAFE_INTEGER);
}

/** Finds the channel that a request names as its `replyTo`; `undefined` for one that is not answered on. */
export type ReplyChannelResolver<Reply> = (replyTo: string) => ChannelPort<Reply> | undefined | Promise<ChannelPort<Reply> | undefined>;

/** Who answers, and where. */
export interface AnswerOptions<Request, Reply> extends WorkOptions {
  /** In whose name requests are answered, or asked. */
  readonly systemId: string;
  /** Where requests are written. */
  readonly requests: ChannelPort<Request>;
  /** Where replies are written, or what finds it. */
  readonly replies: ChannelPort<Reply> | ReplyChannelResolver<Reply>;
}

/** A reply that says why there is none: its content is null. */
function refusalMetadata({ code, message, details }: SSSNError): Metadata {
  return { error: { code, message, details } };
}

function refusalIn({ error }: Metadata): SSSNError | undefined {
  return errorOfParts(error);
}

/**
 * Answers the requests of a {@link Requester}: what the handler returns is the reply. An {@link SSSNError} that trying again can't help
 * against is the reply too, and the requester throws it. After any other exception the request is given back and tried again, as any other
 * job. A request that is worked on twice, after a crash, is answered once; one that names a channel that is not answered on is dropped.
 */
export function answer<Request, Reply>(
  { systemId, requests, replies, ...options }: AnswerOptions<Request, Reply>,
  handler: (message: ChannelMessage<Request>, context: JobContext) => Reply | Promise<Reply>,
): Worker<Request> {
  const { logger = consoleLogger } = options;
  return new Worker(
    requests,
    systemId,
    async (message, context) => {
      const { replyTo } = message;
      if (replyTo === undefined) return handler(message, context);
      const channel = typeof replies === "function" ? await replies(replyTo) : replies;
      if (!channel)
        return logger.warn(
          { channel: requests.id, message: message.id },
          `a request on channel ${requests.id} names a channel that is not answered on; it is dropped`,
        );
      const reply = replyWriter(systemId, requests.id, message, channel);
      try {
        // A handler without a result has answered: with nothing.
        await reply((await handler(message, context)) ?? (null as Reply), NO_METADATA);
      } catch (error) {
        if (!isSSSNError(error) || error.retryable || error.code === "lease_lost") throw error;
        // There is no content to give, whatever its type.
        await reply(null as Reply, refusalMetadata(error));
      }
    },
    options,
  );
}

function replyWriter<Reply>(
  systemId: string,
  requestsId: string,
  message: ChannelMessage<unknown>,
  channel: ChannelPort<Reply>,
): (content: Reply, metadata: Metadata) => Promise<void> {
  return async (content, metadata) => {
    try {
      await channel.write(systemId, content, {
        id: await replyId(requestsId, message),
        correlationId: message.correlationId ?? message.id,
        recipientId: message.senderId,
        metadata,
      });
    } catch (error) {
      // Answered by an earlier delivery, in other words.
      if (!isSSSNError(error, "message_conflict")) throw error;
    }
  };
}

/**
 * One a request, whatever host and log it came through, so that a request that is worked on twice has one reply. Digested, because the
 * names together can be longer than an identifier.
 */
async function replyId(requestsId: string, { id, sequence, timestamp, senderId, correlationId }: ChannelMessage<unknown>): Promise<string> {
  const digest = await sha256(JSON.stringify([requestsId, id, sequence, timestamp, senderId, correlationId]));
  return `reply-${digest.slice(0, 40)}`;
}
