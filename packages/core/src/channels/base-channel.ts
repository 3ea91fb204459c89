import { SSSNError, describe } from "../errors.js";
import { EventSource } from "../events.js";
import type { Cancel } from "../clock.js";
import { validateIdentifier } from "../identifiers.js";
import { toMessage } from "../log-state/checks.js";
import type { ChannelMessage, MessageDraft, Visibility, WriteReceipt } from "../message.js";
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
import { OPERATION_ROLES, type ChannelOperation, type ChannelSecurity } from "../ports/channel-security.js";
import type { PublishedChannel } from "../ports/channel-transport.js";
import type { Backoff, ChannelLog, DeadMessage, LogStats, RetentionPolicy, SettleResult } from "../ports/message-store.js";
import { insufficientRole } from "../security/refusals.js";
import { Ticker } from "../ticker.js";
import { ChangeSignal } from "./change-signal.js";
import { resolveChannelOptions, type ChannelOptions, type ResolvedChannelOptions } from "./channel-options.js";
import { claimFrom, reasonOf, settleWith } from "./claiming.js";
import { draftOf, makeDraft } from "./drafts.js";
import { ErrorsSeen, type ContinuedError } from "./errors-seen.js";
import { PendingWrites } from "./pending-writes.js";
import * as host from "./host-operations.js";
import { commitCursor, positionsIn, readLog, seekCursor, startPosition } from "./reading.js";
import { LocalSubscription, follow } from "./subscription.js";

/** Where a channel is in its life. */
export type ChannelState = "init" | "running" | "draining" | "stopped";

/** Where an error happened that the channel carried on after. */
export type ChannelErrorPhase = "start" | "pull" | "process" | "message" | "maintain" | "subscriber" | "dead-letter" | "stop";

/** How a drain ended. */
export interface ChannelDrainReport {
  readonly channelId: string;
  /** Whether everything was done before the deadline. */
  readonly clean: boolean;
  /** Writes whose outcome was not awaited any more. */
  readonly abandonedWrites: number;
  readonly durationMs: number;
}

/**
 * A durable, typed, access-controlled log of messages, read by many, worked off by competing workers, and followed live.
 *
 * All channel classes extend it. Hooks (`onStart`, `onMessage`, `onMaintain`, `onError`, `onStop`, and in a
 * {@link PeriodicChannel} `onPull` and `onProcess`) are its extension points: what they throw is reported and the channel
 * carries on.
 */
export abstract class BaseChannel<Content = unknown> implements PublishedChannel, AsyncDisposable {
  abstract readonly kind: ChannelKind;
  readonly id: string;
  readonly visibility: Visibility;
  readonly security: ChannelSecurity;
  /** State changes and continued errors. */
  readonly events = new EventSource<{ state: ChannelState; error: ContinuedError<ChannelErrorPhase> }>();
  protected readonly options: ResolvedChannelOptions<Content>;
  readonly #changes = new ChangeSignal();
  readonly #errors = new ErrorsSeen<ChannelErrorPhase>();
  readonly #subscriptions = new Set<{ readonly systemId: string; readonly subscription: Subscription }>();
  readonly #pending: PendingWrites;
  readonly #ending = new AbortController();
  readonly #endpoints: ChannelEndpoint[] = [];
  #state: ChannelState = "init";
  #log: ChannelLog | undefined;
  #stopListening: Cancel | undefined;
  #maintenance: Ticker | undefined;
  #starting: Promise<void> | undefined;
  #draining: Promise<ChannelDrainReport> | undefined;

  constructor(options: ChannelOptions<Content>) {
    this.options = resolveChannelOptions(options);
    this.id = this.options.id;
    this.visibility = this.options.visibility;
    this.security = this.options.security;
    this.#pending = new PendingWrites(this.id, this.options.maxPendingWrites);
    this.#errors.events.on("error", (error) => this.events.emit("error", error));
  }

  get state(): ChannelState {
    return this.#state;
  }

  /** Errors that the channel carried on after, by phase. */
  get errorCounts(): Readonly<Partial<Record<ChannelErrorPhase, number>>> {
    return this.#errors.counts;
  }

  // ---------------------------------------------------------------- lifecycle

