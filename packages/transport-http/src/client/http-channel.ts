import {
  Delivery,
  LatestOnly,
  LocalSubscription,
  commitDelivered,
  consoleLogger,
  deepFreeze,
  guardLogger,
  linkSignals,
  refuseUnknownOptions,
  toError,
  type ChannelInfo,
  type ChannelMessage,
  type ChannelPort,
  type Claim,
  type ClaimOptions,
  type CommitOptions,
  type CursorOptions,
  type DeadLetterOptions,
  type Delivered,
  type ExtendOptions,
  type Logger,
  type MessageCallback,
  type NackOptions,
  type Positions,
  type ReadOptions,
  type ReadResult,
  type SeekTarget,
  type SettleOptions,
  type SettleResult,
  type StreamOptions,
  type SubscribeOptions,
  type Subscription,
  type WriteCondition,
  type WriteEntry,
  type WriteOptions,
  type WriteReceipt,
} from "@sssn/core";
import { randomToken } from "@sssn/core/log-state";
import { channelHosts, connectionHosts, type ChannelHosts } from "./channel-hosts.js";
import { queryText } from "./channel-url.js";
import { HostConnection } from "./host-connection.js";
import { HTTP_CHANNEL_OPTIONS, type HttpChannelOptions } from "./http-channel-options.js";
import { liveMessages } from "./live-messages.js";
import { cursorOf, entryOf, singly, startQuery } from "./request-forms.js";
import { HttpHostOperations } from "./http-host-operations.js";
import { WriteBatcher } from "./write-batcher.js";

/** For the calls of one view of a channel. */
export interface CallOptions {
  /** Ends calls that are under way and subscriptions; they reject with its reason. What the host has begun may still be done. */
  readonly signal?: AbortSignal;
  /** How long one attempt may take, in ms. Default: the channel's. */
  readonly timeoutMs?: number;
}

const CALL_OPTIONS: ReadonlySet<string> = new Set<keyof CallOptions>(["signal", "timeoutMs"]);

/**
 * A channel of another process, used like a local one. Who the caller is follows from the token, whatever reader or sender is
 * named in a call. Needs nothing but `fetch`: it runs in Node and in a browser.
 *
 * Every write gets an id, so that repeating it after a lost answer stores it once. Writes that are made while another one is under way
 * share the next request.
 *
 * @example
 * ```ts
 * import { HttpChannel } from "@sssn/transport-http/client";
 * const orders = new HttpChannel<{ item: string }>({ url: "http://127.0.0.1:8000", id: "orders", token: async () => "a new one when it is needed" });
 * const hasty = orders.with({ timeoutMs: 500, signal: AbortSignal.timeout(2_000) });
 * if (hasty.id !== "orders") throw new Error("the same channel");
 * ```
 */
