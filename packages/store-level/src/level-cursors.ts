import type { CursorInfo, CursorKey, CursorsRequest } from "@sssn/core";
import { checkPosition, cursorInfo, movedTrace, traceOfPosition, type CursorTrace } from "@sssn/core/log-state";
import type { Engine } from "./engine.js";
import { rangeOf, type ChannelKeys } from "./keys.js";
import type { Current } from "./level-groups.js";

/** What a cursor is read back from: its position, and an entry beside it, which earlier releases neither write nor read. */
type StoredTrace = [sequence: number, movedAt: number, lost: number, gone: number];

/** The cursors of one log in the database. */
export class LevelCursors {
  readonly #channelId: string;
  readonly #engine: Engine;
  readonly #keys: ChannelKeys;
  readonly #current: Current;
  readonly #now: () => number;

  /** @param now the log's time. */
  constructor(channelId: string, engine: Engine, keys: ChannelKeys, current: Current, now: () => number) {
    this.#channelId = channelId;
    this.#engine = engine;
    this.#keys = keys;
    this.#current = current;
    this.#now = now;
  }

  async get(key: CursorKey): Promise<number | undefined> {
    return (await this.#trace(key))?.sequence;
  }

  async #trace({ owner, name }: CursorKey): Promise<CursorTrace | undefined> {
    const database = await this.#engine.database();
    const { cursors } = this.#current.state;
    const key = this.#keys.cursor(owner, name);
    const held = cursors.get(key);
    if (held !== undefined) return held;
    const [position, trace] = await database.getMany([key, this.#keys.cursorTrace(owner, name)]);
    if (position === undefined) return cursors.get(key);
    if (!cursors.has(key)) cursors.set(key, decodeTrace(position, trace));
    return cursors.get(key);
  }

  async move(key: CursorKey, sequence: number, { rewind = false }: { rewind?: boolean } = {}): Promise<number> {
    await this.#engine.writable();
    await this.#trace(key);
    const [state, generation] = [this.#current.state, this.#current.generation];
    checkPosition(this.#channelId, sequence, state.stored);
    const entry = this.#keys.cursor(key.owner, key.name);
    const current = state.cursors.get(entry);
    const moved = rewind ? sequence : Math.max(current?.sequence ?? 0, sequence);
    const puts: [string, string][] = [];
    if (moved !== current?.sequence) {
      const trace = movedTrace(current, moved, this.#now(), state.removed);
      state.cursors.set(entry, trace);
      puts.push(...cursorWrites(this.#keys, { owner: key.owner, name: key.name, ...trace }));
    }
    await this.#engine.commit(generation, { puts, deletes: [] }, undefined);
    return moved;
  }

  async delete(key: CursorKey): Promise<boolean> {
    await this.#engine.writable();
    const existed = (await this.get(key)) !== undefined;
    const entry = this.#keys.cursor(key.owner, key.name);
    this.#current.state.cursors.delete(entry);
    const deletes = [entry, this.#keys.cursorTrace(key.owner, key.name)];
    if (existed) await this.#engine.commit(this.#current.generation, { puts: [], deletes }, undefined);
    return existed;
  }

  /** A page of them, as far as they are stored. */
  async list(request: CursorsRequest): Promise<CursorInfo[]> {
    const found = await this.stored(request);
    const { first, stored: last, removed } = this.#current.state;
    return found.map((cursor) => cursorInfo(cursor, cursor, { first, last, removed }));
  }

  /** A page of them as they are stored. */
  async stored({ after, limit }: CursorsRequest): Promise<(CursorKey & CursorTrace)[]> {
    const database = await this.#engine.database();
    const { gte, lt } = rangeOf(this.#keys.cursors);
    const from = after === undefined ? { gte } : { gt: this.#keys.cursor(after.owner, after.name) };
    const entries = await database.iterator({ ...from, lt, limit }).all();
    const found = entries.map(([entry, position]) => {
      const [owner = "", name = ""] = entry.slice(this.#keys.cursors.length).split("!");
      return { owner, name, position };
    });
    const traces = await database.getMany(found.map(({ owner, name }) => this.#keys.cursorTrace(owner, name)));
    return found.map(({ position, ...key }, index) => ({ ...key, ...decodeTrace(position, traces[index]) }));
  }
}

/** What is written to put a cursor where it was. */
export function cursorWrites(keys: ChannelKeys, { owner, name, ...trace }: CursorKey & CursorTrace): [string, string][] {
  const position: [string, string] = [keys.cursor(owner, name), String(trace.sequence)];
  return trace.movedAt === undefined ? [position] : [position, [keys.cursorTrace(owner, name), encodeTrace(trace)]];
}

function encodeTrace({ sequence, movedAt = 0, lost, gone }: CursorTrace): string {
  const stored: StoredTrace = [sequence, movedAt, lost, gone];
  return JSON.stringify(stored);
}

/** Of a position that an earlier release has written since, what stands beside it tells nothing. */
function decodeTrace(position: string, text: string | undefined): CursorTrace {
  const sequence = Number(position);
  const stored = text === undefined ? undefined : readTrace(text);
  if (stored?.[0] !== sequence) return traceOfPosition(sequence);
  const [, movedAt, lost, gone] = stored;
  return { sequence, movedAt, lost, gone };
}

/** `undefined` for what can't be read. */
export function readTrace(text: string): StoredTrace | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isTrace(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isTrace(value: unknown): value is StoredTrace {
  return Array.isArray(value) && value.length === 4 && value.every((part) => Number.isSafeInteger(part) && part >= 0);
}
