import { validateIdentifier } from "../identifiers.js";
import { linkSignals } from "../link-signals.js";
import type { ChannelMessage } from "../message.js";
import type {
  ChannelEndpoint,
  ChannelInfo,
  ChannelKind,
  ClearFilter,
  CommitOptions,
  CursorOptions,
  CursorPage,
  CursorsOptions,
  DeadLettersOptions,
  HistoryOptions,
  MessageCallback,
  Positions,
  ReadOptions,
  ReadResult,
  ScanOptions,
  ScanResult,
  SeekTarget,
  StreamOptions,
  SubscribeOptions,
  Subscription,
} from "../ports/channel-port.js";
import type { PublishedChannel } from "../ports/channel-transport.js";
import type { ChannelLog, DeadMessage, LogCounts, LogStats, RetentionPolicy } from "../ports/message-store.js";
import { insufficientRole } from "../security/refusals.js";
import { checkCall } from "./call-options.js";
import { groupName } from "./work/claiming.js";
import { Delivery, commitDelivered, type Delivered } from "./reading/delivery.js";
import * as host from "./host-operations.js";
import { commitCursor, cursorKey, findIn, positionsIn, readLog, seekCursor, startPosition } from "./reading/log-reading.js";
import { Scanner } from "./reading/scanning.js";
import { LatestOnly } from "./reading/latest-only.js";
import { LocalSubscription, follow, type FollowOptions } from "./reading/subscription.js";
import { ClaimableChannel } from "./work/claimable-channel.js";

/**
 * A durable, typed, access-controlled log of messages, read by many, worked off by competing workers, and followed live.
 *
 * All channel classes extend it. Hooks (`onStart`, `onMessage`, `onMaintain`, `onError`, `onStop`, and in a
 * {@link PeriodicChannel} `onPull` and `onProcess`) are its extension points: what they throw is reported and the channel
 * carries on.
 */
