import { SteadyClock, systemClock, type Clock } from "../clock.js";
import { SSSNError } from "../errors.js";
import { validateIdentifier, validateInteger } from "../identifiers.js";
import { decideAddressed, deletedLog } from "../log-state/checks.js";
import { Holds, checkHold } from "../log-state/holds.js";
import { refuseUnknownOptions } from "../options.js";
import type { PortableLogs, PortableStore } from "../log-state/portable/log-part.js";
import type { ChannelLog, Hold, LogOptions, StoreCapabilities } from "../ports/message-store.js";
import { MemoryChannelLog } from "./memory-channel-log.js";
import { emptyContent } from "./memory-log-content.js";
import { MemoryPortable } from "./memory-portable.js";
import { MemoryLogHandle } from "./memory-log-handle.js";

/** How a memory store is made. */
export interface MemoryStoreOptions {
  /** What time it is. Default: the machine's clock, or that of the other store; a test gives a `VirtualClock`. */
  readonly clock?: Clock;
  /** Another store, whose channels it shares: two hosts over one memory, such as a test of several hosts wants them. Default: none. */
  readonly beside?: MemoryMessageStore;
}

const OPTIONS: ReadonlySet<string> = new Set<keyof MemoryStoreOptions>(["clock", "beside"]);

/**
 * Keeps channels in memory: the reference for what a store does, and the store for tests. Nothing survives the process, nor the last of the stores that share
 * it.
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
export class MemoryMessageStore implements PortableStore {
  readonly capabilities: StoreCapabilities = {
    durable: false,
    flushed: false,
    replicated: false,
    atomicBatches: true,
    idempotentForMs: Infinity,
    shared: true,
    wakeUpWithinMs: 0,
    clock: "engine",
  };
  /** Takes its logs out and puts others in: what `copyStore()` does it with. */
  readonly portable: PortableLogs;
  readonly #clock: Clock;
  /** One for all logs, so that leases of one can be told by the clock of another store. */
  readonly #steady: SteadyClock;
  readonly #logs: Map<string, MemoryChannelLog>;
  readonly #holds: Holds;
  readonly #handles = new Map<string, MemoryLogHandle>();
  #closed = false;

  constructor(options: MemoryStoreOptions = {}) {
    refuseUnknownOptions("MemoryMessageStore", options, OPTIONS);
    const { clock, beside } = options;
    this.#clock = clock ?? (beside ? beside.#clock : systemClock);
    const steady = beside ? beside.#steady : new SteadyClock(this.#clock);
    this.#steady = steady;
    this.#holds = beside ? beside.#holds : new Holds(() => steady.now());
    this.#logs = beside ? beside.#logs : new Map<string, MemoryChannelLog>();
    this.portable = new MemoryPortable({
      logs: this.#logs,
      holds: this.#holds,
      steadyNow: () => steady.now(),
      makeLog: (channelId, content) => new MemoryChannelLog(channelId, steady, this.#clock, content),
      assertOpen: (what) => this.#assertOpen(what),
    });
  }

  // Async, so that a refusal is a rejected promise like every other store's.
  async open(channelId: string, options: LogOptions = {}): Promise<ChannelLog> {
    validateIdentifier("channel id", channelId);
    this.#assertOpen(`open channel ${channelId}`);
    const known = this.#logs.get(channelId);
    const addressed = decideAddressed(channelId, known?.addressed, options.addressed);
    const log = known ?? new MemoryChannelLog(channelId, this.#steady, options.clock ?? this.#clock, emptyContent(addressed));
    this.#logs.set(channelId, log);
    if (options.maxDeliveries !== undefined) await log.setMaxDeliveries(options.maxDeliveries);
    return this.#handleOf(log);
  }

  #handleOf(log: MemoryChannelLog): ChannelLog {
    const known = this.#handles.get(log.channelId);
    if (known?.isOf(log)) return known.log;
    const handle = new MemoryLogHandle(log);
    this.#handles.set(log.channelId, handle);
    return handle.log;
  }

  async list(): Promise<readonly string[]> {
    this.#assertOpen("list its channels");
    return [...this.#logs.keys()].sort();
  }

  async delete(channelId: string): Promise<boolean> {
    validateIdentifier("channel id", channelId);
    this.#assertOpen(`delete channel ${channelId}`);
    const log = this.#logs.get(channelId);
    log?.close(deletedLog(channelId));
    return this.#logs.delete(channelId);
  }

  /**
   * Loses the newest messages of a channel, as when a server takes over that had not got them, so that a program can be tried that has to notice: readers are told
   * `log_rewound`, and the next messages have the sequences of those that are lost. Whatever was claimed or settled behind that is lost with them, and so are claims.
   *
   * @param last the last message that is kept. @throws SSSNError `channel_not_found`, `invalid_argument`, `store_closed`.
   */
  rewind(channelId: string, last: number): void {
    this.#assertOpen(`rewind channel ${channelId}`);
    const log = this.#logs.get(channelId);
    if (!log) throw new SSSNError("channel_not_found", `There is no channel ${channelId} in this memory store.`);
    log.rewind(validateInteger("last", last, 0, Number.MAX_SAFE_INTEGER));
  }

  async hold(name: string, ttlMs: number): Promise<Hold | undefined> {
    checkHold(name, ttlMs);
    this.#assertOpen(`hold ${name}`);
    const fence = this.#holds.take(name, ttlMs);
    if (fence === undefined) return Promise.resolve(undefined);
    return {
      fence,
      renew: () => Promise.resolve(!this.#closed && this.#holds.renew(name, fence, ttlMs)),
      release: () => Promise.resolve(this.#holds.release(name, fence)),
    };
  }

  #assertOpen(what: string): void {
    if (this.#closed) throw new SSSNError("store_closed", `Can't ${what}: the memory store is closed.`);
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const [id, handle] of this.#handles)
      handle.close(new SSSNError("store_closed", `Channel ${id} can't be used: its memory store is closed.`));
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
