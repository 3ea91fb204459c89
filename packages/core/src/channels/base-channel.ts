import { SSSNError, describe } from "../errors.js";
import { validateIdentifier } from "../identifiers.js";
import { linkSignals } from "../link-signals.js";
import { toMessage } from "../log-state/checks.js";
import type { ChannelMessage, MessageDraft, WriteReceipt } from "../message.js";
import type {
  ChannelEndpoint,
  ChannelInfo,
  ChannelKind,
  Claim,
  ClaimOptions,
  ClearFilter,
  CursorOptions,
  DeadLetterOptions,
  ExtendOptions,
  HistoryOptions,
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
  WriteEntry,
  WriteOptions,
} from "../ports/channel-port.js";
import { OPERATION_ROLES, type ChannelOperation } from "../ports/channel-security.js";
import type { PublishedChannel } from "../ports/channel-transport.js";
import type { Backoff, ChannelLog, DeadMessage, LogStats, RetentionPolicy, SettleResult } from "../ports/message-store.js";
import { insufficientRole } from "../security/refusals.js";
import { ChannelLifecycle } from "./channel-lifecycle.js";
import { claimFrom, reasonOf, settleWith } from "./claiming.js";
import { MAX_BATCH, makeDraft } from "./drafts.js";
import * as host from "./host-operations.js";
import { commitCursor, positionsIn, readLog, seekCursor, startPosition } from "./reading.js";
import { LatestOnly } from "./latest-only.js";
import { LocalSubscription, follow } from "./subscription.js";

/**
 * A durable, typed, access-controlled log of messages, read by many, worked off by competing workers, and followed live.
 *
 * All channel classes extend it. Hooks (`onStart`, `onMessage`, `onMaintain`, `onError`, `onStop`, and in a
 * {@link PeriodicChannel} `onPull` and `onProcess`) are its extension points: what they throw is reported and the channel
 * carries on.
 */
export abstract class BaseChannel<Content = unknown> extends ChannelLifecycle<Content> implements PublishedChannel {
  abstract readonly kind: ChannelKind;
  readonly #endpoints: ChannelEndpoint[] = [];

  // ---------------------------------------------------------------- what a kind of channel may change

  /** After a message is stored. The writer does not wait for it. */
  protected onMessage(_message: ChannelMessage<Content>): unknown {
    return undefined;
  }

  /** What a reader may see: `undefined` is everything. */
  protected audienceOf(_readerId: string): string | undefined {
    return undefined;
  }

  /** Refuses what this kind of channel does not do. */
  protected refuse(_operation: ChannelOperation): void {}

  // ---------------------------------------------------------------- who may do what, and when

  async #authorize(systemId: string, operation: ChannelOperation): Promise<ChannelLog> {
    this.refuse(operation);
    const log = this.log;
    if (!(await this.#isAllowed(validateIdentifier("system id", systemId), operation)))
      throw insufficientRole(systemId, this.id, operation);
    return log;
  }

  #isAllowed(systemId: string, operation: ChannelOperation): Promise<boolean> | boolean {
    switch (OPERATION_ROLES[operation]) {
      case "read":
        return this.security.authorizeRead(systemId, this.id);
      case "write":
        return this.security.authorizeWrite(systemId, this.id);
      case "admin":
        return this.security.authorizeAdmin(systemId, this.id);
    }
  }

  // ---------------------------------------------------------------- writing

  async write(senderId: string, content: Content, options: WriteOptions = {}): Promise<WriteReceipt> {
    const [receipt] = await this.#accept(senderId, 1, async () => [await makeDraft(this.options, senderId, content, options)]);
    return receipt as WriteReceipt;
  }

