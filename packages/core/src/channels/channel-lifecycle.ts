import { SSSNError } from "../errors.js";
import { EventSource } from "../events.js";
import type { Cancel } from "../clock.js";
import type { Visibility } from "../message.js";
import type { Subscription } from "../ports/channel-port.js";
import type { ChannelSecurity } from "../ports/channel-security.js";
import type { ChannelLog, RetentionPolicy } from "../ports/message-store.js";
import { Ticker } from "../ticker.js";
import { ChangeSignal } from "./change-signal.js";
import { resolveChannelOptions, type ChannelOptions, type ResolvedChannelOptions } from "./channel-options.js";
import { ErrorsSeen, type ContinuedError } from "./errors-seen.js";
import { PendingWrites } from "./pending-writes.js";
import { SharedPages } from "./shared-pages.js";

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

/** The life of a channel: from its start to its drain, its maintenance, and what becomes of errors that it carries on after. */
export abstract class ChannelLifecycle<Content = unknown> implements AsyncDisposable {
  readonly id: string;
  readonly visibility: Visibility;
  readonly security: ChannelSecurity;
  /** State changes and continued errors. */
  readonly events = new EventSource<{ state: ChannelState; error: ContinuedError<ChannelErrorPhase> }>();
  protected readonly options: ResolvedChannelOptions<Content>;
  /** Raised whenever there may be something new in the log. */
  protected readonly changes = new ChangeSignal();
  /** What followers of the log read, for others at the same place. */
  protected readonly sharedPages: SharedPages;
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
  #starting: Promise<void> | undefined;
  #draining: Promise<ChannelDrainReport> | undefined;

  constructor(options: ChannelOptions<Content>) {
    this.options = resolveChannelOptions(options);
    this.id = this.options.id;
    this.visibility = this.options.visibility;
    this.security = this.options.security;
    this.sharedPages = new SharedPages(this.options.clock);
    this.pending = new PendingWrites(this.id, this.options.maxPendingWrites);
    this.ending = this.#end.signal;
    this.#errors.events.on("error", (error) => this.events.emit("error", error));
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
    this.#log = log;
    this.#stopListening = log.onChange(() => this.changes.raise());
    await this.guarded("start", () => this.onStart());
    // Told to end while it started: it never runs.
    if (this.#end.signal.aborted) return this.#stopListening();
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
    this.changes.raise();
    this.#end.abort();
    this.sharedPages.forget();
    const tidy = async (): Promise<void> => {
      await this.stopWork();
      await this.#maintenance?.stop();
      await this.pending.settled();
      await Promise.all([...this.subscriptions].map(({ subscription }) => subscription.close()));
    };
    let timer: Cancel | undefined;
    const deadline = new Promise<boolean>((resolve) => (timer = clock.schedule(() => resolve(false), timeoutMs)));
    const clean = await Promise.race([tidy().then(() => true), deadline]);
    timer?.();
    if (wasRunning) await this.guarded("stop", () => this.onStop());
    this.#stopListening?.();
    this.#enter("stopped");
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
  protected logOptions(): { addressed: boolean } {
    return { addressed: false };
  }

  /** What a retention policy means for this kind of channel. */
  protected retention(policy: RetentionPolicy): RetentionPolicy {
    return policy;
  }

  /** Begins whatever runs beside reads and writes. */
  protected startWork(): void {}

  protected stopWork(): Promise<void> {
    return Promise.resolve();
  }

  /** Runs maintenance now. It also runs by itself, whatever else the channel does. */
  async maintain(): Promise<void> {
    if (this.#state === "running") await this.guarded("maintain", () => this.onMaintain());
  }

  /** Runs something whose failure is reported and carried on after. */
  protected async guarded(phase: ChannelErrorPhase, task: () => unknown): Promise<void> {
    try {
      await task();
    } catch (thrown) {
      this.report(phase, thrown);
    }
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
        ? `Channel ${this.id} was not started yet: call start(), or launch its system.`
        : `Channel ${this.id} is ${this.#state} and takes nothing new.`,
      { details: { state: this.#state } },
    );
  }
}
