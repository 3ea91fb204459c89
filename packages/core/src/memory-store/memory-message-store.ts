import { systemClock, type Clock } from "../clock.js";
import { SSSNError } from "../errors.js";
import { validateIdentifier } from "../identifiers.js";
import { decideAddressed } from "../log-state/checks.js";
import type { ChannelLog, LogOptions, MessageStore, StoreCapabilities } from "../ports/message-store.js";
import { MemoryChannelLog } from "./memory-channel-log.js";

/**
 * Keeps channels in memory: the reference for what a store does, and the store for tests. Nothing survives the process.
 *
 * @example
 * ```ts
 * import { MemoryMessageStore, PassthroughChannel } from "@sssn/core";
 * const channel = new PassthroughChannel({ id: "readings", store: new MemoryMessageStore() });
 * await channel.start();
 * await channel.write("sensor", { celsius: 21 });
 * const { messages } = await channel.read("monitor");
 * if (messages.length !== 1) throw new Error("one reading was written");
 * await channel.drain();
 * ```
 */
export class MemoryMessageStore implements MessageStore {
  readonly capabilities: StoreCapabilities = { durable: false, flushed: false, shared: false };
  readonly #clock: Clock;
  readonly #logs = new Map<string, MemoryChannelLog>();
  #closed = false;

  constructor(options: { clock?: Clock } = {}) {
    this.#clock = options.clock ?? systemClock;
  }

  // Async, so that a refusal is a rejected promise like every other store's.
  async open(channelId: string, options: LogOptions = {}): Promise<ChannelLog> {
    validateIdentifier("channel id", channelId);
    if (this.#closed) throw new SSSNError("store_closed", `Can't open channel ${channelId}: the memory store is closed.`);
    const known = this.#logs.get(channelId);
    const addressed = decideAddressed(channelId, known?.addressed, options.addressed);
    const log = known ?? new MemoryChannelLog(channelId, this.#clock, addressed);
    this.#logs.set(channelId, log);
    return log;
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const log of this.#logs.values()) log.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
