import {
  ClaimLedger,
  IntervalSet,
  logIsThere,
  randomToken,
  sequenceOfToken,
  storedOf,
  type KeptLedger,
  type LogBody,
  type LogHeader,
  type PortableMessage,
} from "@sssn/core/log-state";
import type { ClientBase } from "pg";
import { Journal } from "../log/journal.js";
import type { TimedMessage } from "../log/log-event.js";
import { LogState } from "../log/log-state.js";
import { COLUMNS, COLUMN_TYPES, rowOf } from "../log/message-rows.js";

const NOBODY = (): void => undefined;

/** Makes a log while its parts come in, in one transaction: it is there when that commits. */
export class LogMaker {
  readonly #client: ClientBase;
  readonly #schema: string;
  readonly #channelId: string;
  readonly #header: LogHeader;
  readonly #expired: IntervalSet;
  readonly #groups = new Map<string, KeptLedger>();
  readonly #lastOfKey = new Map<string, number>();
  readonly #delayed: TimedMessage[] = [];
  readonly #expiring: TimedMessage[] = [];
  readonly #priorities = new Set<number>();
  #number = "";
  #count = 0;
  #bytes = 0;

  constructor(client: ClientBase, schema: string, channelId: string, header: LogHeader) {
    this.#client = client;
    this.#schema = `"${schema}"`;
    this.#channelId = channelId;
    this.#header = header;
    this.#expired = new IntervalSet(header.expired);
  }

  /** @param cluster the server as it is. @throws SSSNError `invalid_state` where there is a log of this id. */
  async begin(cluster: string): Promise<void> {
    const { addressed, identity, predecessors } = this.#header;
    const { rows } = await this.#client.query<{ number: string }>(
      `INSERT INTO ${this.#schema}.channel (id, addressed, identity, predecessors, cluster) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING RETURNING number`,
      [this.#channelId, addressed, identity, JSON.stringify(predecessors), cluster],
    );
    const [row] = rows;
    if (!row) throw logIsThere(this.#channelId);
    this.#number = row.number;
  }

  async take(part: LogBody): Promise<void> {
    switch (part.part) {
      case "messages":
        return this.#write(part.messages);
      case "ids":
        return this.#insert("removed_id", "id, sequence, until", "id text, sequence bigint, until bigint", part.ids);
      case "cursors": {
        const rows = part.cursors.map(({ movedAt, ...cursor }) => ({ ...cursor, moved_at: movedAt ?? null }));
        const columns = "owner, name, sequence, moved_at, lost, gone";
        return this.#insert("cursor", columns, "owner text, name text, sequence bigint, moved_at bigint, lost bigint, gone bigint", rows);
      }
      case "group":
        this.#groups.set(part.group, part.kept);
    }
  }

  async #write(messages: readonly PortableMessage[]): Promise<void> {
    const rows = messages.map(({ message }) => {
      const { sequence, id, key, priority, availableAt, validUntil } = message;
      const row = rowOf(message, sequenceOfToken(id) !== sequence, key === undefined ? undefined : this.#lastOfKey.get(key));
      if (key !== undefined) this.#lastOfKey.set(key, sequence);
      if (priority !== undefined) this.#priorities.add(priority);
      if (availableAt !== undefined) this.#delayed.push([sequence, availableAt]);
      if (validUntil !== undefined && !this.#expired.has(sequence))
        this.#expiring.push(key === undefined ? [sequence, validUntil] : [sequence, validUntil, key]);
      this.#count++;
      this.#bytes += row.size;
      return row;
    });
    await this.#insert("message", COLUMNS, COLUMN_TYPES, rows);
  }

  async #insert(table: string, columns: string, types: string, rows: readonly object[]): Promise<void> {
    await this.#client.query(
      `INSERT INTO ${this.#schema}.${table} (channel, ${columns}) SELECT $1, ${columns} FROM json_to_recordset($2) AS row (${types})`,
      [this.#number, JSON.stringify(rows)],
    );
  }

  /** All parts are there. @param now steady time. */
  async finish(now: number, wall: number): Promise<void> {
    const { last, newestTimestamp: newest, removed, expired, superseded } = this.#header;
    const place = { number: 1, at: now, wall, token: randomToken() };
    const base = { last, count: this.#count, bytes: this.#bytes, newest, removed, expired, superseded, groups: [] };
    const priorities = LogState.prioritiesWith([...this.#priorities]);
    const state = LogState.restore({ ...base, delayed: this.#delayed, expiring: this.#expiring, priorities }, place, NOBODY);
    for (const [group, kept] of this.#groups) {
      const ledger = new ClaimLedger({ now, token: randomToken() }, storedOf(kept));
      for (const retired of [state.expired, state.superseded]) ledger.orders.expireAll(retired, { now, token: randomToken() });
      ledger.takeChanges();
      state.ledgers.take(group, ledger);
    }
    const journal = new Journal(this.#number, this.#schema.slice(1, -1), 0, false);
    await journal.begun(this.#client, state, place);
  }
}