  async writeBatch(senderId: string, entries: readonly WriteEntry<Content>[]): Promise<readonly WriteReceipt[]> {
    if (entries.length > MAX_BATCH)
      throw new SSSNError("invalid_argument", `A batch takes at most ${MAX_BATCH} messages, but has ${entries.length}.`);
    return this.#accept(senderId, entries.length, () =>
      Promise.all(entries.map(({ content, ...options }) => makeDraft(this.options, senderId, content, options))),
    );
  }

  /** From here on a drain waits for the write. */
  #accept(senderId: string, messages: number, makeDrafts: () => Promise<readonly MessageDraft[]>): Promise<readonly WriteReceipt[]> {
    this.assertAccepting();
    return this.pending.track(messages, async () => {
      const log = await this.#authorize(senderId, "write");
      return this.#append(log, await makeDrafts());
    });
  }

  /** Writes as the channel itself: what it brings in on its own. */
  protected ingest(content: Content, options: WriteOptions): Promise<WriteReceipt> {
    return this.ingestAs(this.id, content, options);
  }

  /** Writes without asking for a right, on behalf of the host; also while the channel drains, so that what is under way is finished. */
  protected async ingestAs(senderId: string, content: Content, options: WriteOptions = {}): Promise<WriteReceipt> {
    const { log } = this;
    const [receipt] = await this.pending.track(1, async () =>
      this.#append(log, [await makeDraft(this.options, senderId, content, options)]),
    );
    return receipt as WriteReceipt;
  }

  async #append(log: ChannelLog, drafts: readonly MessageDraft[]): Promise<readonly WriteReceipt[]> {
    if (drafts.length === 0) return [];
    const receipts = await log.append(drafts);
    if (this.onMessage !== BaseChannel.prototype.onMessage) this.#announce(drafts, receipts);
    return receipts;
  }

  #announce(drafts: readonly MessageDraft[], receipts: readonly WriteReceipt[]): void {
    receipts.forEach(({ id, sequence, duplicate }, index) => {
      const draft = drafts[index];
      if (duplicate || !draft) return;
      const message = toMessage(draft, id, sequence, this.options.clock.now()) as ChannelMessage<Content>;
      void this.guarded("message", () => this.onMessage(message));
    });
  }

  // ---------------------------------------------------------------- shared reads

  async read(readerId: string, options: ReadOptions = {}): Promise<ReadResult<Content>> {
    const log = await this.#authorize(readerId, "read");
    return (await readLog(log, readerId, options, this.audienceOf(readerId))) as ReadResult<Content>;
  }

  async positions(readerId: string, options: CursorOptions = {}): Promise<Positions> {
    return positionsIn(await this.#authorize(readerId, "read"), readerId, options);
  }

  async commit(readerId: string, position: number, options: CursorOptions = {}): Promise<number> {
    return commitCursor(await this.#authorize(readerId, "commit"), readerId, position, options);
  }

  async seek(readerId: string, target: SeekTarget, options: CursorOptions = {}): Promise<number> {
    return seekCursor(await this.#authorize(readerId, "seek"), readerId, target, options);
  }

  async info(readerId: string): Promise<ChannelInfo> {
    if (!(await this.#isAllowed(validateIdentifier("system id", readerId), "info"))) throw insufficientRole(readerId, this.id, "info");
    return this.describe();
  }

  describe(): ChannelInfo {
    const { id, kind, visibility } = this;
    const { name, description } = this.options;
    return { id, name, description, kind, visibility, endpoints: [...this.#endpoints] };
  }

  addEndpoint(endpoint: ChannelEndpoint): void {
    this.#endpoints.push(endpoint);
  }

  removeEndpoint(endpoint: ChannelEndpoint): void {
    const index = this.#endpoints.findIndex(({ transport, url }) => transport === endpoint.transport && url === endpoint.url);
    if (index >= 0) this.#endpoints.splice(index, 1);
  }

  // ---------------------------------------------------------------- claims

  async claim(readerId: string, options: ClaimOptions = {}): Promise<readonly Claim<Content>[]> {
    this.refuse("claim");
    this.assertAccepting();
    const log = await this.#authorize(readerId, "claim");
    const { signal, release } = linkSignals(options.signal, this.ending);
    try {
      const claims = await claimFrom(
        {
          log,
          clock: this.options.clock,
          changes: this.changes,
          leaseMs: this.defaultLeaseMs(),
          vet: (group, found) => this.vetClaims(group, readerId, found),
        },
        { ...options, readerId, audience: this.audienceOf(readerId), signal },
      );
      return claims as readonly Claim<Content>[];
    } finally {
      release();
    }
  }

  /** How long a claim runs that does not say. */
  protected defaultLeaseMs(): number {
    return 300_000;
  }

  /** Looks at claims before they are handed out; what it leaves out is not. */
  protected vetClaims(_group: string, _readerId: string, claims: readonly Claim<unknown>[]): Promise<readonly Claim<unknown>[]> {
    return Promise.resolve(claims);
  }

  /** How long a message rests after a nack that does not say. */
  protected defaultNackDelay(): number | Backoff {
    return 0;
  }

  async acknowledge(readerId: string, receipts: readonly string[], options: SettleOptions = {}): Promise<readonly SettleResult[]> {
    const log = await this.#authorize(readerId, "acknowledge");
    return settleWith(log, readerId, receipts, options, (receipt) => ({ receipt, action: "acknowledge" }));
  }

  async nack(readerId: string, receipts: readonly string[], options: NackOptions = {}): Promise<readonly SettleResult[]> {
    const log = await this.#authorize(readerId, "nack");
    return settleWith(log, readerId, receipts, options, (receipt) => ({
      receipt,
      action: "release",
      delayMs: options.delayMs ?? this.defaultNackDelay(),
      ...reasonOf(options),
      ...(options.uncounted === true ? { uncounted: true } : {}),
    }));
  }

  async deadLetter(readerId: string, receipts: readonly string[], options: DeadLetterOptions = {}): Promise<readonly SettleResult[]> {
    const log = await this.#authorize(readerId, "dead-letter");
    return settleWith(log, readerId, receipts, options, (receipt) => ({ receipt, action: "dead-letter", ...reasonOf(options) }));
  }

  async extend(readerId: string, receipts: readonly string[], options: ExtendOptions = {}): Promise<readonly SettleResult[]> {
    const log = await this.#authorize(readerId, "extend");
    return settleWith(log, readerId, receipts, options, (receipt) => ({
      receipt,
      action: "extend",
      leaseMs: options.leaseMs ?? this.defaultLeaseMs(),
    }));
  }

  // ---------------------------------------------------------------- live

  async subscribe(systemId: string, callback: MessageCallback<Content>, options: SubscribeOptions = {}): Promise<Subscription> {
    const log = await this.#authorize(systemId, "stream");
    if (typeof callback !== "function")
      throw new SSSNError("invalid_argument", `subscribe() takes a function to call with each message, but got ${describe(callback)}.`);
    const after = await startPosition(log, systemId, options);
    const abort = new AbortController();
    const { signal, release } = linkSignals(abort.signal, this.ending, options.signal);
    const pages = this.#follow(log, systemId, after, signal);
    const commits = new LatestOnly<number>((sequence) => this.guarded("subscriber", () => commitCursor(log, systemId, sequence, options)));
    const subscription = new LocalSubscription(pages, abort, signal, {
      deliver: async (message) => {
        await this.guarded("subscriber", () => callback(message as ChannelMessage<Content>));
        if (options.cursor !== undefined) commits.push(message.sequence);
      },
      settled: () => commits.settled(),
      failed: (error) => this.report("subscriber", error),
    });
    const entry = { systemId, subscription };
    this.subscriptions.add(entry);
    void subscription.closed.then(() => {
      release();
      this.subscriptions.delete(entry);
    });
    return subscription;
  }

  /** Ends all subscriptions of a system; unknown ones are ignored. */
  async unsubscribe(systemId: string): Promise<void> {
    const own = [...this.subscriptions].filter((entry) => entry.systemId === systemId);
    await Promise.all(own.map(({ subscription }) => subscription.close()));
  }

  async *stream(readerId: string, options: StreamOptions = {}): AsyncGenerator<ChannelMessage<Content>, void, undefined> {
    for await (const page of this.pages(readerId, options)) {
      for (const message of page) {
        if (options.signal?.aborted || this.ending.aborted) return;
        yield message;
      }
    }
  }

  async *pages(readerId: string, options: StreamOptions = {}): AsyncGenerator<readonly ChannelMessage<Content>[], void, undefined> {
    const log = await this.#authorize(readerId, "stream");
    const after = await startPosition(log, readerId, options);
    const { signal, release } = linkSignals(options.signal, this.ending);
    try {
      for await (const page of this.#follow(log, readerId, after, signal)) yield page as readonly ChannelMessage<Content>[];
    } finally {
      release();
    }
  }

  #follow(
    log: ChannelLog,
    readerId: string,
    after: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ChannelMessage[], void, undefined> {
    return follow({
      log,
      changes: this.changes,
      pages: this.sharedPages,
      clock: this.options.clock,
      after,
      audience: this.audienceOf(readerId),
      signal,
    });
  }

  /** Whether the channel runs and its log answers. */
  async isReady(): Promise<boolean> {
    if (this.state !== "running") return false;
    await this.log.bounds();
    return true;
  }

  // ---------------------------------------------------------------- host operations

  async history(adminId: string, options: HistoryOptions = {}): Promise<ReadResult<Content>> {
    return (await host.history(await this.#authorize(adminId, "history"), options)) as ReadResult<Content>;
  }

  async stats(adminId: string): Promise<LogStats> {
    return (await this.#authorize(adminId, "stats")).stats();
  }

  async clear(adminId: string, filter?: ClearFilter<Content>): Promise<number> {
    const log = await this.#authorize(adminId, "clear");
    return this.#removing(() => host.clear(log, filter as ClearFilter<unknown> | undefined));
  }

  async evict(adminId: string, policy: RetentionPolicy = this.options.retention ?? {}): Promise<number> {
    const log = await this.#authorize(adminId, "evict");
    return this.#removing(() => host.evict(log, this.retention(policy)));
  }

  async remove(adminId: string, ids: readonly string[]): Promise<number> {
    const log = await this.#authorize(adminId, "remove");
    return this.#removing(() => host.remove(log, ids));
  }

  /** What is gone when this resolves is delivered to nobody any more. */
  async #removing(remove: () => Promise<number>): Promise<number> {
    try {
      return await remove();
    } finally {
      this.sharedPages.forget();
    }
  }

  async deadLetters(adminId: string, options: SettleOptions & { limit?: number } = {}): Promise<readonly DeadMessage[]> {
    return host.deadLetters(await this.#authorize(adminId, "history"), options);
  }

  async requeue(adminId: string, options: SettleOptions & { ids?: readonly string[] } = {}): Promise<number> {
    return host.requeue(await this.#authorize(adminId, "requeue"), options);
  }
}
