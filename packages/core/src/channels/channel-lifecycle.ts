import { SSSNError } from "../errors.js";
import { EventSource } from "../events.js";
import type { Cancel } from "../clock.js";
import type { Visibility } from "../message.js";
import type { ChannelEndpoint, Subscription } from "../ports/channel-port.js";
import type { ChannelSecurity } from "../ports/channel-security.js";
import type { ChannelLog, LogOptions, RetentionPolicy } from "../ports/message-store.js";
import { TOO_LATE, within } from "../within.js";
import { SoleRight } from "../hosts/sole-right.js";
import { Ticker } from "../ticker.js";
import { ChangeSignal } from "./change-signal.js";
import { refuseUnknownOptions } from "../options.js";
import { CHANNEL_OPTIONS, resolveChannelOptions, type ChannelOptions, type ResolvedChannelOptions } from "./channel-options.js";
import { evict } from "./host-operations.js";
import { DeadLetterForwarder } from "./work/dead-letter-forwarder.js";
import { ErrorsSeen, type ContinuedError } from "./errors-seen.js";
import { PendingWrites } from "./pending-writes.js";
import { SharedPages } from "./reading/shared-pages.js";

/** Where a channel is in its life. */
export type ChannelState = "init" | "running" | "draining" | "stopped";

/** Where an error happened that the channel carried on after. */
export type ChannelErrorPhase = "start" | "pull" | "process" | "message" | "maintain" | "subscriber" | "dead-letter" | "stop";

/** A hook that takes longer is not waited for. */
const HOOK_TIMEOUT_MS = 30_000;

/** How a drain ended. */
export interface ChannelDrainReport {
  readonly channelId: string;
  /** Whether everything was done before the deadline. */
  readonly clean: boolean;
  /** Writes whose outcome was not awaited any more. */
  readonly abandonedWrites: number;
  readonly durationMs: number;
}

/** Which channel runs on which log of a store. */
const occupied = new WeakMap<object, Map<string, object>>();

function optionsOf({
  ownOptions = [],
  foreignOptions,
}: Pick<typeof ChannelLifecycle, "ownOptions" | "foreignOptions">): ReadonlySet<string> {
  return new Set([...CHANNEL_OPTIONS.filter((name) => !foreignOptions.includes(name)), ...ownOptions]);
}

/** The life of a channel: from its start to its drain, its maintenance, and what becomes of errors that it carries on after. */
export abstract class ChannelLifecycle<Content = unknown, Written = Content> implements AsyncDisposable {
  readonly id: string;
  readonly visibility: Visibility;
  readonly security: ChannelSecurity;
  /** State changes, continued errors, and where it can be reached whenever that changes. */
  readonly events = new EventSource<{
    state: ChannelState;
    error: ContinuedError<ChannelErrorPhase>;
    endpoints: readonly ChannelEndpoint[];
  }>();
  protected readonly options: ResolvedChannelOptions<Content, Written>;
  /** Raised whenever there may be something new in the log. */
  protected readonly changes = new ChangeSignal();
  /** What followers of the log read, for others at the same place. */
  protected readonly sharedPages: SharedPages;
  protected readonly deadForwarder: DeadLetterForwarder;
  protected readonly pending: PendingWrites;
  /** Aborts when the channel begins to end: whoever waits stops waiting. */
  protected readonly ending: AbortSignal;
  /** The live subscriptions, with whom they are for. */
  protected readonly subscriptions = new Set<{ readonly systemId: string; readonly subscription: Subscription }>();
  readonly #errors = new ErrorsSeen<ChannelErrorPhase>();
  readonly #end = new AbortController();
  #state: ChannelState = "init";
  #log: ChannelLog | undefined;
  #stopListening: Cancel | undefined;
  #maintenance: Ticker | undefined;
  #maintenanceRight: SoleRight | undefined;
  #starting: Promise<void> | undefined;
  #draining: Promise<ChannelDrainReport> | undefined;

