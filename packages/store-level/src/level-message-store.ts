import { resolve } from "node:path";
import {
  SSSNError,
  consoleLogger,
  refuseUnknownOptions,
  systemClock,
  validateIdentifier,
  type ChannelLog,
  type Hold,
  type Clock,
  type LogOptions,
  type Logger,
  type StoreCapabilities,
} from "@sssn/core";
import { decideAddressed, type PortableLogs, type PortableStore } from "@sssn/core/log-state";
import { ChannelRegister } from "./channel-register.js";
import { Engine } from "./engine.js";
import { LevelHolds } from "./level-holds.js";
import { guardLevelLog } from "./guarded-log.js";
import { LevelChannelLog } from "./level-channel-log.js";
import { LevelPortable } from "./portable/level-portable.js";

/** Where a store lies, and what its acknowledgements survive. */
export interface LevelMessageStoreOptions {
  /** Where the data lives; made when it is missing. One process at a time owns it. */
  readonly folder: string;
  /**
   * What an acknowledged write survives. `"flushed"`: a power cut; concurrent writers share one flush. `"process"`: the end of the
   * process, but not a power cut, which may take what was written in the last second or two. Default `"flushed"`.
   */
  readonly durability?: "flushed" | "process";
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock?: Clock;
  /** A pino logger fits. Default: warnings and errors to the console. */
  readonly logger?: Logger;
}

const OPTIONS: ReadonlySet<string> = new Set<keyof LevelMessageStoreOptions>(["folder", "durability", "clock", "logger"]);

interface OpenLog {
  readonly level: LevelChannelLog;
  readonly log: ChannelLog;
  readonly addressed: boolean;
}

/**
 * Keeps channels in an embedded LevelDB folder: no server, one process.
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { PassthroughChannel } from "@sssn/core";
 * import { LevelMessageStore } from "@sssn/store-level";
 * const store = new LevelMessageStore({ folder: await mkdtemp("readings-") });
 * const channel = new PassthroughChannel({ id: "readings", store });
 * await channel.start();
 * const { sequence } = await channel.write("sensor", { celsius: 21 });
 * if (sequence !== 1) throw new Error("the first message has sequence 1");
 * await channel.drain();
 * await store.close();
 * ```
 */
export class LevelMessageStore implements PortableStore {
  readonly capabilities: StoreCapabilities;
  /** Takes its logs out and puts others in: what `copyStore()` does it with. */
  readonly portable: PortableLogs;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #register: ChannelRegister;
  readonly #holds: LevelHolds;
  readonly #logs = new Map<string, Promise<OpenLog>>();
  #closing: Promise<void> | undefined;

  constructor(options: LevelMessageStoreOptions) {
    refuseUnknownOptions("LevelMessageStore", options, OPTIONS);
    const { folder, durability = "flushed" } = options;
    if (typeof folder !== "string" || folder === "")
      throw new SSSNError("invalid_argument", 'LevelMessageStore needs a folder to keep its data in, such as { folder: "./data" }.');
    if (durability !== "flushed" && durability !== "process")
      throw new SSSNError("invalid_argument", `durability is "flushed" or "process", but is ${String(durability)}.`);
    this.#clock = options.clock ?? systemClock;
    this.capabilities = {
      durable: true,
      flushed: durability === "flushed",
      replicated: false,
      atomicBatches: true,
      idempotentForMs: Infinity,
      shared: false,
      wakeUpWithinMs: 0,
      clock: "host",
    };
    this.#engine = new Engine({
      folder: resolve(folder),
      flush: durability === "flushed",
      clock: this.#clock,
      logger: options.logger ?? consoleLogger,
    });
    this.#register = new ChannelRegister(this.#engine);
    this.#holds = new LevelHolds(this.#engine);
    this.portable = new LevelPortable({
      engine: this.#engine,
      register: this.#register,
      holds: this.#holds,
      opened: async (channelId) => (await this.#opened(channelId)).level,
      assertOpen: (what) => this.#assertOpen(what),
    });
  }

  /** @throws SSSNError `store_locked`, `store_unavailable`, `store_corrupted`, `store_closed`, `invalid_identifier`. */
  async open(channelId: string, options: LogOptions = {}): Promise<ChannelLog> {
    validateIdentifier("channel id", channelId);
    this.#assertOpen(`open channel ${channelId}`);
    const { level, log, addressed } = await this.#opened(channelId, options);
    decideAddressed(channelId, addressed, options.addressed);
    if (options.maxDeliveries !== undefined) await level.setMaxDeliveries(options.maxDeliveries);
    return log;
  }

  #opened(channelId: string, options: LogOptions = {}): Promise<OpenLog> {
    let opening = this.#logs.get(channelId);
    if (!opening) {
      opening = this.#open(channelId, options);
      this.#logs.set(channelId, opening);
      opening.catch(() => this.#logs.delete(channelId));
    }
    return opening;
  }

  async #open(channelId: string, { addressed, clock = this.#clock }: LogOptions): Promise<OpenLog> {
    const entry = await this.#register.enter(channelId, addressed);
    const level = await LevelChannelLog.open(this.#engine, channelId, entry, clock);
    return { level, log: guardLevelLog(level, this.#engine), addressed: entry.addressed };
  }

  /** @throws SSSNError `store_closed`, `store_locked`, `store_unavailable`, `store_corrupted`. */
  async list(): Promise<readonly string[]> {
    this.#assertOpen("list its channels");
    return this.#register.list();
  }

  /** @throws SSSNError `store_closed`, `store_locked`, `store_unavailable`, `store_corrupted`, `invalid_identifier`. */
  async delete(channelId: string): Promise<boolean> {
    validateIdentifier("channel id", channelId);
    this.#assertOpen(`delete channel ${channelId}`);
    const open = await this.#logs.get(channelId);
    this.#logs.delete(channelId);
    open?.level.end();
    return this.#register.delete(channelId);
  }

  /** @throws SSSNError `store_closed`, `store_locked`, `store_unavailable`, `store_corrupted`, `invalid_argument`. */
  async hold(name: string, ttlMs: number): Promise<Hold | undefined> {
    this.#assertOpen(`hold ${name}`);
    return this.#holds.hold(name, ttlMs);
  }

  #assertOpen(what: string): void {
    if (this.#closing) throw new SSSNError("store_closed", `Can't ${what}: the store in ${this.#engine.folder} is closed.`);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#engine.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
