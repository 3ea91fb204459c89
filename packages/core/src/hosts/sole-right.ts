import type { Hold, MessageStore } from "../ports/message-store.js";

/** Another host takes over after so long at the latest, however seldom something is done. */
const LONGEST_MS = 7 * 24 * 60 * 60 * 1000;

/** What one of several hosts of a channel does at a time. Where a store has one host only, that one always may. */
export class SoleRight {
  readonly #store: MessageStore;
  readonly #name: string;
  readonly #ttlMs: number;
  #hold: Hold | undefined;

  /** @param ttlMs after it another host may, where this one has not asked again. */
  constructor(store: MessageStore, name: string, ttlMs: number) {
    this.#store = store;
    this.#name = name;
    this.#ttlMs = Math.min(LONGEST_MS, ttlMs);
  }

  /** Whether it is this host's turn. */
  async isMine(): Promise<boolean> {
    if (!this.#store.capabilities.shared) return true;
    if (this.#hold && !(await this.#hold.renew())) this.#hold = undefined;
    this.#hold ??= await this.#store.hold(this.#name, this.#ttlMs);
    return this.#hold !== undefined;
  }

  /** Another host may at once. */
  async giveBack(): Promise<void> {
    const hold = this.#hold;
    this.#hold = undefined;
    await hold?.release();
  }
}