export abstract class BaseChannel<Content = unknown, Written = Content>
  extends ClaimableChannel<Content, Written>
  implements PublishedChannel
{
  abstract readonly kind: ChannelKind;
  readonly #endpoints: ChannelEndpoint[] = [];
  #scanner: Scanner | undefined;

  // ---------------------------------------------------------------- shared reads

  async read(readerId: string, options: ReadOptions = {}): Promise<ReadResult<Content>> {
    checkCall("read", options);
    const log = await this.authorize(readerId, "read");
    const bounds = { audience: this.audienceOf(readerId), maxBytes: this.options.maxPageBytes };
    return (await readLog(log, readerId, options, bounds)) as ReadResult<Content>;
  }

  async positions(readerId: string, options: CursorOptions = {}): Promise<Positions> {
    checkCall("positions", options);
    return positionsIn(await this.authorize(readerId, "read"), readerId, options);
  }

  async commit(readerId: string, position: number, options: CommitOptions = {}): Promise<number> {
    checkCall("commit", options);
    return commitCursor(await this.authorize(readerId, "commit"), readerId, position, options);
  }

  async seek(readerId: string, target: SeekTarget, options: CursorOptions = {}): Promise<number> {
    checkCall("seek", options);
    return seekCursor(await this.authorize(readerId, "seek"), readerId, target, options);
  }

  async find(readerId: string, id: string): Promise<ChannelMessage<Content> | undefined> {
    const log = await this.authorize(readerId, "read");
    return (await findIn(log, id, this.audienceOf(readerId))) as ChannelMessage<Content> | undefined;
  }

  async info(readerId: string): Promise<ChannelInfo> {
    validateIdentifier("system id", readerId);
    const observes = (await this.security.authorizeRole?.(readerId, this.id, "observe")) ?? false;
    if (!observes && !(await this.isAllowed(readerId, "info"))) throw insufficientRole(readerId, this.id, "info");
    return this.describe();
  }

  describe(): ChannelInfo {
    const { id, kind, visibility } = this;
    const { name, description, backoff, retention, maintenanceIntervalMs } = this.options;
    return {
      id,
      name,
      description,
      kind,
      visibility,
      ...(backoff ? { backoff } : {}),
      ...(retention ? { retention: this.retention(retention) } : {}),
      maintenanceIntervalMs,
      endpoints: [...this.#endpoints],
    };
  }

  addEndpoint(endpoint: ChannelEndpoint): void {
    this.#endpoints.push(endpoint);
    this.events.emit("endpoints", [...this.#endpoints]);
  }

  removeEndpoint(endpoint: ChannelEndpoint): void {
    const index = this.#endpoints.findIndex(({ transport, url }) => transport === endpoint.transport && url === endpoint.url);
    if (index < 0) return;
    this.#endpoints.splice(index, 1);
    this.events.emit("endpoints", [...this.#endpoints]);
  }

  // ---------------------------------------------------------------- live

  async subscribe(systemId: string, callback: MessageCallback<Content>, options: SubscribeOptions = {}): Promise<Subscription> {
    checkCall("subscribe", options);
    const log = await this.authorize(systemId, "stream");
    let readFrom = log.identity;
    const commits = new LatestOnly<Delivered>((delivered) =>
      this.guarded("subscriber", () =>
        commitDelivered(delivered, (sequence, from) => commitCursor(log, systemId, sequence, { ...options, log: from })),
      ),
    );
    const delivery = new Delivery(callback, options, {
      channelId: this.id,
      clock: this.options.clock,
      report: (error) => this.report("subscriber", error),
      commit: (sequence) => commits.push({ sequence, log: readFrom }),
    });
    const after = await startPosition(log, systemId, options);
    const abort = new AbortController();
    const { signal, release } = linkSignals(abort.signal, this.ending, options.signal);
    const subscription = new LocalSubscription({
      pages: this.#follow(log, systemId, after, signal, options.ifReplaced === "start" ? "go-on" : "end-if-lost", (identity) => {
        readFrom = identity;
      }),
      delivery,
      clock: this.options.clock,
      abort,
      signal,
      settled: () => commits.settled(),
      failed: (error) => this.report("subscriber", error),
    });
    const entry = { systemId, subscription };
    this.subscriptions.add(entry);
    const forget = (): void => {
      release();
      this.subscriptions.delete(entry);
    };
    subscription.closed.then(forget, forget);
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
    checkCall("stream", options);
    if (options.signal?.aborted) return;
    const log = await this.authorize(readerId, "stream");
    const after = await startPosition(log, readerId, options);
    const { signal, release } = linkSignals(options.signal, this.ending);
    try {
      for await (const page of this.#follow(log, readerId, after, signal, "end")) yield page as readonly ChannelMessage<Content>[];
    } finally {
      release();
    }
  }

  #follow(
    log: ChannelLog,
    readerId: string,
    after: number,
    signal: AbortSignal,
    ifRewound: FollowOptions["ifRewound"],
    onLog?: FollowOptions["onLog"],
  ): AsyncGenerator<readonly ChannelMessage[], void, undefined> {
    return follow({
      log,
      changes: this.changes,
      pages: this.sharedPages,
      clock: this.options.clock,
      maxBytes: this.options.maxPageBytes,
      after,
      audience: this.audienceOf(readerId),
      ifRewound,
      ...(onLog ? { onLog } : {}),
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
    checkCall("history", options);
    return (await host.history(await this.authorize(adminId, "history"), options, this.options.maxPageBytes)) as ReadResult<Content>;
  }

  async stats(adminId: string): Promise<LogStats> {
    return host.stats(await this.authorize(adminId, "stats"), this.expectedGroups());
  }

  async counts(adminId: string): Promise<LogCounts> {
    return host.counts(await this.authorize(adminId, "stats"), this.expectedGroups());
  }

  async cursors(adminId: string, options: CursorsOptions = {}): Promise<CursorPage> {
    checkCall("cursors", options);
    return host.cursors(await this.authorize(adminId, "stats"), options);
  }

  async clear(adminId: string, filter?: ClearFilter<Content>): Promise<number> {
    const log = await this.authorize(adminId, "clear");
    return this.#removing(() => host.clear(log, filter as ClearFilter<unknown> | undefined));
  }

  async evict(adminId: string, policy: RetentionPolicy = this.options.retention ?? {}): Promise<number> {
    const log = await this.authorize(adminId, "evict");
    return this.#removing(() => host.evict(log, this.retention(policy)));
  }

  async remove(adminId: string, ids: readonly string[]): Promise<number> {
    const log = await this.authorize(adminId, "remove");
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

  async scan(adminId: string, options: ScanOptions = {}): Promise<ScanResult<Content>> {
    checkCall("scan", options);
    const log = await this.authorize(adminId, "history");
    this.#scanner ??= new Scanner(this.id, this.options.clock);
    return (await this.#scanner.scan(log, options)) as ScanResult<Content>;
  }

  async locate(adminId: string, target: { readonly timestamp: number }): Promise<Positions & { readonly position: number }> {
    return host.locate(await this.authorize(adminId, "history"), adminId, target);
  }

  async deadLetters(adminId: string, options: DeadLettersOptions = {}): Promise<readonly DeadMessage[]> {
    checkCall("deadLetters", options);
    return host.deadLetters(await this.authorize(adminId, "history"), options);
  }

  async deleteGroup(adminId: string, group: string): Promise<boolean> {
    return (await this.authorize(adminId, "delete-group")).deleteGroup(groupName({ group }));
  }

  async deleteCursor(adminId: string, readerId: string, options: CursorOptions = {}): Promise<boolean> {
    checkCall("deleteCursor", options);
    return (await this.authorize(adminId, "delete-cursor")).deleteCursor(cursorKey(validateIdentifier("system id", readerId), options));
  }
}
