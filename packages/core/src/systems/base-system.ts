import type { BaseChannel } from "../channels/base-channel.js";
import { ErrorsSeen, type ContinuedError } from "../channels/errors-seen.js";
import { ChannelClient } from "../client/channel-client.js";
import { systemClock, type Clock } from "../clock.js";
import { SSSNError, describe } from "../errors.js";
import { EventSource } from "../events.js";
import { validateIdentifier } from "../identifiers.js";
import { InsideCall } from "../inside-call.js";
import { consoleLogger, guardLogger, type Logger } from "../logger.js";
import { refuseUnknownOptions } from "../options.js";
import type { WriteReceipt } from "../message.js";
import type {
  Claim,
  ClaimOptions,
  MessageCallback,
  NackOptions,
  ReadOptions,
  ReadResult,
  SettleOptions,
  SubscribeOptions,
  Subscription,
  WriteOptions,
} from "../ports/channel-port.js";
import type { Capability, SystemDescriptor } from "../ports/channel-transport.js";
import type { SettleResult } from "../ports/message-store.js";
import { Ticker } from "../ticker.js";
import { StepRecord, type StepReport } from "./step-record.js";
import { Capabilities, type CapabilityHandler, type ExposeOptions } from "./capabilities.js";
import { Deployment, PUBLISH_OPTIONS, RUN_OPTIONS, type PublishOptions, type RunningSystem } from "./deployment.js";
import { OwnedChannels } from "./owned-channels.js";
import { SystemState, type ManagedSystem, type RunOptions, type ShutdownReport } from "./managed-system.js";
import { parentPart, systemPart, type TopologyPart } from "./topology-parts.js";
import { TopologyRevisions } from "./topology-revisions.js";
import { publicTopologyOf, topologyOf, type Topology, type TopologyRevision, type TopologySource } from "./topology.js";

/** What a system is told when it is made. */
export interface SystemOptions {
  /** 1 to 256 characters out of letters, digits and `. _ ~ : @ + = -`. */
  readonly id: string;
  /** For people. Default: the id. */
  readonly name?: string;
  /** For people. Default: none. */
  readonly description?: string;
  /** How often `step()` is called, per second, above 0 up to 1 000. Default 1. */
  readonly tickRate?: number;
  /** What this system can do for others, for discovery. What others can ask for over channels is told by {@link BaseSystem.expose}. */
  readonly capabilities?: readonly Capability[];
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock?: Clock;
  /** A pino logger fits. Default: warnings and errors to the console. */
  readonly logger?: Logger;
}

/** What a step is given. */
export interface StepContext {
  /** Aborts when the system is told to stop. */
  readonly signal: AbortSignal;
  /** 1 in the first step. */
  readonly tick: number;
}

/**
 * An autonomous component: it owns channels, wires named channels into its subsystems, and runs a step loop. Extend it, or use
 * {@link defineSystem}.
 */
export class BaseSystem implements ManagedSystem, AsyncDisposable {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** The channels that this system can reach: those that were added or wired, and no others. */
  readonly client: ChannelClient;
  /** State changes, continued errors, and revisions of the topology from here down. */
  readonly events = new EventSource<{ state: SystemState; error: ContinuedError<"step">; topology: TopologyRevision }>();
  protected readonly clock: Clock;
  protected readonly logger: Logger;
  readonly #tickRate: number;
  readonly #capabilities: readonly Capability[];
  readonly #exposed: Capabilities;
  readonly #channels: OwnedChannels;
  readonly #topology: TopologyRevisions;
  readonly #subsystems = new Map<string, BaseSystem>();
  readonly #resources: AsyncDisposable[] = [];
  readonly #errors = new ErrorsSeen<"step">();
  readonly #stopping = new AbortController();
  #state: SystemState = SystemState.INIT;
  #cause: Error | undefined;
  #setup: Promise<void> | undefined;
  #parent: BaseSystem | undefined;
  #deployment: Deployment<this> | undefined;
  #sealed = false;
  readonly #steps: StepRecord;
  readonly #inStep = new InsideCall();
  #endedByStep = false;

