import type { ChannelMessage } from "@sssn/core";
import {
  COMMON_LANE,
  DEFAULT_PRIORITY,
  sequenceOfToken,
  type SizedMessage,
  type WaitingMessage,
  type WorkLane,
} from "@sssn/core/log-state";
import type { QueryResultRow } from "pg";
import { COLUMNS, messageOf, type ReadRow } from "./message-rows.js";

/** Asks the database: in a turn on the turn's own connection, otherwise on any. */
export type Query = <Row extends QueryResultRow>(text: string, values: readonly unknown[]) => Promise<Row[]>;

/** A stretch of the log, and up to where it has been looked at. */
export interface Stretch<Message> {
  readonly messages: readonly Message[];
  readonly position: number;
}

/** What is known of an id: of one whose message is removed, its sequence only. */
export interface KnownId {
  readonly sequence: number;
  readonly message?: ChannelMessage;
}

/** The messages of one channel in the database. */
export class MessageTable {
  readonly #channelId: string;
  readonly #number: string;
  readonly #schema: string;
  readonly #query: Query;

  constructor(channelId: string, number: string, schema: string, query: Query) {
    this.#channelId = channelId;
    this.#number = number;
    this.#schema = `"${schema}"`;
    this.#query = query;
  }

  /** Messages behind a sequence, up to another one. @param recipients whom they are for; `undefined`: whoever it is. */
  async scan(
    after: number,
    last: number,
    limit: number,
    maxBytes = Infinity,
    recipients?: readonly string[],
  ): Promise<Stretch<SizedMessage>> {
    if (after >= last) return { messages: [], position: Math.max(after, last) };
    const found = await this.#read("sequence > $2 AND sequence <= $3", "sequence", [after, last], limit, recipients);
    const messages = upTo(found, maxBytes);
    const isAll = messages.length === found.length && found.length < limit;
    return { messages, position: isAll ? last : (messages.at(-1)?.message.sequence ?? after) };
  }

  /** The last messages before a sequence, in order. */
  async scanBack(before: number, limit: number, maxBytes = Infinity): Promise<Stretch<SizedMessage>> {
    const found = await this.#read("sequence < $2", "sequence DESC", [before], limit);
    const messages = upTo(found, maxBytes).reverse();
    const isAll = messages.length === found.length && found.length < limit;
    return { messages, position: isAll ? 0 : (messages[0]?.message.sequence ?? 0) };
  }

