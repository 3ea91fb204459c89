import { idOf, type ChannelContract, type ChannelReference, type WrittenTo } from "../channels/channel-contract.js";
import type { JobHandler } from "../channels/work/job.js";
import type { BatchHandler } from "../channels/work/batching.js";
import { startWorker, type BatchWorkOptions } from "../channels/work/work.js";
import type { WorkOptions } from "../channels/work/work-options.js";
import type { Worker } from "../channels/work/worker.js";
import { SSSNError, isSSSNError } from "../errors.js";
import { EventSource } from "../events.js";
import { linkSignals } from "../link-signals.js";
import { validateIdentifier } from "../identifiers.js";
import type { ChannelMessage, WriteReceipt } from "../message.js";
import type {
  ChannelInfo,
  ChannelPort,
  Claim,
  ClaimOptions,
  CommitOptions,
  CursorOptions,
  DeadLetterOptions,
  ExtendOptions,
  MessageCallback,
  NackOptions,
  Positions,
  ReadOptions,
  ReadResult,
  SeekTarget,
  SettleOptions,
  StreamOptions,
  SubscribeOptions,
  Subscription,
  WriteCondition,
  WriteEntry,
  WriteOptions,
} from "../ports/channel-port.js";
import type { SettleResult } from "../ports/message-store.js";

/** Finds a channel by name and gives something that speaks to it. Discovery implements it. */
export interface ChannelResolver {
  /** @param expected what the caller takes it for: another kind is refused with `invalid_state`. */
  resolve(channelId: string, expected?: Pick<ChannelContract, "kind">): Promise<ChannelPort>;
}

/**
 * A system's view of its channels: those that were connected, by id, wherever they live. Everything is done in the name of one
 * system. Reading through it confirms a batch when the next one is asked for.
 */
export class ChannelClient {
  readonly systemId: string;
  /** Which channels come and go, by their ids. */
  readonly events = new EventSource<{ connected: string; disconnected: string }>();
  readonly #channels = new Map<string, ChannelPort>();
  /** The last position that each cursor has been handed, to be confirmed with its next read. */
  readonly #received = new Map<string, { readonly position: number; readonly log: string }>();
  /** What was begun through this client and has not ended. */
  readonly #workers = new Set<Pick<Worker, "close">>();
  readonly #subscriptions = new Set<Subscription>();
  readonly #ending = new AbortController();

  constructor(systemId: string) {
    this.systemId = validateIdentifier("system id", systemId);
  }

