import type { ChannelLog, Clock, LogOptions, MessageDraft, MessageStore, StoreCapabilities } from "@sssn/core";
import { NO_METADATA } from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";

/** How the suite gets stores to test. */
export interface StoreHarness {
  /** What the store says of itself; the suite checks that it says the same. */
  readonly capabilities: StoreCapabilities;
  /** A new store over an empty place of its own. */
  create(clock: Clock): Promise<MessageStore>;
  /** Another host's store over the place of an open one. Needed where `shared`. */
  join?(open: MessageStore, clock: Clock): Promise<MessageStore>;
  /** Another store over the place of a closed one. Needed where `durable`. */
  reopen?(closed: MessageStore, clock: Clock): Promise<MessageStore>;
  /**
   * Another store over what a crash at this moment would leave of an open one, which is never closed from the suite's point of view.
   * Makes crashes part of the random sequences.
   */
  crash?(open: MessageStore, clock: Clock): Promise<MessageStore>;
  /** Loses what an open store acknowledged of a channel behind a sequence, as a failover may. Where the harness can't, it is not proved what readers are told. */
  rewind?(open: MessageStore, channelId: string, last: number): Promise<void>;
  /** It is a `PortableStore`: its logs can be taken out and put in. Where it is not, it is not proved that `copyStore()` loses nothing. */
  readonly portable?: boolean;
  /** Removes the place of a store, after it was closed. */
  destroy?(closed: MessageStore): Promise<void>;
}

/** A store under test, with a clock that the test moves. */
export class Bench implements AsyncDisposable {
  readonly clock: VirtualClock;
  readonly #harness: StoreHarness;
  #store: MessageStore;
  readonly #joined: MessageStore[] = [];
  readonly #others: MessageStore[] = [];

  private constructor(harness: StoreHarness, clock: VirtualClock, store: MessageStore) {
    this.#harness = harness;
    this.clock = clock;
    this.#store = store;
  }

  static async create(harness: StoreHarness): Promise<Bench> {
    const clock = new VirtualClock();
    return new Bench(harness, clock, await harness.create(clock));
  }

  get isDurable(): boolean {
    return this.#harness.capabilities.durable;
  }

  get store(): MessageStore {
    return this.#store;
  }

  open(channelId = "orders", options?: LogOptions): Promise<ChannelLog> {
    return this.#store.open(channelId, options);
  }

  /** Closes the store and opens another one over the same place. */
  async restart(): Promise<void> {
    if (!this.#harness.reopen) throw new Error("A durable store's harness needs reopen()");
    await this.#store.close();
    this.#store = await this.#harness.reopen(this.#store, this.clock);
  }

  /** The store of another host over the same place; closed with the bench. */
  async join(): Promise<MessageStore> {
    if (!this.#harness.join) throw new Error("A shared store's harness needs join()");
    const joined = await this.#harness.join(this.#store, this.clock);
    this.#joined.push(joined);
    return joined;
  }

  /** A store of the same kind over an empty place of its own; closed with the bench. */
  async another(clock: Clock = this.clock): Promise<MessageStore> {
    const other = await this.#harness.create(clock);
    this.#others.push(other);
    return other;
  }

  /** Goes on with another store that {@link Bench.another} made. */
  replaceBy(other: MessageStore): void {
    this.#others.splice(this.#others.indexOf(other), 1, this.#store);
    this.#store = other;
  }

  /** Loses what was acknowledged of a channel behind a sequence. */
  async rewind(channelId: string, last: number): Promise<void> {
    if (!this.#harness.rewind) throw new Error("The harness needs rewind()");
    await this.#harness.rewind(this.#store, channelId, last);
  }

  /** Goes on with what a crash at this moment leaves; restarts where the harness can't crash. */
  async crash(): Promise<void> {
    if (!this.#harness.crash) return this.restart();
    this.#store = await this.#harness.crash(this.#store, this.clock);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const joined of this.#joined) await joined.close();
    for (const store of [...this.#others, this.#store]) {
      await store.close();
      await this.#harness.destroy?.(store);
    }
  }
}

/** A draft with what a test does not care about filled in. */
export function draft(content: MessageDraft["content"], more: Partial<MessageDraft> = {}): MessageDraft {
  return { timestamp: 1_000, senderId: "writer", content, metadata: NO_METADATA, ...more };
}

/** Appends `count` messages with contents 1, 2, 3 … */
export async function fill(log: ChannelLog, count: number, more: Partial<MessageDraft> = {}): Promise<void> {
  await log.append(Array.from({ length: count }, (_, index) => draft(index + 1, more)));
}