  /** Opens the log and begins. Calling it again changes nothing. @throws SSSNError `invalid_state` after a stop, and whatever the store refuses with. */
  start(): Promise<void> {
    if (this.#state === "draining" || this.#state === "stopped") {
      return Promise.reject(new SSSNError("invalid_state", `Channel ${this.id} is ${this.#state} and can't start again: make a new one on the same store.`));
    }
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  async #start(): Promise<void> {
    const log = await this.options.store.open(this.id, this.logOptions());
    if (this.#state !== "init") return;
    this.#log = log;
    this.#stopListening = log.onChange(() => this.#changes.raise());
    await this.#guarded("start", () => this.onStart());
    this.#maintenance = new Ticker(this.options.clock, this.options.maintenanceIntervalMs, () => this.maintain(), { background: true });
    this.#maintenance.start();
    this.#enter("running");
    this.startWork();
  }

  /** Ends now: what is under way is not waited for. */
  async stop(): Promise<void> {
    await this.drain({ timeoutMs: 0 });
  }

  /** Takes no more writes and claims, lets what is under way finish, then ends. @param options `timeoutMs`: the deadline; default 30 000. */
  drain(options: { timeoutMs?: number } = {}): Promise<ChannelDrainReport> {
    return (this.#draining ??= this.#drain(options.timeoutMs ?? 30_000));
  }

  async #drain(timeoutMs: number): Promise<ChannelDrainReport> {
    const { clock } = this.options;
    const begun = clock.monotonic();
    const wasRunning = this.#state === "running";
    this.#enter("draining");
    this.#changes.raise();
    this.#ending.abort();
    const tidy = async (): Promise<void> => {
      await this.stopWork();
      await this.#maintenance?.stop();
      await this.#pending.settled();
      await Promise.all([...this.#subscriptions].map(({ subscription }) => subscription.close()));
    };
    let timer: Cancel | undefined;
    const deadline = new Promise<boolean>((resolve) => (timer = clock.schedule(() => resolve(false), timeoutMs)));
    const clean = await Promise.race([tidy().then(() => true), deadline]);
    timer?.();
    if (wasRunning) await this.#guarded("stop", () => this.onStop());
    this.#stopListening?.();
    this.#enter("stopped");
    return { channelId: this.id, clean, abandonedWrites: this.#pending.count, durationMs: clock.monotonic() - begun };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain().then(() => undefined);
  }

  #enter(state: ChannelState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.events.emit("state", state);
  }

  // ---------------------------------------------------------------- hooks

  /** Before the channel runs. */
  protected onStart(): unknown {
    return undefined;
  }

  /** After a message is stored. The writer does not wait for it. */
  protected onMessage(_message: ChannelMessage<Content>): unknown {
    return undefined;
  }

  /** At every maintenance: applies the retention policy. Override it to add to it. */
  protected async onMaintain(): Promise<void> {
    if (this.options.retention) await this.log.evict(this.retention(this.options.retention));
  }

  /** After an error that the channel carries on after. Default: logs it. */
  protected onError(phase: ChannelErrorPhase, error: Error): unknown {
    this.options.logger.error({ channel: this.id, phase, err: error }, `channel ${this.id} carries on after an error (${phase})`);
    return undefined;
  }

  /** After the last write, before the channel ends. */
  protected onStop(): unknown {
    return undefined;
  }

  /** How the log is opened. */
  protected logOptions(): { addressed?: boolean } {
    return {};
  }

  /** What a retention policy means for this kind of channel. */
  protected retention(policy: RetentionPolicy): RetentionPolicy {
    return policy;
  }

  /** What a reader may see: `undefined` is everything. */
  protected audienceOf(_readerId: string): string | undefined {
    return undefined;
  }

  /** Refuses what this kind of channel does not do. */
  protected refuse(_operation: ChannelOperation): void {}

  /** Begins whatever runs beside reads and writes. */
  protected startWork(): void {}

  protected stopWork(): Promise<void> {
    return Promise.resolve();
  }

  /** Runs maintenance now. It also runs by itself, whatever else the channel does. */
  async maintain(): Promise<void> {
    if (this.#state === "running") await this.#guarded("maintain", () => this.onMaintain());
  }

  protected async guarded(phase: ChannelErrorPhase, task: () => unknown): Promise<void> {
    await this.#guarded(phase, task);
  }

  async #guarded(phase: ChannelErrorPhase, task: () => unknown): Promise<void> {
    try {
      await task();
    } catch (thrown) {
      this.report(phase, thrown);
    }
  }

  protected report(phase: ChannelErrorPhase, thrown: unknown): void {
    this.#errors.report(phase, thrown, this.options.logger, (where, error) => this.onError(where, error));
  }

  // ---------------------------------------------------------------- who may do what, and when

  /** The log of the running channel. @throws SSSNError `channel_not_running`. */
  protected get log(): ChannelLog {
    if (this.#log && this.#state !== "stopped") return this.#log;
    throw new SSSNError("channel_not_running", `Channel ${this.id} is not running (${this.#state === "init" ? "it was never started" : this.#state}).`, {
      details: { state: this.#state },
    });
  }

  async #authorize(systemId: string, operation: ChannelOperation): Promise<ChannelLog> {
    this.refuse(operation);
    const log = this.log;
    if (!(await this.#isAllowed(validateIdentifier("system id", systemId), operation))) throw insufficientRole(systemId, this.id, operation);
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

  #assertAccepting(): void {
    if (this.#state === "running") return;
    throw new SSSNError(
      "channel_not_running",
      this.#state === "init" ? `Channel ${this.id} was not started yet: call start(), or launch its system.` : `Channel ${this.id} is ${this.#state} and takes nothing new.`,
      { details: { state: this.#state } },
    );
  }

  // ---------------------------------------------------------------- writing

  async write(senderId: string, content: Content, options: WriteOptions = {}): Promise<WriteReceipt> {
    this.#assertAccepting();
    const log = await this.#authorize(senderId, "write");
    const draft = this.options.schema ? await makeDraft(this.options, senderId, content, options) : draftOf(this.options, senderId, content, options);
    const [receipt] = await this.#append(log, [draft]);
    return receipt as WriteReceipt;
  }

  async writeBatch(senderId: string, entries: readonly WriteEntry<Content>[]): Promise<readonly WriteReceipt[]> {
    this.#assertAccepting();
    const log = await this.#authorize(senderId, "write");
    if (entries.length === 0) return [];
    if (entries.length > 10_000) throw new SSSNError("invalid_argument", `A batch takes at most 10000 messages, but has ${entries.length}.`);
    const drafts: MessageDraft[] = [];
    for (const { content, ...options } of entries) drafts.push(await makeDraft(this.options, senderId, content, options));
    return this.#append(log, drafts);
  }

  /** Writes as the channel itself: what it brings in on its own. */
  protected ingest(content: Content, options: WriteOptions): Promise<WriteReceipt> {
    return this.ingestAs(this.id, content, options);
  }

  /** Writes without asking for a right, on behalf of the host; also while the channel drains, so that what is under way is finished. */
  protected async ingestAs(senderId: string, content: Content, options: WriteOptions = {}): Promise<WriteReceipt> {
    const draft = await makeDraft(this.options, senderId, content, options);
    const [receipt] = await this.#append(this.log, [draft]);
    return receipt as WriteReceipt;
  }

  async #append(log: ChannelLog, drafts: readonly MessageDraft[]): Promise<readonly WriteReceipt[]> {
    const receipts = await this.#pending.track(drafts.length, () => log.append(drafts));
    if (this.onMessage !== BaseChannel.prototype.onMessage) this.#announce(drafts, receipts);
    return receipts;
  }

  #announce(drafts: readonly MessageDraft[], receipts: readonly WriteReceipt[]): void {
    receipts.forEach(({ id, sequence, duplicate }, index) => {
      const draft = drafts[index];
      if (duplicate || !draft) return;
      const message = toMessage(draft, id, sequence, this.options.clock.now()) as ChannelMessage<Content>;
      void this.#guarded("message", () => this.onMessage(message));
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
    this.#assertAccepting();
    const log = await this.#authorize(readerId, "claim");
    const signal = options.signal ? AbortSignal.any([options.signal, this.#ending.signal]) : this.#ending.signal;
    const claims = await claimFrom(
      { log, clock: this.options.clock, changes: this.#changes, leaseMs: this.defaultLeaseMs(), vet: (group, found) => this.vetClaims(group, readerId, found) },
      { ...options, readerId, audience: this.audienceOf(readerId), signal },
    );
    return claims as readonly Claim<Content>[];
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
    return settleWith(log, readerId, receipts, options, (receipt) => ({ receipt, action: "release", delayMs: options.delayMs ?? this.defaultNackDelay(), ...reasonOf(options) }));
  }

  async deadLetter(readerId: string, receipts: readonly string[], options: DeadLetterOptions = {}): Promise<readonly SettleResult[]> {
    const log = await this.#authorize(readerId, "dead-letter");
    return settleWith(log, readerId, receipts, options, (receipt) => ({ receipt, action: "dead-letter", ...reasonOf(options) }));
  }

  async extend(readerId: string, receipts: readonly string[], options: ExtendOptions = {}): Promise<readonly SettleResult[]> {
    const log = await this.#authorize(readerId, "extend");
    return settleWith(log, readerId, receipts, options, (receipt) => ({ receipt, action: "extend", leaseMs: options.leaseMs ?? this.defaultLeaseMs() }));
  }

  // ---------------------------------------------------------------- live

  async subscribe(systemId: string, callback: MessageCallback<Content>, options: SubscribeOptions = {}): Promise<Subscription> {
    const log = await this.#authorize(systemId, "stream");
    if (typeof callback !== "function") throw new SSSNError("invalid_argument", `subscribe() takes a function to call with each message, but got ${describe(callback)}.`);
    const after = await startPosition(log, systemId, options);
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, this.#ending.signal, ...(options.signal ? [options.signal] : [])]);
    const messages = follow({ log, changes: this.#changes, clock: this.options.clock, after, audience: this.audienceOf(systemId), signal });
    const subscription = new LocalSubscription(
      messages,
      abort,
      async (message) => {
        await this.#guarded("subscriber", () => callback(message as ChannelMessage<Content>));
        if (options.cursor !== undefined) await this.#guarded("subscriber", () => commitCursor(log, systemId, message.sequence, options));
      },
      (error) => this.report("subscriber", error),
    );
    const entry = { systemId, subscription };
    this.#subscriptions.add(entry);
    void subscription.closed.then(() => this.#subscriptions.delete(entry));
    return subscription;
  }

  /** Ends all subscriptions of a system; unknown ones are ignored. */
  async unsubscribe(systemId: string): Promise<void> {
    const own = [...this.#subscriptions].filter((entry) => entry.systemId === systemId);
    await Promise.all(own.map(({ subscription }) => subscription.close()));
  }

  async *stream(readerId: string, options: StreamOptions = {}): AsyncGenerator<ChannelMessage<Content>, void, undefined> {
    const log = await this.#authorize(readerId, "stream");
    const after = await startPosition(log, readerId, options);
    const signal = options.signal ? AbortSignal.any([options.signal, this.#ending.signal]) : this.#ending.signal;
    const messages = follow({ log, changes: this.#changes, clock: this.options.clock, after, audience: this.audienceOf(readerId), signal });
    for await (const message of messages) yield message as ChannelMessage<Content>;
  }

  // ---------------------------------------------------------------- host operations

  async history(adminId: string, options: HistoryOptions = {}): Promise<ReadResult<Content>> {
    return (await host.history(await this.#authorize(adminId, "history"), options)) as ReadResult<Content>;
  }

  async stats(adminId: string): Promise<LogStats> {
    return (await this.#authorize(adminId, "stats")).stats();
  }

  async clear(adminId: string, filter?: ClearFilter<Content>): Promise<number> {
    return host.clear(await this.#authorize(adminId, "clear"), filter as ClearFilter<unknown> | undefined);
  }

  async evict(adminId: string, policy: RetentionPolicy = this.options.retention ?? {}): Promise<number> {
    return host.evict(await this.#authorize(adminId, "evict"), this.retention(policy));
  }

  async remove(adminId: string, ids: readonly string[]): Promise<number> {
    return host.remove(await this.#authorize(adminId, "remove"), ids);
  }

  async deadLetters(adminId: string, options: SettleOptions & { limit?: number } = {}): Promise<readonly DeadMessage[]> {
    return host.deadLetters(await this.#authorize(adminId, "history"), options);
  }

  async requeue(adminId: string, options: SettleOptions & { ids?: readonly string[] } = {}): Promise<number> {
    return host.requeue(await this.#authorize(adminId, "requeue"), options);
  }
}
