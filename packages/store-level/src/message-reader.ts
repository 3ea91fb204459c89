import { COMMON_LANE } from "@sssn/core/log-state";
import type { Database } from "./database-folder.js";
import { EntryCursor, ParkedCursor } from "./entry-cursor.js";
import { parseSortable, rangeOf, sortable, type ChannelKeys } from "./keys.js";
import type { LogState } from "./log-state.js";
import { corrupted, decodeMessage, type StoredMessage } from "./records.js";

/** Shorter pages are not worth fetching ahead. */
const READ_AHEAD_FROM = 100;

/** A stretch of the log. */
export interface Stretch {
  readonly stored: readonly StoredMessage[];
  /** Everything up to here has been looked at. */
  readonly position: number;
}

/** Reads messages of one channel and tells a hole that should not be there from one that was made by a removal. */
export class MessageReader {
  readonly #channelId: string;
  readonly #keys: ChannelKeys;
  readonly #parked = new ParkedCursor();

  constructor(channelId: string, keys: ChannelKeys) {
    this.#channelId = channelId;
    this.#keys = keys;
  }

  /**
   * Messages behind a sequence, in order. Stops before a damaged one, so that what precedes it is delivered.
   *
   * @throws SSSNError `store_corrupted` when the very first one is damaged or missing.
   */
  async scan(database: Database, state: LogState, after: number, limit: number, maxBytes = Infinity): Promise<Stretch> {
    const end = state.stored;
    let bytes = 0;
    const stored: StoredMessage[] = [];
    let expected = state.removed.nextAbsent(after + 1);
    if (expected > end) return { stored, position: Math.max(after, end) };
    const from = this.#keys.message(expected);
    const parked = this.#parked.take(database, from);
    let cursor = parked ?? this.#cursor(database, from, end);
    try {
      reading: while (stored.length < limit && expected <= end) {
        const entries = await cursor.next(limit - stored.length);
        if (entries.length === 0) {
          // A parked one ends where the log ended when it was opened.
          if (cursor !== parked) throw corrupted(this.#channelId, expected, "it is missing");
          await cursor.close();
          cursor = this.#cursor(database, this.#keys.message(expected), end);
          continue;
        }
        for (const [key, value] of entries) {
          const sequence = this.#keys.sequenceOf(key);
          // Removed since the scan began, or removed while the iterator still shows the state before.
          if (state.removed.has(sequence)) continue;
          expected = state.removed.nextAbsent(expected);
          if (sequence !== expected) throw corrupted(this.#channelId, expected, "it is missing");
          bytes += value.length;
          if (bytes > maxBytes && stored.length > 0) break reading;
          stored.push(decodeMessage(this.#channelId, sequence, value));
          expected = state.removed.nextAbsent(sequence + 1);
        }
        expected = state.removed.nextAbsent(expected);
      }
    } catch (error) {
      await cursor.close();
      if (stored.length === 0) throw error;
      return { stored, position: stored.at(-1)?.message.sequence ?? after };
    }
    if (limit >= READ_AHEAD_FROM && expected <= end && bytes <= maxBytes)
      await this.#parked.leave(cursor, from, this.#keys.message(expected), limit);
    else await cursor.close();
    return { stored, position: expected > end ? end : (stored.at(-1)?.message.sequence ?? after) };
  }

  #cursor(database: Database, from: string, end: number): EntryCursor {
    return new EntryCursor(database, { gte: from, lte: this.#keys.message(end) });
  }

  /**
   * The last messages before a sequence, in order; `position` is the first that was looked at, 0 at the beginning of the log.
   *
   * @throws SSSNError `store_corrupted` when the last one is damaged or missing; behind others, it ends the page.
   */
  async scanBack(database: Database, state: LogState, before: number, limit: number, maxBytes = Infinity): Promise<Stretch> {
    const start = Math.min(before - 1, state.stored);
    let expected = state.removed.previousAbsent(start);
    const found: StoredMessage[] = [];
    let bytes = 0;
    if (expected <= 0) return { stored: found, position: 0 };
    const entries = await database.iterator({ gte: this.#keys.message(0), lte: this.#keys.message(expected), reverse: true, limit }).all();
    try {
      for (const [key, value] of entries) {
        const sequence = this.#keys.sequenceOf(key);
        if (state.removed.has(sequence)) continue;
        if (sequence !== expected) throw corrupted(this.#channelId, expected, "it is missing");
        bytes += value.length;
        if (bytes > maxBytes && found.length > 0) break;
        found.push(decodeMessage(this.#channelId, sequence, value));
        expected = state.removed.previousAbsent(sequence - 1);
      }
    } catch (error) {
      if (found.length === 0) throw error;
    }
    if (found.length === 0) throw corrupted(this.#channelId, expected, "it is missing");
    return { stored: found.reverse(), position: expected <= 0 ? 0 : (found[0]?.message.sequence ?? 0) };
  }

  /** Messages by sequence; removed ones are missing. */
  async load(database: Database, state: LogState, sequences: readonly number[]): Promise<Map<number, StoredMessage>> {
    const values = await database.getMany(sequences.map((sequence) => this.#keys.message(sequence)));
    const found = new Map<number, StoredMessage>();
    for (const [index, sequence] of sequences.entries()) {
      const value = values[index];
      if (value !== undefined) found.set(sequence, decodeMessage(this.#channelId, sequence, value));
      else if (!state.removed.has(sequence)) throw corrupted(this.#channelId, sequence, "it is missing");
    }
    return found;
  }

  /** What a reader of an addressed log may see behind a sequence. */
  async scanRecipients(
    database: Database,
    state: LogState,
    recipients: readonly string[],
    after: number,
    limit: number,
    maxBytes = Infinity,
  ): Promise<Stretch> {
    const end = state.stored;
    const found = await Promise.all(
      [...new Set(recipients)].map((recipient) => {
        const prefix = this.#keys.lane(recipient);
        return database.keys({ gt: prefix + sortable(after), lt: rangeOf(prefix).lt, limit }).all();
      }),
    );
    const sequences = found
      .flatMap((keys) => keys.map((key) => parseSortable(key.slice(key.indexOf("!") + 1))))
      .filter((sequence) => sequence <= end)
      .sort((left, right) => left - right);
    const page = sequences.slice(0, limit);
    const messages = await this.load(database, state, page);
    const loaded = page.flatMap((sequence) => messages.get(sequence) ?? []);
    let sum = 0;
    const cut = loaded.findIndex(({ bytes }, index) => (sum += bytes) > maxBytes && index > 0);
    const stored = cut < 0 ? loaded : loaded.slice(0, cut);
    if (cut >= 0) return { stored, position: stored.at(-1)?.message.sequence ?? after };
    return { stored, position: page.length < limit ? Math.max(after, end) : (page.at(-1) ?? after) };
  }
}

/** Whose messages an audience reads. */
export function recipientsFor(audience: string): readonly string[] {
  return [COMMON_LANE, audience];
}
