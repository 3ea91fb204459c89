import type { Database } from "./database-folder.js";

/** LevelDB hands out so many bytes at a time at the most. */
const MOST_BYTES = 1024 * 1024;
/** What nobody comes back for is let go of: an open iterator keeps LevelDB from clearing up. */
const PARKED_MS = 1_000;

type Entry = [key: string, value: string];

interface KeysBetween {
  readonly gte: string;
  readonly lte: string;
}

function iterate(database: Database, range: KeysBetween) {
  return database.iterator({ ...range, highWaterMarkBytes: MOST_BYTES });
}

/** Walks over a range of entries, and can fetch the next ones before they are asked for. */
export class EntryCursor {
  readonly database: Database;
  readonly #iterator: ReturnType<typeof iterate>;
  #fetched: Promise<Entry[]> | undefined;

  constructor(database: Database, range: KeysBetween) {
    this.database = database;
    this.#iterator = iterate(database, range);
  }

  /** Some of the next entries, at least one unless there are no more. */
  async next(limit: number): Promise<Entry[]> {
    const entries = await (this.#fetched ?? this.#iterator.nextv(limit));
    this.#fetched = entries.length > limit ? Promise.resolve(entries.slice(limit)) : undefined;
    return entries.length > limit ? entries.slice(0, limit) : entries;
  }

  fetchAhead(limit: number): void {
    this.#fetched ??= this.#iterator.nextv(limit);
    // Whoever asks for them hears of it; when nobody does, nothing is lost.
    this.#fetched.catch(() => undefined);
  }

  close(): Promise<void> {
    return this.#iterator.close();
  }
}

/**
 * Keeps the cursor of whoever reads page after page, so that LevelDB's threads fetch the next page while this one is decoded and used.
 * One reader at a time has it; the others read as if it were not there.
 */
export class ParkedCursor {
  #parked: { readonly cursor: EntryCursor; readonly position: string; readonly timer: NodeJS.Timeout } | undefined;
  #end = "";

  /** The cursor that stands before a key, if there is one. */
  take(database: Database, position: string): EntryCursor | undefined {
    const parked = this.#parked;
    if (parked?.position !== position || parked.cursor.database !== database) return undefined;
    clearTimeout(parked.timer);
    this.#parked = undefined;
    return parked.cursor;
  }

  /** Gives a cursor back, which has gone from one key to before another one. */
  async leave(cursor: EntryCursor, from: string, position: string, limit: number): Promise<void> {
    const isRow = from === this.#end;
    this.#end = position;
    if (!isRow) return cursor.close();
    await this.#letGo();
    cursor.fetchAhead(limit);
    const timer = setTimeout(() => void this.#letGo(), PARKED_MS).unref();
    this.#parked = { cursor, position, timer };
  }

  async #letGo(): Promise<void> {
    const parked = this.#parked;
    this.#parked = undefined;
    clearTimeout(parked?.timer);
    await parked?.cursor.close();
  }
}