  constructor(options: SystemOptions) {
    if (new.target === BaseSystem) refuseUnknownOptions("BaseSystem", options, SYSTEM_OPTIONS);
    this.id = validateIdentifier("system id", options.id);
    this.name = options.name ?? options.id;
    this.description = options.description ?? "";
    this.client = new ChannelClient(this.id);
    this.#exposed = new Capabilities(this.client);
    this.clock = options.clock ?? systemClock;
    this.logger = guardLogger(options.logger ?? consoleLogger);
    this.#tickRate = checkTickRate(options.tickRate ?? 1);
    this.#steps = new StepRecord(this.clock);
    this.#topology = new TopologyRevisions(this.clock, () => topologyOf(this));
    this.#topology.events.on("topology", (revision) => this.events.emit("topology", revision));
    this.#channels = new OwnedChannels(this.client, (parts) => this.#changed(parts));
    this.#topology.touch();
    this.#capabilities = [...(options.capabilities ?? [])];
    this.#errors.events.on("error", (error) => {
      this.#steps.failed(error.error);
      this.events.emit("error", error);
    });
  }

  // ---------------------------------------------------------------- to override

  /** Builds the topology: add channels and subsystems here. Called once, before anything starts; for workers and subscriptions there is {@link BaseSystem.onStart}. */
  setup(): unknown {
    return undefined;
  }

  /**
   * Once when everything runs: channels work, addresses answer, the loops are about to begin. Begin workers and subscriptions here; what is
   * begun through `client` ends with the system. What it throws makes the launch fail.
   */
  onStart(): unknown {
    return undefined;
  }

  /** Does one round of work. What it throws goes to {@link BaseSystem.onStepError}, and the next step comes all the same. */
  step(_context: StepContext): unknown {
    return undefined;
  }

  /** After a step has thrown. Default: logs it. */
  onStepError(error: Error): unknown {
    this.logger.error({ system: this.id, err: error }, `system ${this.id} carries on after an error in step()`);
    return undefined;
  }

  /** Once when the system shuts down: its loop and what was begun through `client` have ended, its channels still work. */
  onShutdown(_options: { readonly timeoutMs: number }): unknown {
    return undefined;
  }

  // ---------------------------------------------------------------- state

  get state(): SystemState {
    return this.#state;
  }

  /** What brought the system to `ERROR`. */
  get cause(): Error | undefined {
    return this.#cause;
  }

  /** How many steps have thrown. */
  get stepErrors(): number {
    return this.#errors.counts.step ?? 0;
  }

  /** How its steps have gone: how many, how long, what went wrong last. */
  get steps(): StepReport {
    return this.#steps.report;
  }

  /** Shows `PAUSED`, and nothing else: the default loop goes on. For real suspension override {@link BaseSystem.run}. */
  pause(): void {
    if (this.#state === SystemState.RUNNING) this.enter(SystemState.PAUSED);
  }

  /** Shows `RUNNING` again. */
  resume(): void {
    if (this.#state === SystemState.PAUSED) this.enter(SystemState.RUNNING);
  }

  /** @internal Only the deployment changes the state from outside. */
  enter(state: SystemState, cause?: Error): void {
    if (cause) this.#cause = cause;
    if (this.#state === state || this.#state === SystemState.ERROR) return;
    this.#state = state;
    this.events.emit("state", state);
    this.#changed([systemPart(this)]);
  }

  // ---------------------------------------------------------------- topology

  /** The owned channels. */
  get channels(): readonly BaseChannel[] {
    return this.#channels.all;
  }

  /** The direct subsystems. */
  get subsystems(): readonly BaseSystem[] {
    return [...this.#subsystems.values()];
  }

  /** Takes a channel into this system's care and connects it to its client. @throws SSSNError `duplicate_id`, `invalid_state`. */
  addChannel<Channel extends BaseChannel>(channel: Channel): Channel {
    this.#assertBuilding(`add channel ${channel.id}`);
    this.#channels.add(channel);
    return channel;
  }

  /**
   * Adds a channel to a system that runs: starts it, and where the system is published and the channel is public, makes it reachable.
   *
   * @throws SSSNError `duplicate_id`, `invalid_state` when the system does not run, and what starting throws: then it is not added.
   */
  async startChannel<Channel extends BaseChannel>(channel: Channel): Promise<Channel> {
    const deployment = this.#running(`start channel ${channel.id}`);
    this.#channels.add(channel);
    try {
      await deployment.include(channel);
      return channel;
    } catch (error) {
      this.#channels.take(channel.id);
      throw error;
    }
  }

  /**
   * Takes an owned channel from a system that runs: it is unreachable at once, finishes what is under way, and ends. Its log stays in the
   * store; `store.delete()` deletes it.
   *
   * @param options `timeoutMs`: the deadline. Default 30 000.
   * @throws SSSNError `channel_not_connected` for one that is not owned, `invalid_state` when the system does not run.
   */
  async removeChannel(channelId: string, options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const deployment = this.#running(`remove channel ${channelId}`);
    await deployment.exclude(this.#channels.take(channelId), options);
  }

  /** These parts of the topology from here down may be others now, and so may those of whoever is above. */
  #changed(parts: readonly TopologyPart[]): void {
    this.#topology.touch(parts);
    if (this.#parent) this.#parent.#changed(parts);
  }

  /** All that a topology tells from here down, and of which system this one is a part. */
  #parts(): readonly TopologyPart[] {
    const own = [systemPart(this), parentPart(this.id, () => this.#parent?.id), ...this.#channels.parts];
    return [...own, ...this.subsystems.flatMap((system) => system.#parts())];
  }

  #running(what: string): Pick<Deployment<this>, "include" | "exclude"> {
    const deployment = this.#root().#deployment;
    if (deployment && this.#sealed && this.#state !== SystemState.STOPPED) return deployment;
    throw new SSSNError("invalid_state", `Can't ${what}: system ${this.id} is ${this.#state}. Before the launch use addChannel().`);
  }

  #root(): BaseSystem {
    return this.#parent ? this.#parent.#root() : this;
  }

  /**
   * Takes a subsystem into this system's care and wires the named channels into it, owned or received ones, and no others.
   *
   * @throws SSSNError `duplicate_id`, `channel_not_connected` (which lists the known ones), `invalid_state`.
   */
  addSubsystem<System extends BaseSystem>(system: System, options: { readonly channels?: readonly string[] } = {}): System {
    this.#assertBuilding(`add subsystem ${system.id}`);
    if (this.#subsystems.has(system.id) || system.id === this.id) {
      throw new SSSNError("duplicate_id", `System ${this.id} has a subsystem ${system.id} already, or is it itself; give it another id.`, {
        details: { id: system.id },
      });
    }
    if (system.#parent) throw new SSSNError("invalid_state", `System ${system.id} is a subsystem of ${system.#parent.id} already.`);
    const wired = (options.channels ?? []).map((id) => this.client.channel(id));
    for (const channel of wired) system.client.connect(channel);
    system.#parent = this;
    this.#subsystems.set(system.id, system);
    this.#changed(system.#parts());
    return system;
  }

  /**
   * Offers something that others can ask for over channels: told in discovery, called by name, answered while the system runs.
   *
   * @throws SSSNError `duplicate_id`, `channel_not_connected`, `invalid_argument`, `invalid_state`.
   */
  expose<Input, Output>(capability: ExposeOptions<Input, Output>, handler: CapabilityHandler<Input, Output>): void {
    this.#assertBuilding(`expose ${describe(capability.name)}`);
    // What the handler takes is what the schema has made of it; without one it is the caller's word.
    this.#exposed.add(capability, handler as CapabilityHandler<unknown, unknown>);
  }

  /** Closes something with the system, after its channels: a store, say. Last in, first out. */
  use<Resource extends AsyncDisposable>(resource: Resource): Resource {
    this.#resources.push(resource);
    return resource;
  }

  /** @internal */
  get resources(): readonly AsyncDisposable[] {
    return this.#resources;
  }

  /** The whole tree from here down, as data. `events` tell of each revision of it: `system.events.on("topology", …)`. */
  topology(): Topology {
    return this.#topology.current;
  }

  /** @internal What of it may be told outside. It has revisions of its own: what happens to something private is not to be noticed there. */
  publicTopology(): TopologySource {
    return this.#topology.openView(() => publicTopologyOf(this));
  }

  /** What discovery tells about this system. */
  descriptor(): SystemDescriptor {
    return {
      id: this.id,
      name: this.name,
      description: this.description,
      capabilities: [...this.#capabilities, ...this.#exposed.descriptors],
      channels: this.client.channelIds,
    };
  }

  #assertBuilding(what: string): void {
    if (!this.#sealed) return;
    throw new SSSNError(
      "invalid_state",
      `Can't ${what} to system ${this.id}: it is ${this.#state}. Build the topology in setup(), or before launch().`,
    );
  }

  /** @internal Sets this system and all below it up, once. */
  async prepare(): Promise<void> {
    this.#setup ??= Promise.resolve().then(() => this.setup() as void);
    await this.#setup;
    for (const system of this.#subsystems.values()) await system.prepare();
    this.#sealed = true;
  }

  // ---------------------------------------------------------------- running

  /** Runs the tree in this process. Resolves when all of it runs. @throws SSSNError `invalid_state`, and whatever a part fails to start with: then nothing is left running. */
  async launch(options: RunOptions = {}): Promise<RunningSystem<this>> {
    refuseUnknownOptions("launch()", options, RUN_OPTIONS);
    return this.#deploy().launch(options);
  }

  /**
   * Launches, and makes every public channel of the tree reachable through a transport; private ones stay unknown outside. With a
   * discovery channel in the tree, the public channels are registered there once the transport answers, and until the drain.
   *
   * @throws SSSNError `insecure_publication`, `address_in_use`, `invalid_state`.
   */
  async publish(options: PublishOptions): Promise<RunningSystem<this>> {
    refuseUnknownOptions("publish()", options, PUBLISH_OPTIONS);
    return this.#deploy().publish(options);
  }

  #deploy(): Deployment<this> {
    if (this.#parent) throw new SSSNError("invalid_state", `System ${this.id} is part of ${this.#parent.id}: launch that one.`);
    if (this.#deployment)
      throw new SSSNError("invalid_state", `System ${this.id} was launched already (it is ${this.#state}): make a new one.`);
    this.#deployment = new Deployment(this, this.clock, this.logger);
    return this.#deployment;
  }

  /**
   * The loop: calls `step()` at a fixed rate, without drift and without overlap, until the system stops. A stop that came first
   * counts: then there is no step at all. Override it for another regime.
   */
  async run(options: RunOptions = {}): Promise<void> {
    const rate = checkTickRate(options.tickRate ?? this.#tickRate);
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    const periodMs = 1000 / rate;
    const ticker = new Ticker(this.clock, periodMs, () => this.#stepOnce(periodMs));
    ticker.start(0);
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    const stopped = ticker.stop();
    // A step that ends its own system waits for what waits for it.
    if (!this.#endedByStep) await stopped;
  }

  async #stepOnce(periodMs: number): Promise<void> {
    const { tick, end } = this.#steps.begin(periodMs);
    try {
      await this.#inStep.run(() => this.step({ signal: this.#stopping.signal, tick }));
    } catch (thrown) {
      this.#errors.report("step", thrown, this.logger, (_phase, error) => this.onStepError(error));
    } finally {
      end();
    }
  }

  /** @internal */
  beginAnswering(): void {
    this.#exposed.start(this.clock, this.logger);
  }

  /** @internal */
  async endWork(options: { readonly timeoutMs: number }): Promise<void> {
    await Promise.all([this.#exposed.close(options), this.client.end(options)]);
  }

  /** @internal Ends the loop after the current step. */
  endLoop(): void {
    this.#endedByStep ||= this.#inStep.isActive;
    this.#stopping.abort(new SSSNError("invalid_state", `System ${this.id} is stopping.`));
  }

  /** Ends after the current step, and shuts the tree down with the default deadline. Also before a launch: then it never runs. */
  stop(): Promise<ShutdownReport> {
    return this.drain();
  }

  /**
   * Shuts the tree down: loops stop from the top down, channels close from the bottom up, then whatever was handed to `use()`.
   *
   * @param options `timeoutMs`: the deadline for all of it. Default 30 000.
   */
  drain(options: { timeoutMs?: number } = {}): Promise<ShutdownReport> {
    this.endLoop();
    this.#deployment ??= new Deployment(this, this.clock, this.logger);
    return this.#deployment.close(options);
  }

  /** Settles when the system has shut down. Pending for ever on a system that is never launched. */
  get closed(): Promise<ShutdownReport> {
    this.#deployment ??= new Deployment(this, this.clock, this.logger);
    return this.#deployment.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain().then(() => undefined);
  }

  // ---------------------------------------------------------------- conveniences

  readChannel<Content = unknown>(channelId: string, options?: ReadOptions): Promise<ReadResult<Content>> {
    return this.client.read<Content>(channelId, options);
  }

  writeChannel(channelId: string, content: unknown, options?: WriteOptions): Promise<WriteReceipt> {
    return this.client.write(channelId, content, options);
  }

  claimChannel<Content = unknown>(channelId: string, options?: ClaimOptions): Promise<readonly Claim<Content>[]> {
    return this.client.claim<Content>(channelId, options);
  }

  acknowledgeChannel(channelId: string, receipts: readonly string[], options?: SettleOptions): Promise<readonly SettleResult[]> {
    return this.client.acknowledge(channelId, receipts, options);
  }

  nackChannel(channelId: string, receipts: readonly string[], options?: NackOptions): Promise<readonly SettleResult[]> {
    return this.client.nack(channelId, receipts, options);
  }

  subscribeChannel<Content = unknown>(
    channelId: string,
    callback: MessageCallback<Content>,
    options?: SubscribeOptions,
  ): Promise<Subscription> {
    return this.client.subscribe<Content>(channelId, callback, options);
  }
}

function checkTickRate(rate: number): number {
  if (typeof rate === "number" && rate > 0 && rate <= 1_000) return rate;
  throw new SSSNError("invalid_argument", `tickRate is in steps per second, above 0 and up to 1000, but is ${describe(rate)}.`);
}

/** What every system can be told. */
export const SYSTEM_OPTIONS: ReadonlySet<string> = new Set(["id", "name", "description", "tickRate", "capabilities", "clock", "logger"]);