  async #read(
    where: string,
    order: string,
    bounds: readonly number[],
    limit: number,
    recipients?: readonly string[],
  ): Promise<SizedMessage[]> {
    const values: unknown[] = [this.#number, ...bounds, limit];
    const select = (which: string): string =>
      `SELECT ${COLUMNS} FROM ${this.#schema}.message WHERE channel = $1 AND ${where}${which} ORDER BY ${order} LIMIT $${bounds.length + 2}`;
    // One part each, so that each is found by its index.
    const parts = (recipients ?? []).map((recipient) =>
      select(recipient === COMMON_LANE ? " AND recipient IS NULL" : ` AND recipient = $${values.push(recipient)}`),
    );
    const text =
      parts.length === 0
        ? select("")
        : `SELECT * FROM (${parts.map((part) => `(${part})`).join(" UNION ALL ")}) AS found ORDER BY ${order} LIMIT $${bounds.length + 2}`;
    const rows = await this.#query<ReadRow>(text, values);
    return rows.map((row) => messageOf(this.#channelId, row));
  }

  async load(sequences: readonly number[]): Promise<ReadonlyMap<number, SizedMessage>> {
    if (sequences.length === 0) return new Map();
    const rows = await this.#query<ReadRow>(
      `SELECT ${COLUMNS} FROM ${this.#schema}.message WHERE channel = $1 AND sequence = ANY ($2::bigint[])`,
      [this.#number, sequences],
    );
    return new Map(rows.map((row) => [Number(row.sequence), messageOf(this.#channelId, row)]));
  }

  /** What is known under ids: one that a writer gave is found by its index, one that the log made by what it says of itself. */
  async find(ids: readonly string[]): Promise<ReadonlyMap<string, KnownId>> {
    if (ids.length === 0) return new Map();
    const own = ids.flatMap((id) => sequenceOfToken(id) ?? []);
    const rows = await this.#query<ReadRow>(
      `SELECT ${COLUMNS} FROM ${this.#schema}.message WHERE channel = $1 AND given AND id = ANY ($2)
       UNION ALL SELECT ${COLUMNS} FROM ${this.#schema}.message WHERE channel = $1 AND NOT given AND sequence = ANY ($3::bigint[]) AND id = ANY ($2)`,
      [this.#number, ids, own],
    );
    return new Map(rows.map((row) => [row.id, { sequence: Number(row.sequence), message: messageOf(this.#channelId, row).message }]));
  }

  /** Ids whose messages are removed, and that are still known. */
  async findRemoved(ids: readonly string[], now: number): Promise<ReadonlyMap<string, KnownId>> {
    if (ids.length === 0) return new Map();
    const rows = await this.#query<{ id: string; sequence: string }>(
      `SELECT id, sequence FROM ${this.#schema}.removed_id WHERE channel = $1 AND id = ANY ($2) AND until > $3`,
      [this.#number, ids, now],
    );
    return new Map(rows.map(({ id, sequence }) => [id, { sequence: Number(sequence) }]));
  }

  /** Messages of a lane, as far as it matters when they may be handed out. */
  async readLane(lane: WorkLane, addressed: boolean, after: number, last: number, limit: number): Promise<Stretch<WaitingMessage>> {
    if (after >= last) return { messages: [], position: Math.max(after, last) };
    const values: unknown[] = [this.#number, after, last, limit];
    const priority = lane.priority === DEFAULT_PRIORITY ? "priority IS NULL" : `priority = $${values.push(lane.priority)}`;
    const ofNobody = addressed ? " AND recipient IS NULL" : "";
    const recipient = lane.recipient === COMMON_LANE ? ofNobody : ` AND recipient = $${values.push(lane.recipient)}`;
    const rows = await this.#query<ReadRow>(
      `SELECT ${COLUMNS} FROM ${this.#schema}.message WHERE channel = $1 AND sequence > $2 AND sequence <= $3 AND ${priority}${recipient} ORDER BY sequence LIMIT $4`,
      values,
    );
    const messages = rows.map((row): WaitingMessage => {
      const found = messageOf(this.#channelId, row);
      const { sequence, key, availableAt } = found.message;
      return { sequence, key, availableAt, previous: row.previous === null ? undefined : Number(row.previous), found };
    });
    return { messages, position: rows.length < limit ? last : (messages.at(-1)?.sequence ?? after) };
  }

  /** The first messages of a key behind a sequence. */
  async nextOfKey(key: string, after: number, limit: number): Promise<readonly number[]> {
    const rows = await this.#query<{ sequence: string }>(
      `SELECT sequence FROM ${this.#schema}.message WHERE channel = $1 AND key = $2 AND sequence > $3 ORDER BY sequence LIMIT $4`,
      [this.#number, key, after, limit],
    );
    return rows.map(({ sequence }) => Number(sequence));
  }

  /** The last messages of a key before a sequence, the last one first. */
  async previousOfKey(key: string, before: number, limit: number): Promise<readonly number[]> {
    const rows = await this.#query<{ sequence: string }>(
      `SELECT sequence FROM ${this.#schema}.message WHERE channel = $1 AND key = $2 AND sequence < $3 ORDER BY sequence DESC LIMIT $4`,
      [this.#number, key, before, limit],
    );
    return rows.map(({ sequence }) => Number(sequence));
  }

  /** The last message of each name that may be superseded, with its key. */
  async lastOfNames(names: readonly string[]): Promise<ReadonlyMap<string, { readonly sequence: number; readonly key?: string }>> {
    if (names.length === 0) return new Map();
    const rows = await this.#query<{ name: string; sequence: string; key: string | null }>(
      `SELECT name, found.sequence, found.key FROM unnest($2::text[]) AS name,
       LATERAL (SELECT sequence, key FROM ${this.#schema}.message WHERE channel = $1 AND supersede = name ORDER BY sequence DESC LIMIT 1) AS found`,
      [this.#number, names],
    );
    return new Map(rows.map(({ name, sequence, key }) => [name, { sequence: Number(sequence), ...(key === null ? {} : { key }) }]));
  }
}

function upTo(found: readonly SizedMessage[], maxBytes: number): SizedMessage[] {
  let bytes = 0;
  const end = found.findIndex((sized, index) => (bytes += sized.bytes) > maxBytes && index > 0);
  return found.slice(0, end < 0 ? found.length : end);
}
