import {
  SSSNError,
  consoleLogger,
  deepFreeze,
  freezeJson,
  linkSignals,
  toError,
  validateIdentifier,
  type ChannelHostPort,
  type ChannelInfo,
  type ChannelMessage,
  type ChannelPort,
  type Claim,
  type ClaimOptions,
  type ClearFilter,
  type CursorOptions,
  type DeadLetterOptions,
  type DeadMessage,
  type ExtendOptions,
  type HistoryOptions,
  type Logger,
  type LogStats,
  type MessageCallback,
  type Metadata,
  type NackOptions,
  type Positions,
  type ReadOptions,
  type ReadResult,
  type RetentionPolicy,
  type SeekTarget,
  type SettleOptions,
  type SettleResult,
  type StreamOptions,
  type SubscribeOptions,
  type Subscription,
  type WriteEntry,
  type WriteOptions,
  type WriteReceipt,
} from "@sssn/core";
import { randomToken } from "@sssn/core/log-state";
import { HostConnection, type ConnectionOptions } from "./host-connection.js";
import { liveMessages } from "./live-messages.js";
import { WriteBatcher } from "./write-batcher.js";

/** Which channel, and how its host is spoken to. */
export interface HttpChannelOptions extends ConnectionOptions {
  /** The channel's URL, or the host's together with `id`. */
  readonly url: string;
  /** The channel's id, where the URL does not end with it. */
  readonly id?: string;
  /** Told of a subscriber's exceptions. A pino logger fits. Default: warnings and errors to the console. */
  readonly logger?: Logger;
}

/** For the calls of one view of a channel. */
export interface CallOptions {
  /** Ends calls that are under way and subscriptions; they reject with its reason. What the host has begun may still be done. */
  readonly signal?: AbortSignal;
  /** How long one attempt may take, in ms. Default: the channel's. */
  readonly timeoutMs?: number;
}

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
export class HttpChannel<Content = unknown> implements ChannelPort<Content>, ChannelHostPort<Content> {
  readonly id: string;
  readonly #options: HttpChannelOptions;
  readonly #call: CallOptions;
  readonly #connection: HostConnection;
  readonly #logger: Logger;
  readonly #writes: WriteBatcher;