export class HttpChannel<Content = unknown, Written = Content>
  extends HttpHostOperations<Content>
  implements ChannelPort<Content, Written>
{
  readonly id: string;
  readonly #hosts: ChannelHosts;
  readonly #options: HttpChannelOptions<Content, Written>;
  readonly #call: CallOptions;
  readonly #connection: HostConnection;
  readonly #logger: Logger;
  readonly #writes: WriteBatcher;

  /** @throws SSSNError `invalid_argument` for a URL that names no channel. */
  constructor(options: HttpChannelOptions<Content, Written>);
  /** @internal A view of another one, over the same connection. */
  constructor(options: HttpChannelOptions<Content, Written>, connection: HostConnection, call: CallOptions);
  constructor(options: HttpChannelOptions<Content, Written>, connection?: HostConnection, call: CallOptions = {}) {
    super();
    if (!connection) refuseUnknownOptions("HttpChannel", options, HTTP_CHANNEL_OPTIONS);
    const hosts = channelHosts(options.url, options.id ?? options.contract?.id, options.origins);
    this.id = hosts.id;
    this.#hosts = hosts;
    this.#options = options;
    this.#call = call;
    this.#logger = guardLogger(options.logger ?? consoleLogger);
    this.#connection = connection ?? new HostConnection(connectionHosts(hosts, options), options);
    this.#writes = new WriteBatcher({
      one: (entry) => this.post("/messages", entry, "sequence"),
      many: (messages) => this.#storeAll(messages),
    });
  }

  /** `connection: "lost"` when the host is reached no more, and `"restored"` when it is again; calls and streams are repeated meanwhile. */
  get events(): HostConnection["events"] {
    return this.#connection.events;
  }

  /** Where it lives: what is registered at one of these origins may be sent the same token. */
  get origins(): readonly string[] {
    // An address that may not be sent the token vouches for nobody.
    return this.#hosts.allowed.map((url) => new URL(url).origin);
  }

  get isReachable(): boolean {
    return this.#connection.isReachable;
  }

  /** The same channel, for calls with a deadline or a signal of their own. */
  with(options: CallOptions): HttpChannel<Content, Written> {
    refuseUnknownOptions("with()", options, CALL_OPTIONS);
    return new HttpChannel<Content, Written>(this.#options, this.#connection, { ...this.#call, ...options });
  }

  info(_readerId?: string): Promise<ChannelInfo> {
    return this.get("");
  }

  async write(_senderId: string, content: Written, options: WriteOptions & WriteCondition = {}): Promise<WriteReceipt> {
    const { ifLast, ...rest } = options;
    const entry = entryOf({ content, ...rest });
    // One with a condition shares its request with no other.
    return ifLast === undefined ? this.#writes.write(entry) : this.post("/messages", { ...entry, ifLast }, "sequence");
  }

  async writeBatch(
    _senderId: string,
    entries: readonly WriteEntry<Written>[],
    condition: WriteCondition = {},
  ): Promise<readonly WriteReceipt[]> {
    return this.#storeAll(
      entries.map((entry) => entryOf(entry)),
      condition,
    );
  }

  async #storeAll(messages: readonly WriteEntry<unknown>[], condition: WriteCondition = {}): Promise<readonly WriteReceipt[]> {
    return (await this.post<{ receipts: WriteReceipt[] }>("/messages/batch", { messages, ...condition }, "receipts")).receipts;
  }

  async read(_readerId: string, options: ReadOptions = {}): Promise<ReadResult<Content>> {
    return deepFreeze(await this.post<ReadResult<Content>>("/read", options, "messages"));
  }

  async find(_readerId: string, id: string): Promise<ChannelMessage<Content> | undefined> {
    return deepFreeze((await this.get<{ message?: ChannelMessage<Content> }>(`/message${queryText({ id })}`)).message);
  }

  positions(_readerId: string, options: CursorOptions = {}): Promise<Positions> {
    return this.get(`/positions${queryText({ ...options })}`, "last");
  }

  async commit(_readerId: string, position: number, options: CommitOptions = {}): Promise<number> {
    return (await this.post<{ position: number }>("/cursor/commit", { position, ...options }, "position")).position;
  }

  async seek(_readerId: string, target: SeekTarget, options: CursorOptions = {}): Promise<number> {
    return (await this.post<{ position: number }>("/cursor/seek", { target, ...options }, "position")).position;
  }

  async claim(_readerId: string, options: ClaimOptions = {}): Promise<readonly Claim<Content>[]> {
    const { signal: ending, ...body } = { callId: randomToken(), ...options };
    if (ending?.aborted) return [];
    let askedAt = 0;
    const { signal, release } = linkSignals(ending, this.#call.signal);
    try {
      const { clock } = this.#connection;
      const { claims, waitedMs } = await this.#connection.json<{ claims: Claim<Content>[]; waitedMs: number }>({
        method: "POST",
        path: "/claims",
        body,
        answer: "claims",
        signal,
        timeoutMs: this.#call.timeoutMs,
        waitMs: options.waitMs ?? 0,
        onAttempt: (at) => {
          askedAt = at;
        },
      });
      // The answer may have been on its way for as long as the call took beyond what the host had it.
      const onTheWayMs = Math.max(0, clock.monotonic() - askedAt - waitedMs);
      return deepFreeze(claims.map((claim) => ({ ...claim, leaseMs: Math.max(0, claim.leaseMs - onTheWayMs) })));
    } catch (error) {
      if (ending?.aborted) return [];
      throw error;
    } finally {
      release();
    }
  }

  acknowledge(_readerId: string, receipts: readonly string[], options: SettleOptions = {}): Promise<readonly SettleResult[]> {
    return this.#settle("acknowledge", { receipts, ...options });
  }

  nack(_readerId: string, receipts: readonly string[], options: NackOptions = {}): Promise<readonly SettleResult[]> {
    return this.#settle("nack", { receipts, ...options });
  }

  deadLetter(_readerId: string, receipts: readonly string[], options: DeadLetterOptions = {}): Promise<readonly SettleResult[]> {
    return this.#settle("dead-letter", { receipts, ...options });
  }

  extend(_readerId: string, receipts: readonly string[], options: ExtendOptions = {}): Promise<readonly SettleResult[]> {
    return this.#settle("extend", { receipts, ...options });
  }

  async #settle(how: string, body: unknown): Promise<readonly SettleResult[]> {
    return (await this.post<{ results: SettleResult[] }>(`/claims/${how}`, body, "results")).results;
  }

  async subscribe(readerId: string, callback: MessageCallback<Content>, options: SubscribeOptions = {}): Promise<Subscription> {
    const { clock } = this.#connection;
    const report = (error: Error, text: string, sequence?: number): void =>
      this.#logger.error({ channel: this.id, err: error, ...(sequence === undefined ? {} : { sequence }) }, text);
    let log: string | undefined;
    const commits = new LatestOnly<Delivered>((delivered) =>
      commitDelivered(delivered, (sequence, from) => this.commit(readerId, sequence, { ...cursorOf(options), log: from })).catch(
        (thrown: unknown) =>
          report(toError(thrown), `a subscription to channel ${this.id} could not commit how far it is; it may get some messages again`),
      ),
    );
    const delivery = new Delivery(callback, options, {
      channelId: this.id,
      clock,
      report: (error, sequence) => report(error, `channel ${this.id} carries on after an error (subscriber)`, sequence),
      commit: (sequence) => commits.push({ sequence, log: log ?? "" }),
    });
    const abort = new AbortController();
    const { signal, release } = linkSignals(abort.signal, options.signal, this.#call.signal);
    let begin: () => void = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const messages = this.#live(options, signal, (_position, identity) => {
      log = identity;
      begin();
    });
    const subscription = new LocalSubscription({
      pages: singly(messages),
      delivery,
      clock,
      abort,
      signal,
      settled: () => commits.settled(),
      // One that never began rejects, and that is how its caller is told.
      failed: (error) => (log === undefined ? undefined : report(error, `channel ${this.id} carries on after an error (subscriber)`)),
    });
    subscription.closed.then(release, release);
    await Promise.race([begun, subscription.closed]);
    return subscription;
  }

  async *stream(_readerId: string, options: StreamOptions = {}): AsyncGenerator<ChannelMessage<Content>, void, undefined> {
    const { signal, release } = linkSignals(options.signal, this.#call.signal);
    try {
      yield* this.#live(options, signal);
    } finally {
      release();
    }
  }

  #live(
    options: SubscribeOptions,
    signal: AbortSignal,
    onPosition?: (position: number, log: string) => void,
  ): AsyncGenerator<ChannelMessage<Content>, void, undefined> {
    const { ifReplaced = "end" } = options;
    return liveMessages<Content>({
      connection: this.#connection,
      query: startQuery(options),
      signal,
      ifReplaced,
      ...(onPosition ? { onPosition } : {}),
    });
  }

  protected get<Result>(path: string, answer?: string): Promise<Result> {
    return this.#connection.json<Result>({ path, answer, ...this.#call });
  }

  protected post<Result>(path: string, body: unknown, answer?: string): Promise<Result> {
    return this.#connection.json<Result>({ method: "POST", path, body, answer, ...this.#call });
  }
}
