import { resolve } from "node:path";
import {
  SSSNError,
  consoleLogger,
  systemClock,
  validateIdentifier,
  type ChannelLog,
  type Clock,
  type LogOptions,
  type Logger,
  type MessageStore,
  type StoreCapabilities,
} from "@sssn/core";
import { decideAddressed } from "@sssn/core/log-state";
import { Engine } from "./engine.js";
import { CHANNELS, ChannelKeys, channelKey } from "./keys.js";
import { guardLog } from "./guarded-log.js";
import { LevelChannelLog } from "./level-channel-log.js";

/** Where a store lies, and what its acknowledgements survive. */
export interface LevelMessageStoreOptions {
  /** Where the data lives; made when it is missing. One process at a time owns it. */
  readonly folder: string;
  /**
   * What an acknowledged write survives. `"flushed"`: a power cut; concurrent writers share one flush. `"process"`: the end of the
   * process, but not a power cut, which may take what was written in the last second or two. Default `"flushed"`.
   */
  readonly durability?: "flushed" | "process";
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** What the register of channels says about one. */
export interface ChannelEntry {
  readonly number: number;
  readonly addressed: boolean;
}

interface OpenLog {
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
export class LevelMessageStore implements MessageStore {
  readonly capabilities: StoreCapabilities;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #logs = new Map<string, Promise<OpenLog>>();
  #entering: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(options: LevelMessageStoreOptions) {
    const { folder, durability = "flushed" } = options;
    if (typeof folder !== "string" || folder === "")
      throw new SSSNError("invalid_argument", 'LevelMessageStore needs a folder to keep its data in, such as { folder: "./data" }.');
    if (durability !== "flushed" && durability !== "process")
      throw new SSSNError("invalid_argument", `durability is "flushed" or "process", but is ${String(durability)}.`);
    this.#clock = options.clock ?? systemClock;
    this.capabilities = { durable: true, flushed: durability === "flushed", shared: false };
    this.#engine = new Engine({
      folder: resolve(folder),
      flush: durability === "flushed",
      clock: this.#clock,
      logger: options.logger ?? consoleLogger,
    });
  }

  /** @throws SSSNError `store_locked`, `store_unavailable`, `store_corrupted`, `store_closed`, `invalid_identifier`. */
  async open(channelId: string, options: LogOptions = {}): Promise<ChannelLog> {
    validateIdentifier("channel id", channelId);
    if (this.#closing)
      throw new SSSNError("store_closed", `Can't open channel ${channelId}: the store in ${this.#engine.folder} is closed.`);
    let opening = this.#logs.get(channelId);
    if (!opening) {
      opening = this.#open(channelId, options);
      this.#logs.set(channelId, opening);
      opening.catch(() => this.#logs.delete(channelId));
    }
    const { log, addressed } = await opening;
    decideAddressed(channelId, addressed, options.addressed);
    return log;
  }

  async #open(channelId: string, options: LogOptions): Promise<OpenLog> {
    const entered = this.#entering.then(() => this.#enter(channelId, options));
    this.#entering = entered.catch(() => undefined);
    const { number, addressed } = await entered;
    const log = await LevelChannelLog.open(this.#engine, channelId, new ChannelKeys(number), this.#clock, addressed);
    return { log: guardLog(log, this.#engine), addressed };
  }

  /** The channel's entry in the register, made on first use. One at a time. */
  async #enter(channelId: string, { addressed: wanted }: LogOptions): Promise<ChannelEntry> {
    const database = await this.#engine.database();
    const known = await database.get(channelKey(channelId));
    if (known !== undefined) {
      const entry = JSON.parse(known) as ChannelEntry;
      decideAddressed(channelId, entry.addressed, wanted);
      return entry;
    }
    const entries = await database.values(CHANNELS).all();
    const number = Math.max(0, ...entries.map((entry) => (JSON.parse(entry) as ChannelEntry).number)) + 1;
    const entry: ChannelEntry = { number, addressed: wanted ?? false };
    await this.#engine.commit(this.#engine.generation, { puts: [[channelKey(channelId), JSON.stringify(entry)]], deletes: [] }, undefined);
    return entry;
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#engine.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