  /**
   * The options that a kind of channel takes besides those of all. Set on a class itself, it makes others refused; classes that extend
   * it are free to take more.
   */
  static readonly ownOptions: readonly string[] | undefined;
  /** The options of all kinds that mean nothing to this one, and are refused. */
  static readonly foreignOptions: readonly string[] = [];

  constructor(options: ChannelOptions<Content, Written>) {
    if (Object.hasOwn(new.target, "ownOptions")) refuseUnknownOptions(new.target.name, options, optionsOf(new.target));
    this.options = resolveChannelOptions(options);
    this.id = this.options.id;
    this.visibility = this.options.visibility;
    this.security = this.options.security;
    this.sharedPages = new SharedPages(this.options.clock);
    this.deadForwarder = new DeadLetterForwarder(this.id, this.options.deadLetter);
    this.pending = new PendingWrites(this.id, this.options.maxPendingWrites);
    this.ending = this.#end.signal;
    this.#errors.events.on("error", (error) => this.events.emit("error", error));
  }

  /** Aborts when the channel begins to end, for good. */
  get ended(): AbortSignal {
    return this.ending;
  }

  get state(): ChannelState {
    return this.#state;
  }

  /** Errors that the channel carried on after, by phase. */
  get errorCounts(): Readonly<Partial<Record<ChannelErrorPhase, number>>> {
    return this.#errors.counts;
  }

