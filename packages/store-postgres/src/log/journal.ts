import { SSSNError } from "@sssn/core";
import type { ClientBase } from "pg";
import type { JournalRow, LogEvent } from "./log-event.js";
import { LogState, type StoredState, type Tell } from "./log-state.js";
import { COLUMNS, COLUMN_TYPES } from "./message-rows.js";
import type { Turn } from "./turn.js";

/** Of what form states and events are. A host that knows only earlier ones refuses them. */
const FORMAT = 1;
/** So many rows stay behind a state, for hosts that are behind. */
const KEPT_ROWS = 1_000;

/** The row of the table of channels. */
export interface ChannelRow {
  readonly identity: string;
  readonly predecessors: string;
  readonly cluster: string;
}

interface ReadJournalRow {
  readonly number: string;
  readonly at: string;
  readonly wall: string;
  readonly token: string;
  readonly events: string;
}

/** Where a journal has gone on from what is known of it. */
export interface News {
  /** Left out: the channel is deleted. */
  readonly channel: ChannelRow | undefined;
  readonly wall: number;
  /** The first is the one that is known, unless it is gone. */
  readonly rows: readonly JournalRow[];
}

/** What is written of a channel, in its order. */
export class Journal {
  readonly #number: string;
  readonly #schema: string;
  readonly #space: number;
  readonly #commit: string;

  /** @param space the class of the advisory locks. @param isLax whether the server has to be told that a commit is one. */
  constructor(number: string, schema: string, space: number, isLax: boolean) {
    this.#number = number;
    this.#schema = `"${schema}"`;
    this.#space = space;
    this.#commit = isLax ? "SET LOCAL synchronous_commit = on;" : "";
  }

  /**
   * Begins a transaction in which nobody else does anything to the channel. All in one round: numbers only stand in it.
   *
   * @param idleMs a process that is stopped in it loses it to the server after so long. @param waitMs for so long it waits for somebody else's lock.
   */
  async begin(client: ClientBase, known: number, idleMs: number, waitMs: number): Promise<News> {
    const results: unknown = await client.query(
      `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = ${idleMs}; SET LOCAL lock_timeout = ${waitMs};${this.#commit} SELECT pg_advisory_xact_lock(${this.#space}, ${this.#lock}); ${this.#news(known)}`,
    );
    return newsOf(results);
  }

