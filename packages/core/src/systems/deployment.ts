import type { BaseChannel } from "../channels/base-channel.js";
import type { ChannelDrainReport } from "../channels/channel-lifecycle.js";
import type { Clock } from "../clock.js";
import { SSSNError, toError } from "../errors.js";
import type { Logger } from "../logger.js";
import { Visibility } from "../message.js";
import type { ChannelDirectory, ChannelTransport, PublishedRegistration } from "../ports/channel-transport.js";
import { SystemState, type ManagedSystem, type RunOptions, type ShutdownReport } from "./managed-system.js";
import { checkUnique, publicDescriptors, systemsOf } from "./topology.js";

/** Where a system is published. */
export interface PublishOptions extends RunOptions {
  /** How it is reached from outside, such as an `HttpTransport`. */
  readonly transport: ChannelTransport;
  /** Where to register the public channels. Default: the first discovery channel in the tree, if there is one. */
  readonly directory?: ChannelDirectory;
}

/** A tree of systems that runs. */
export interface RunningSystem<System extends ManagedSystem = ManagedSystem> extends AsyncDisposable {
  readonly system: System;
  /** Where it is published; empty in process. */
  readonly addresses: readonly string[];
  /** Settles when all is shut down. */
  readonly closed: Promise<ShutdownReport>;
  close(options?: { timeoutMs?: number }): Promise<ShutdownReport>;
}

/** The names of all options of a launch. */
export const RUN_OPTIONS: ReadonlySet<string> = new Set<keyof RunOptions>(["tickRate"]);
/** The names of all options of a publication. */
export const PUBLISH_OPTIONS: ReadonlySet<string> = new Set<keyof PublishOptions>(["tickRate", "transport", "directory"]);
const DEFAULT_DEADLINE_MS = 30_000;

/** Until which part of the deadline each part of a shutdown may go on. */
const SHARES = { registration: 0.1, transport: 0.4, work: 0.6, application: 0.85 };

/** Starts a tree of systems and shuts it down again; once. */
export class Deployment<System extends ManagedSystem> {
  readonly closed: Promise<ShutdownReport>;
  readonly #root: System;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #settle!: (report: ShutdownReport) => void;
  #loops: Promise<void>[] = [];
  #transport: ChannelTransport | undefined;
  #registration: PublishedRegistration | undefined;
  #directory: ChannelDirectory | undefined;
  #starting: Promise<unknown> = Promise.resolve();
  #closing: Promise<ShutdownReport> | undefined;

