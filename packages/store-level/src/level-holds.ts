import type { Hold } from "@sssn/core";
import { Holds, checkHold, type RightNumber } from "@sssn/core/log-state";
import type { Engine } from "./engine.js";
import { HOLDS, holdKey, nameIn } from "./keys.js";

/** The rights of one database. Its folder has one owner at a time, so who has them is nobody else's to know; their numbers go on after a restart. */
export class LevelHolds {
  readonly #engine: Engine;
  readonly #holds: Holds;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#holds = new Holds(() => engine.steady.now());
  }

  /** The last number of each right. */
  async numbers(): Promise<readonly RightNumber[]> {
    const database = await this.#engine.database();
    const entries = await database.iterator(HOLDS).all();
    return entries.map(([key, fence]) => ({ name: nameIn(HOLDS, key), fence: Number(fence) }));
  }

  /** From now on these rights have higher numbers. */
  async raise(numbers: readonly RightNumber[]): Promise<void> {
    const database = await this.#engine.writable();
    const puts: [string, string][] = [];
    for (const { name, fence } of numbers) {
      const known = Number((await database.get(holdKey(name))) ?? 0);
      this.#holds.remember(name, Math.max(known, fence));
      if (fence > known) puts.push([holdKey(name), String(fence)]);
    }
    await this.#engine.commit(this.#engine.generation, { puts, deletes: [] }, undefined);
  }

  async hold(name: string, ttlMs: number): Promise<Hold | undefined> {
    checkHold(name, ttlMs);
    const database = await this.#engine.writable();
    if (!this.#holds.knows(name)) this.#holds.remember(name, Number((await database.get(holdKey(name))) ?? 0));
    const fence = this.#holds.take(name, ttlMs);
    if (fence === undefined) return undefined;
    try {
      await this.#engine.commit(this.#engine.generation, { puts: [[holdKey(name), String(fence)]], deletes: [] }, undefined);
    } catch (error) {
      this.#holds.release(name, fence);
      throw error;
    }
    return {
      fence,
      renew: async () => {
        await this.#engine.writable();
        return this.#holds.renew(name, fence, ttlMs);
      },
      release: () => Promise.resolve(this.#holds.release(name, fence)),
    };
  }
}