  /** Looks what is new, without a transaction. */
  async look(client: ClientBase, known: number): Promise<News> {
    return newsOf(await client.query(this.#news(known)));
  }

  /** Locks are numbers of 32 bits: two channels that share one wait for each other, and no more. */
  get #lock(): number {
    return Number(BigInt.asIntN(32, BigInt(this.#number)));
  }

  #news(known: number): string {
    return `SELECT identity, predecessors, cluster, (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS wall FROM ${this.#schema}.channel WHERE number = ${this.#number};
      SELECT number, at, wall, token, events FROM ${this.#schema}.journal WHERE channel = ${this.#number} AND number >= ${known} ORDER BY number`;
  }

  /** Reads the newest state, and what has happened since. */
  async load(client: ClientBase, tell: Tell): Promise<LogState> {
    const { rows: states } = await client.query<ReadJournalRow & { format: number; state: string }>(
      `SELECT number, at, wall, token, format, state FROM ${this.#schema}.state WHERE channel = $1 ORDER BY number DESC LIMIT 1`,
      [this.#number],
    );
    const [newest] = states;
    if (newest && newest.format > FORMAT)
      throw new SSSNError(
        "store_unavailable",
        `A later release keeps the state of channel ${this.#number} in form ${newest.format}, and this one knows ${FORMAT}: install the later release here as well.`,
      );
    const state = newest ? LogState.restore(JSON.parse(newest.state) as StoredState, placeOf(newest), tell) : new LogState(tell);
    const { rows } = await client.query<ReadJournalRow>(
      `SELECT number, at, wall, token, events FROM ${this.#schema}.journal WHERE channel = $1 AND number > $2 ORDER BY number`,
      [this.#number, state.place.number],
    );
    for (const row of rows) state.takeIn(rowOf(row));
    return state;
  }

  /** Whether a transaction whose answer was lost was committed. */
  async has(client: ClientBase, number: number, token: string): Promise<boolean> {
    const { rows } = await client.query(`SELECT FROM ${this.#schema}.journal WHERE channel = $1 AND number = $2 AND token = $3`, [
      this.#number,
      number,
      token,
    ]);
    return rows.length > 0;
  }

  /** Writes what was done in a turn. @returns how long the row is. */
  async write(turn: Turn, row: JournalRow, { last, newest }: LogState): Promise<number> {
    const { client } = turn;
    if (turn.removed.length > 0) await this.#remove(client, turn);
    if (turn.cursors.size > 0) await this.#moveCursors(client, turn);
    const events = JSON.stringify(row.events);
    const values = [
      this.#number,
      row.number,
      row.at,
      row.wall,
      row.token,
      turn.ends.size === 0 ? null : [...turn.ends],
      events,
      last,
      newest,
    ];
    const insert = `INSERT INTO ${this.#schema}.journal (channel, number, at, wall, token, ends, events, last, newest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`;
    if (turn.messages.length === 0) await client.query(insert, values);
    else
      await client.query(
        `WITH written AS (INSERT INTO ${this.#schema}.message (channel, ${COLUMNS}) SELECT $1, ${COLUMNS} FROM json_to_recordset($10) AS row (${COLUMN_TYPES})) ${insert}`,
        [...values, JSON.stringify(turn.messages)],
      );
    return events.length;
  }

  async #remove(client: ClientBase, turn: Turn): Promise<void> {
    await client.query(`DELETE FROM ${this.#schema}.message WHERE channel = $1 AND sequence = ANY ($2::bigint[])`, [
      this.#number,
      turn.removed,
    ]);
    if (turn.removedIds.length === 0) return;
    await client.query(
      `INSERT INTO ${this.#schema}.removed_id (channel, id, sequence, until) SELECT $1, id, sequence, until FROM json_to_recordset($2) AS row (id text, sequence bigint, until bigint)
       ON CONFLICT (channel, id) DO UPDATE SET sequence = excluded.sequence, until = excluded.until`,
      [this.#number, JSON.stringify(turn.removedIds)],
    );
  }

  async #moveCursors(client: ClientBase, turn: Turn): Promise<void> {
    await client.query(
      `INSERT INTO ${this.#schema}.cursor (channel, owner, name, sequence, moved_at, lost, gone)
       SELECT $1, owner, name, sequence, "movedAt", lost, gone FROM json_to_recordset($2) AS row (owner text, name text, sequence bigint, "movedAt" bigint, lost bigint, gone bigint)
       ON CONFLICT (channel, owner, name) DO UPDATE SET sequence = excluded.sequence, moved_at = excluded.moved_at, lost = excluded.lost, gone = excluded.gone`,
      [this.#number, JSON.stringify([...turn.cursors.values()])],
    );
  }

  /** Keeps the journal up to here in short, so that whoever opens the log need not read all of it. */
  async keep(client: ClientBase, state: LogState, place: LogState["place"]): Promise<number> {
    const text = JSON.stringify(state.snapshot());
    await client.query(
      `INSERT INTO ${this.#schema}.state (channel, number, at, wall, token, format, state) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [this.#number, place.number, place.at, place.wall, place.token, FORMAT, text],
    );
    await client.query(`DELETE FROM ${this.#schema}.state WHERE channel = $1 AND number < $2`, [this.#number, place.number]);
    await client.query(`DELETE FROM ${this.#schema}.journal WHERE channel = $1 AND number < $2`, [this.#number, place.number - KEPT_ROWS]);
    return text.length;
  }

  /** A log that begins with what another one was. */
  async begun(client: ClientBase, state: LogState, place: LogState["place"]): Promise<void> {
    await client.query(
      `INSERT INTO ${this.#schema}.journal (channel, number, at, wall, token, events, last, newest) VALUES ($1, $2, $3, $4, $5, '[]', $6, $7)`,
      [this.#number, place.number, place.at, place.wall, place.token, state.last, state.newest],
    );
    await this.keep(client, state, place);
  }

  /** The log is another one from now on, which has lost what its server had acknowledged. */
  async rename(client: ClientBase, { identity, predecessors, cluster }: ChannelRow, last: number): Promise<void> {
    await client.query(`UPDATE ${this.#schema}.channel SET identity = $2, predecessors = $3, cluster = $4 WHERE number = $1`, [
      this.#number,
      identity,
      predecessors,
      cluster,
    ]);
    await client.query(`UPDATE ${this.#schema}.cursor SET sequence = $2 WHERE channel = $1 AND sequence > $2`, [this.#number, last]);
  }
}

/** The driver answers several statements with a list. */
function newsOf(results: unknown): News {
  const all = results as readonly { readonly rows: readonly unknown[] }[];
  const [channels, rows] = all.slice(-2);
  const [channel] = (channels?.rows ?? []) as readonly (ChannelRow & { readonly wall: string })[];
  return {
    channel,
    wall: Number(channel?.wall ?? 0),
    rows: ((rows?.rows ?? []) as readonly ReadJournalRow[]).map(rowOf),
  };
}

function rowOf(row: ReadJournalRow): JournalRow {
  return { ...placeOf(row), events: JSON.parse(row.events) as readonly LogEvent[] };
}

function placeOf({ number, at, wall, token }: Omit<ReadJournalRow, "events">): LogState["place"] {
  return { number: Number(number), at: Number(at), wall: Number(wall), token };
}