  constructor(root: System, clock: Clock, logger: Logger) {
    this.#root = root;
    this.#clock = clock;
    this.#logger = logger;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  launch(options: RunOptions): Promise<RunningSystem<System>> {
    return this.#begin(async () => {
      await this.#startChannels();
      await this.#tellStarted();
      this.#startLoops(options);
      return [];
    });
  }

  publish(options: PublishOptions): Promise<RunningSystem<System>> {
    return this.#begin(async () => {
      const published = systemsOf(this.#root).flatMap(({ channels }) => channels.filter(isPublic));
      this.#transport = options.transport;
      for (const channel of published) options.transport.attach(channel);
      options.transport.showTopology?.(this.#root.publicTopology());
      await this.#startChannels();
      const addresses = await options.transport.start();
      await this.#tellStarted();
      this.#startLoops(options);
      this.#directory = options.directory ?? this.#findDirectory();
      await this.#register();
      return addresses;
    });
  }

  /** Tells the directory, if there is one, what can be reached now. */
  async #register(): Promise<void> {
    const before = this.#registration;
    const channels = systemsOf(this.#root).flatMap((system) => system.channels.filter(isPublic));
    this.#registration = await this.#directory?.publish(
      this.#root.id,
      channels.map((channel) => channel.describe()),
      publicDescriptors(this.#root),
    );
    await before?.withdraw();
  }

  /** Takes in a channel while everything runs. */
  async include(channel: BaseChannel): Promise<void> {
    checkUnique(this.#root);
    await channel.start();
    if (!this.#transport || !isPublic(channel)) return;
    this.#transport.attach(channel);
    await this.#register();
  }

  /** Lets go of a channel that its system has already let go of. */
  async exclude(channel: BaseChannel, options: { readonly timeoutMs?: number }): Promise<void> {
    if (this.#transport && isPublic(channel)) {
      this.#transport.detach(channel.id);
      await this.#register();
    }
    await channel.drain(options);
  }

  /** From the bottom up: whoever builds on others finds them ready. */
  async #tellStarted(): Promise<void> {
    for (const system of [...systemsOf(this.#root)].reverse()) await system.onStart();
  }

  async #begin(start: () => Promise<readonly string[]>): Promise<RunningSystem<System>> {
    const starting = this.#prepareAnd(start);
    this.#starting = starting.catch(() => undefined);
    try {
      const addresses = await starting;
      const { closed } = this;
      const close = (options?: { timeoutMs?: number }): Promise<ShutdownReport> => this.#root.drain(options);
      return { system: this.#root, addresses, closed, close, [Symbol.asyncDispose]: () => close().then(() => undefined) };
    } catch (thrown) {
      const error = toError(thrown);
      for (const system of systemsOf(this.#root)) system.enter(SystemState.ERROR, error);
      await this.#root.drain({ timeoutMs: 5_000 });
      throw error;
    }
  }

  async #prepareAnd(start: () => Promise<readonly string[]>): Promise<readonly string[]> {
    await this.#root.prepare();
    checkUnique(this.#root);
    const addresses = await start();
    if (this.#closing) throw new SSSNError("invalid_state", `System ${this.#root.id} was stopped while it started.`);
    return addresses;
  }

  async #startChannels(): Promise<void> {
    for (const system of systemsOf(this.#root)) for (const channel of system.channels) await channel.start();
  }

  #startLoops(options: RunOptions): void {
    this.#loops = systemsOf(this.#root).map(async (system) => {
      system.enter(SystemState.RUNNING);
      system.beginAnswering();
      try {
        await system.run(system === this.#root ? options : {});
      } catch (thrown) {
        const error = toError(thrown);
        this.#logger.error({ system: system.id, err: error }, `the loop of system ${system.id} broke off`);
        system.enter(SystemState.ERROR, error);
      }
    });
  }

  #findDirectory(): ChannelDirectory | undefined {
    const found = systemsOf(this.#root)
      .flatMap(({ channels }) => channels)
      .find((channel) => channel.kind === "discovery");
    return found && isDirectory(found) ? found : undefined;
  }

  close(options: { timeoutMs?: number } = {}): Promise<ShutdownReport> {
    this.#closing ??= this.#close(options.timeoutMs ?? DEFAULT_DEADLINE_MS).then((report) => {
      this.#settle(report);
      return report;
    });
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<ShutdownReport> {
    const begun = this.#clock.monotonic();
    // Each part has its own share, and what the parts before it left of theirs: nobody outside can use up what is the application's.
    let share = 0;
    const left = (): number => Math.max(0, Math.floor(timeoutMs * share - (this.#clock.monotonic() - begun)));
    const errors: Error[] = [];
    let late = false;
    const attempt = async (task: () => unknown): Promise<void> => {
      const done = Promise.resolve()
        .then(task)
        .then(
          () => true,
          (thrown: unknown) => {
            errors.push(toError(thrown));
            return true;
          },
        );
      if (!(await this.#within(left(), done))) late = true;
    };

    const systems = systemsOf(this.#root);
    for (const system of systems) system.endLoop();
    share = SHARES.registration;
    await attempt(() => this.#starting);
    await attempt(() => this.#registration?.withdraw());
    share = SHARES.transport;
    await attempt(() => this.#transport?.stop({ timeoutMs: left() }));
    share = SHARES.work;
    await attempt(() => Promise.all(this.#loops));
    await attempt(() => Promise.all(systems.map((system) => system.endWork({ timeoutMs: left() }))));
    share = SHARES.application;
    for (const system of systems) await attempt(() => system.onShutdown({ timeoutMs: left() }));
    share = 1;
    const channels: ChannelDrainReport[] = [];
    for (const channel of [...systems].reverse().flatMap((system) => [...system.channels].reverse()))
      channels.push(await channel.drain({ timeoutMs: left() }));
    for (const resource of [...systems].reverse().flatMap((system) => [...system.resources].reverse()))
      await attempt(() => resource[Symbol.asyncDispose]());
    for (const system of systems) system.enter(SystemState.STOPPED);
    for (const error of errors) this.#logger.error({ system: this.#root.id, err: error }, "an error during shutdown");
    return {
      clean: !late && errors.length === 0 && channels.every(({ clean }) => clean),
      durationMs: this.#clock.monotonic() - begun,
      channels,
      errors,
    };
  }

  /** Whether a task was done in time. */
  async #within(timeoutMs: number, done: Promise<boolean>): Promise<boolean> {
    let cancel = (): void => {};
    const deadline = new Promise<boolean>((resolve) => {
      cancel = this.#clock.schedule(() => resolve(false), timeoutMs);
    });
    const inTime = await Promise.race([done, deadline]);
    cancel();
    return inTime;
  }
}

function isPublic({ visibility }: { readonly visibility: Visibility }): boolean {
  return visibility === Visibility.PUBLIC;
}

function isDirectory(channel: object): channel is ChannelDirectory {
  return "publish" in channel && typeof channel.publish === "function";
}