  /** The ids of the connected channels. */
  get channelIds(): readonly string[] {
    return [...this.#channels.keys()];
  }

  /** Connects a channel, local or remote, under its id. @throws SSSNError `duplicate_id`. */
  connect(channel: ChannelPort): void {
    if (this.#channels.has(channel.id)) {
      throw new SSSNError("duplicate_id", `${this.systemId} is connected to a channel ${channel.id} already; disconnect it first.`, {
        details: { id: channel.id },
      });
    }
    this.#channels.set(channel.id, channel);
    this.events.emit("connected", channel.id);
  }

  /** From a name, or a contract, to a working channel in one call. @throws SSSNError `channel_not_found`, `duplicate_id`, `invalid_state`: it is of another kind. */
  async connectFrom<Content = unknown, Written = Content>(
    directory: ChannelResolver,
    channel: string | ChannelContract<Content, Written>,
  ): Promise<ChannelPort<Content, Written>> {
    const found = await directory.resolve(idOf(channel), typeof channel === "string" ? undefined : channel);
    this.connect(found);
    // What it carries is what both sides have agreed on.
    return found as ChannelPort<Content, Written>;
  }

  disconnect(channelId: string): void {
    if (this.#channels.delete(channelId)) this.events.emit("disconnected", channelId);
  }

  has(channelId: string): boolean {
    return this.#channels.has(channelId);
  }

  /** The connected channel. @throws SSSNError `channel_not_connected`, with the ids that are. */
  channel<Content = unknown, Written = Content>(reference: string | ChannelContract<Content, Written>): ChannelPort<Content, Written> {
    const channelId = idOf(reference);
    const channel = this.#channels.get(channelId);
    // A channel's content type is the caller's knowledge, or the contract's: ids carry no types.
    if (channel) return channel as ChannelPort<Content, Written>;
    const known = this.channelIds;
    throw new SSSNError(
      "channel_not_connected",
      `${this.systemId} is not connected to a channel ${JSON.stringify(channelId)}. Connected: ${known.length > 0 ? known.join(", ") : "none"}. Wire it with addChannel() or addSubsystem(system, { channels }).`,
      { details: { known } },
    );
  }

  /** The message with this id, if it is there. */
  find<Content = unknown>(reference: ChannelReference<Content>, id: string): Promise<ChannelMessage<Content> | undefined> {
    return this.#readable(reference).find(this.systemId, id);
  }

  info(reference: ChannelReference): Promise<ChannelInfo> {
    return this.#on(idOf(reference), (channel) => channel.info(this.systemId));
  }

  /** Writes what the channel's contract takes; anything, where the channel is named by its id. */
  write<Channel extends ChannelReference>(
    channel: Channel,
    content: WrittenTo<Channel>,
    options?: WriteOptions & WriteCondition,
  ): Promise<WriteReceipt> {
    return this.#on(idOf(channel), (found) => found.write(this.systemId, content, options));
  }

  writeBatch<Channel extends ChannelReference>(
    channel: Channel,
    entries: readonly WriteEntry<WrittenTo<Channel>>[],
    condition?: WriteCondition,
  ): Promise<readonly WriteReceipt[]> {
    return this.#on(idOf(channel), (found) => found.writeBatch(this.systemId, entries, condition));
  }

  /** Reads on where this client's last read of the cursor ended, and confirms that read by doing so. */
  async read<Content = unknown>(reference: ChannelReference<Content>, options: ReadOptions = {}): Promise<ReadResult<Content>> {
    const [channel, channelId] = [this.#readable(reference), idOf(reference)];
    if (options.after !== undefined || options.commit !== undefined) return channel.read(this.systemId, options);
    const cursor = `${channelId}/${options.cursor ?? ""}`;
    const received = this.#received.get(cursor);
    try {
      const result = await channel.read(this.systemId, received ? { ...options, commit: received.position, log: received.log } : options);
      this.#received.set(cursor, { position: result.position, log: result.log });
      return result;
    } catch (error) {
      // Told once; the next read begins with what the other log knows of the cursor.
      if (isSSSNError(error, "log_replaced") || isSSSNError(error, "log_rewound")) this.#received.delete(cursor);
      throw error;
    }
  }

  positions(reference: ChannelReference, options?: CursorOptions): Promise<Positions> {
    return this.#on(idOf(reference), (channel) => channel.positions(this.systemId, options));
  }

  commit(reference: ChannelReference, position: number, options?: CommitOptions): Promise<number> {
    return this.#on(idOf(reference), (channel) => channel.commit(this.systemId, position, options));
  }

  async seek(reference: ChannelReference, target: SeekTarget, options: CursorOptions = {}): Promise<number> {
    const [channel, channelId] = [this.channel(idOf(reference)), idOf(reference)];
    this.#received.delete(`${channelId}/${options.cursor ?? ""}`);
    return channel.seek(this.systemId, target, options);
  }

  async claim<Content = unknown>(reference: ChannelReference<Content>, options?: ClaimOptions): Promise<readonly Claim<Content>[]> {
    return this.#readable(reference).claim(this.systemId, options);
  }

  acknowledge(reference: ChannelReference, receipts: readonly string[], options?: SettleOptions): Promise<readonly SettleResult[]> {
    return this.#on(idOf(reference), (channel) => channel.acknowledge(this.systemId, receipts, options));
  }

  nack(reference: ChannelReference, receipts: readonly string[], options?: NackOptions): Promise<readonly SettleResult[]> {
    return this.#on(idOf(reference), (channel) => channel.nack(this.systemId, receipts, options));
  }

  deadLetter(reference: ChannelReference, receipts: readonly string[], options?: DeadLetterOptions): Promise<readonly SettleResult[]> {
    return this.#on(idOf(reference), (channel) => channel.deadLetter(this.systemId, receipts, options));
  }

  extend(reference: ChannelReference, receipts: readonly string[], options?: ExtendOptions): Promise<readonly SettleResult[]> {
    return this.#on(idOf(reference), (channel) => channel.extend(this.systemId, receipts, options));
  }

  /** Follows a channel until the subscription is closed, or the system ends. */
  async subscribe<Content = unknown>(
    reference: ChannelReference<Content>,
    callback: MessageCallback<Content>,
    options?: SubscribeOptions,
  ): Promise<Subscription> {
    this.#assertNotEnded();
    const subscription = await this.#readable(reference).subscribe(this.systemId, callback, options);
    if (this.#ending.signal.aborted) await subscription.close();
    this.#subscriptions.add(subscription);
    const forget = (): void => void this.#subscriptions.delete(subscription);
    subscription.closed.then(forget, forget);
    return subscription;
  }

  /** Follows a channel until the loop over it ends, or the system. */
  async *stream<Content = unknown>(
    reference: ChannelReference<Content>,
    options: StreamOptions = {},
  ): AsyncGenerator<ChannelMessage<Content>, void, undefined> {
    this.#assertNotEnded();
    const { signal, release } = linkSignals(options.signal, this.#ending.signal);
    try {
      yield* this.#readable(reference).stream(this.systemId, { ...options, signal });
    } finally {
      release();
    }
  }

  /** Works a channel off many messages at a time. */
  work<Content = unknown>(reference: ChannelReference<Content>, handler: BatchHandler<Content>, options: BatchWorkOptions): Worker<Content>;
  /** Works a channel off in this system's name, until the worker is closed, or the system ends. @throws SSSNError `channel_not_connected`, `invalid_state`. */
  work<Content = unknown>(reference: ChannelReference<Content>, handler: JobHandler<Content>, options?: WorkOptions): Worker<Content>;
  work<Content>(
    reference: ChannelReference<Content>,
    handler: JobHandler<Content> | BatchHandler<Content>,
    options?: WorkOptions | BatchWorkOptions,
  ): Worker<Content> {
    this.#assertNotEnded();
    const worker = startWorker(this.#readable(reference), this.systemId, handler, options);
    this.#workers.add(worker);
    void worker.closed.then(() => this.#workers.delete(worker));
    return worker;
  }

  /**
   * Ends what was begun through this client: workers finish what they have, subscriptions and streams stop. A system does so when it
   * shuts down.
   *
   * @param options `timeoutMs`: after it, workers give back what they are at. Default 30 000.
   */
  async end(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#ending.abort();
    const closing = [...this.#workers].map((worker) => worker.close(options));
    await Promise.all([...closing, ...[...this.#subscriptions].map((subscription) => subscription.close())]);
  }

  #assertNotEnded(): void {
    if (!this.#ending.signal.aborted) return;
    throw new SSSNError("invalid_state", `System ${this.systemId} has ended, and begins nothing new.`);
  }

  /** An unknown channel rejects like every other failure, instead of throwing where a promise is expected. */
  async #on<Result>(channelId: string, call: (channel: ChannelPort) => Promise<Result>): Promise<Result> {
    return call(this.channel(channelId));
  }

  /** What is read of it has the type that its contract, or the caller, says. */
  #readable<Content>(reference: ChannelReference<Content>): ChannelPort<Content, unknown> {
    return this.channel<Content, unknown>(idOf(reference));
  }
}