  /** @throws SSSNError `invalid_argument` for a URL that names no channel. */
  constructor(options: HttpChannelOptions);
  /** @internal A view of another one, over the same connection. */
  constructor(options: HttpChannelOptions, connection: HostConnection, call: CallOptions);
  constructor(options: HttpChannelOptions, connection?: HostConnection, call: CallOptions = {}) {
    const { id, url } = channelUrl(options.url, options.id);
    this.id = id;
    this.#options = options;
    this.#call = call;
    this.#logger = options.logger ?? consoleLogger;
    this.#connection = connection ?? new HostConnection(url, options);
    this.#writes = new WriteBatcher({
      one: (entry) => this.#post("/messages", entry),
      many: async (messages) => (await this.#post<{ receipts: WriteReceipt[] }>("/messages/batch", { messages })).receipts,
    });
  }

  /** The same channel, for calls with a deadline or a signal of their own. */
  with(options: CallOptions): HttpChannel<Content> {
    return new HttpChannel<Content>(this.#options, this.#connection, { ...this.#call, ...options });
  }

  info(_readerId?: string): Promise<ChannelInfo> {
    return this.#get("");
  }

  async write(_senderId: string, content: Content, options: WriteOptions = {}): Promise<WriteReceipt> {
    return this.#writes.write(entryOf({ content, ...options }));
  }

  async writeBatch(_senderId: string, entries: readonly WriteEntry<Content>[]): Promise<readonly WriteReceipt[]> {
    const messages = entries.map((entry) => entryOf(entry));
    return (await this.#post<{ receipts: WriteReceipt[] }>("/messages/batch", { messages })).receipts;
  }

  async read(_readerId: string, options: ReadOptions = {}): Promise<ReadResult<Content>> {
    return deepFreeze(await this.#post<ReadResult<Content>>("/read", options));
  }

  positions(_readerId: string, options: CursorOptions = {}): Promise<Positions> {
    return this.#get(`/positions${queryText({ ...options })}`);
  }

  async commit(_readerId: string, position: number, options: CursorOptions = {}): Promise<number> {
    return (await this.#post<{ position: number }>("/cursor/commit", { position, ...options })).position;
  }

  async seek(_readerId: string, target: SeekTarget, options: CursorOptions = {}): Promise<number> {
    return (await this.#post<{ position: number }>("/cursor/seek", { target, ...options })).position;
  }

  async claim(_readerId: string, options: ClaimOptions = {}): Promise<readonly Claim<Content>[]> {
    const { signal: ending, ...body } = options;
    if (ending?.aborted) return [];
    const { signal, release } = linkSignals(ending, this.#call.signal);
    try {
      const { claims } = await this.#connection.json<{ claims: Claim<Content>[] }>({
        method: "POST",
        path: "/claims",
        body,
        signal,
        timeoutMs: this.#call.timeoutMs,
        waitMs: options.waitMs ?? 0,
      });
      return deepFreeze(claims);
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
    return (await this.#post<{ results: SettleResult[] }>(`/claims/${how}`, body)).results;
  }

  async subscribe(readerId: string, callback: MessageCallback<Content>, options: SubscribeOptions = {}): Promise<Subscription> {
    const ending = new AbortController();
    const { signal, release } = linkSignals(ending.signal, options.signal, this.#call.signal);
    let begin: (position: number) => void = () => {};
    const begun = new Promise<number>((resolve) => {
      begin = resolve;
    });
    const messages = liveMessages<Content>({ connection: this.#connection, query: startQuery(options), signal, onPosition: begin });
    const closed = this.#deliver(messages, readerId, callback, options);
    // Whoever does not look at `closed` must not be hit by an unhandled rejection.
    closed.catch(() => undefined).finally(release);
    await Promise.race([begun, closed]);
    const close = async (): Promise<void> => {
      ending.abort();
      await closed.catch(() => undefined);
    };
    return { closed, close, [Symbol.asyncDispose]: close };
  }

  async #deliver(
    messages: AsyncIterable<ChannelMessage<Content>>,
    readerId: string,
    callback: MessageCallback<Content>,
    options: SubscribeOptions,
  ): Promise<void> {
    for await (const message of messages) {
      try {
        await callback(message);
      } catch (thrown) {
        this.#logger.error(
          { channel: this.id, sequence: message.sequence, err: toError(thrown) },
          `a subscriber of channel ${this.id} failed; it gets the next message all the same`,
        );
      }
      if (options.cursor !== undefined) await this.commit(readerId, message.sequence, { cursor: options.cursor });
    }
  }

  async *stream(_readerId: string, options: StreamOptions = {}): AsyncGenerator<ChannelMessage<Content>, void, undefined> {
    const { signal, release } = linkSignals(options.signal, this.#call.signal);
    try {
      yield* liveMessages<Content>({ connection: this.#connection, query: startQuery(options), signal });
    } finally {
      release();
    }
  }

  async history(_adminId: string, options: HistoryOptions = {}): Promise<ReadResult<Content>> {
    return deepFreeze(await this.#get<ReadResult<Content>>(`/history${queryText({ ...options })}`));
  }

  stats(_adminId?: string): Promise<LogStats> {
    return this.#get("/stats");
  }

  async clear(adminId: string, filter?: ClearFilter<Content>): Promise<number> {
    if (!filter) return (await this.#post<{ removed: number }>("/clear", {})).removed;
    // A function can't travel: what it accepts is found here and removed by id.
    let [removed, after] = [0, 0];
    for (;;) {
      const page = await this.history(adminId, { after, limit: 1_000 });
      const ids = page.messages.filter(filter).map(({ id }) => id);
      if (ids.length > 0) removed += await this.remove(adminId, ids);
      if (page.messages.length === 0) return removed;
      after = page.position;
    }
  }

  async evict(_adminId: string, policy: RetentionPolicy = {}): Promise<number> {
    return (await this.#post<{ removed: number }>("/evict", policy)).removed;
  }

  async remove(_adminId: string, ids: readonly string[]): Promise<number> {
    return (await this.#post<{ removed: number }>("/remove", { ids })).removed;
  }

  async deadLetters(_adminId: string, options: SettleOptions & { readonly limit?: number } = {}): Promise<readonly DeadMessage[]> {
    return deepFreeze((await this.#get<{ messages: DeadMessage[] }>(`/dead-letters${queryText({ ...options })}`)).messages);
  }

  async requeue(_adminId: string, options: SettleOptions & { readonly ids?: readonly string[] } = {}): Promise<number> {
    return (await this.#post<{ requeued: number }>("/requeue", options)).requeued;
  }

  #get<Result>(path: string): Promise<Result> {
    return this.#connection.json<Result>({ path, ...this.#call });
  }

  #post<Result>(path: string, body: unknown): Promise<Result> {
    return this.#connection.json<Result>({ method: "POST", path, body, ...this.#call });
  }
}

/** As it is sent: with an id, and with nothing that JSON would drop or change without a word. */
function entryOf(entry: WriteEntry<unknown>): WriteEntry<unknown> {
  const { metadata } = entry;
  return {
    id: randomToken(),
    ...entry,
    content: freezeJson(entry.content),
    ...(metadata === undefined ? {} : { metadata: freezeJson(metadata, "metadata") as Metadata }),
  };
}

function channelUrl(text: string, id: string | undefined): { id: string; url: string } {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new SSSNError(
      "invalid_argument",
      `${JSON.stringify(text)} is not a URL. A channel's URL looks like http://host:port/channels/<id>.`,
      { cause },
    );
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new SSSNError("invalid_argument", `A channel is reached over http or https, not ${url.protocol}`);
  url.search = "";
  url.hash = "";
  const base = url.href.replace(/\/+$/, "");
  const named = /^(.*)\/channels\/([^/]+)$/.exec(base);
  const last = named?.[2] === undefined ? undefined : decodeURIComponent(named[2]);
  if (last !== undefined && (id === undefined || id === last)) return { id: validateIdentifier("channel id", last), url: base };
  if (id === undefined) throw new SSSNError("invalid_argument", `${base} names no channel: add /channels/<id>, or give the id as well.`);
  return { id: validateIdentifier("channel id", id), url: `${base.replace(/\/channels$/, "")}/channels/${encodeURIComponent(id)}` };
}

function startQuery({ from, cursor }: SubscribeOptions): string {
  if (cursor !== undefined) return queryText({ cursor, ...(from === "start" ? { from } : {}) });
  return typeof from === "object" ? queryText({ after: from.after }) : queryText({ from: from ?? "now" });
}

function queryText(values: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value));
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}
