import type { CursorKey, CursorState } from "@sssn/core";
import { checkPosition } from "@sssn/core/log-state";
import type { Engine } from "./engine.js";
import { rangeOf, type ChannelKeys } from "./keys.js";
import type { Current } from "./level-groups.js";

/** The cursors of one log in the database. */
export class LevelCursors {
  readonly #channelId: string;
  readonly #engine: Engine;
  readonly #keys: ChannelKeys;
  readonly #current: Current;

  constructor(channelId: string, engine: Engine, keys: ChannelKeys, current: Current) {
    this.#channelId = channelId;
    this.#engine = engine;
    this.#keys = keys;
    this.#current = current;
  }

  async get({ owner, name }: CursorKey): Promise<number | undefined> {
    const database = await this.#engine.database();
    const { cursors } = this.#current.state;
    const key = this.#keys.cursor(owner, name);
    const held = cursors.get(key);
    if (held !== undefined) return held;
    const value = await database.get(key);
    if (value === undefined) return cursors.get(key);
    if (!cursors.has(key)) cursors.set(key, Number(value));
    return cursors.get(key);
  }

  async move(key: CursorKey, sequence: number, { rewind = false }: { rewind?: boolean } = {}): Promise<number> {
    await this.#engine.writable();
    await this.get(key);
    const [state, generation] = [this.#current.state, this.#current.generation];
    checkPosition(this.#channelId, sequence, state.stored);
    const entry = this.#keys.cursor(key.owner, key.name);
    const current = state.cursors.get(entry);
    const moved = rewind ? sequence : Math.max(current ?? 0, sequence);
    state.cursors.set(entry, moved);
    const puts: [string, string][] = moved === current ? [] : [[entry, String(moved)]];
    await this.#engine.commit(generation, { puts, deletes: [] }, undefined);
    return moved;
  }

  async delete(key: CursorKey): Promise<boolean> {
    await this.#engine.writable();
    const existed = (await this.get(key)) !== undefined;
    const entry = this.#keys.cursor(key.owner, key.name);
    this.#current.state.cursors.delete(entry);
    if (existed) await this.#engine.commit(this.#current.generation, { puts: [], deletes: [entry] }, undefined);
    return existed;
  }

  /** All of them. */
  async list(): Promise<CursorState[]> {
    const database = await this.#engine.database();
    const entries = await database.iterator(rangeOf(this.#keys.cursors)).all();
    return entries.map(([key, value]) => {
      const [owner = "", name = ""] = key.slice(this.#keys.cursors.length).split("!");
      return { owner, name, sequence: Number(value) };
    });
  }
}