  /** Opens the log and begins. Calling it again changes nothing. @throws SSSNError `invalid_state` after a stop, and whatever the store refuses with. */
  start(): Promise<void> {
    if (this.#state === "draining" || this.#state === "stopped") {
      return Promise.reject(
        new SSSNError("invalid_state", `Channel ${this.id} is ${this.#state} and can't start again: make a new one on the same store.`),
      );
    }
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  async #start(): Promise<void> {
    const log = await this.options.store.open(this.id, this.logOptions());
    if (this.#end.signal.aborted) return;
    this.#occupy(log);
    this.#log = log;
    this.#stopListening = log.onChange(() => this.changes.raise());
    await this.boundedly("start", () => this.onStart());
    // Told to end while it started: it never runs.
    if (this.#end.signal.aborted) return this.#stopListening();
    const { store, maintenanceIntervalMs, clock } = this.options;
    const right = new SoleRight(store, `maintenance:${this.id}`, 2 * maintenanceIntervalMs + 1_000);
    this.#maintenanceRight = right;
    // Of several hosts one does it. An error is reported as one of the maintenance.
    const inTurn = async (): Promise<void> => {
      let isMine = false;
      await this.guarded("maintain", async () => {
        isMine = await right.isMine();
      });
      if (isMine) await this.maintain();
    };
    this.#maintenance = new Ticker(clock, maintenanceIntervalMs, inTurn, { background: true });
    this.#maintenance.start();
    this.#enter("running");
    this.startWork();
  }

  /** Two channels on one log would each take the other's work for its own. @throws SSSNError `duplicate_id`. */
  #occupy(log: ChannelLog): void {
    const { store } = this.options;
    const taken = occupied.get(store) ?? new Map<string, object>();
    occupied.set(store, taken);
    const other = taken.get(log.channelId);
    if (other !== undefined && other !== this)
      throw new SSSNError(
        "duplicate_id",
        `Channel ${this.id} runs on this store already, as another object of this process. Use that one, end it first, or give this one another id or store.`,
        { details: { id: this.id } },
      );
    taken.set(log.channelId, this);
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
    this.changes.raise();
    this.#end.abort();
    this.sharedPages.forget();
    const tidy = async (): Promise<void> => {
      await this.stopWork();
      await this.#maintenance?.stop();
      await this.guarded("maintain", async () => this.#maintenanceRight?.giveBack());
      await this.pending.settled();
      await this.deadForwarder.settled();
      await Promise.all([...this.subscriptions].map(({ subscription }) => subscription.close()));
    };
    let timer: Cancel | undefined;
    const deadline = new Promise<boolean>((resolve) => (timer = clock.schedule(() => resolve(false), timeoutMs)));
    const clean = await Promise.race([tidy().then(() => true), deadline]);
    timer?.();
    if (wasRunning) await this.boundedly("stop", () => this.onStop());
    this.#stopListening?.();
    this.#enter("stopped");
    const taken = occupied.get(this.options.store);
    if (taken?.get(this.id) === this) taken.delete(this.id);
    return { channelId: this.id, clean, abandonedWrites: this.pending.count, durationMs: clock.monotonic() - begun };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain().then(() => undefined);
  }

  #enter(state: ChannelState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.events.emit("state", state);
  }

  /** Before the channel runs. */
  protected onStart(): unknown {
    return undefined;
  }

  /** At every maintenance: applies the retention policy. Override it to add to it. */
  protected async onMaintain(): Promise<void> {
    const { retention } = this.options;
    // Piece by piece, for as long as it is this host's turn.
    if (retention) await evict(this.log, this.retention(retention), async () => (await this.#maintenanceRight?.isMine()) ?? false);
    if (!this.options.deadLetter) return;
    for (const { group } of (await this.log.counts()).groups)
      await this.guarded("dead-letter", () => this.deadForwarder.forward(this.log, group));
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
  protected logOptions(): LogOptions {
    const { maxDeliveries, ownClock: clock } = this.options;
    return { addressed: false, ...(maxDeliveries === undefined ? {} : { maxDeliveries }), ...(clock ? { clock } : {}) };
  }

  /** What a retention policy means for this kind of channel. */
  protected retention(policy: RetentionPolicy): RetentionPolicy {
    return { keepUnsettled: this.options.keepUnsettled ?? false, ...policy };
  }

  /** Begins whatever runs beside reads and writes. */
  protected startWork(): void {}

  protected stopWork(): Promise<void> {
    return Promise.resolve();
  }

  /** Runs maintenance now. It also runs by itself, whatever else the channel does. */
  async maintain(): Promise<void> {
    if (this.#state === "running") await this.boundedly("maintain", () => this.onMaintain());
  }

  /** Runs something whose failure is reported and carried on after. */
  protected async guarded(phase: ChannelErrorPhase, task: () => unknown): Promise<void> {
    try {
      await task();
    } catch (thrown) {
      this.report(phase, thrown);
    }
  }

  /** The same for a hook that may never settle: the channel goes on without it after a while. */
  protected boundedly(phase: ChannelErrorPhase, hook: () => unknown): Promise<void> {
    return this.guarded(phase, async () => {
      const done = Promise.resolve().then(hook);
      if ((await within(this.options.clock, HOOK_TIMEOUT_MS, done)) !== TOO_LATE) return;
      throw new SSSNError(
        "timeout",
        `The hook of channel ${this.id} for its ${phase} did not end within ${HOOK_TIMEOUT_MS} ms; it is not waited for any more.`,
      );
    });
  }

  protected report(phase: ChannelErrorPhase, thrown: unknown): void {
    this.#errors.report(phase, thrown, this.options.logger, (where, error) => this.onError(where, error));
  }

  /** The log of the running channel. @throws SSSNError `channel_not_running`. */
  protected get log(): ChannelLog {
    if (this.#log && this.#state !== "stopped") return this.#log;
    throw new SSSNError(
      "channel_not_running",
      `Channel ${this.id} is not running (${this.#state === "init" ? "it was never started" : this.#state}).`,
      {
        details: { state: this.#state },
      },
    );
  }

  /** @throws SSSNError `channel_not_running` unless the channel takes something new. */
  protected assertAccepting(): void {
    if (this.#state === "running") return;
    throw new SSSNError(
      "channel_not_running",
      this.#state === "init"
        ? `Channel ${this.id} was not started yet: call start(), or launch its system and use it from onStart() on.`
        : `Channel ${this.id} is ${this.#state} and takes nothing new.`,
      { details: { state: this.#state } },
    );
  }
}
