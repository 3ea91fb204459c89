import type { CursorInfo, CursorKey, CursorsRequest } from "@sssn/core";
import { checkPosition, cursorInfo, movedTrace, type CursorTrace } from "@sssn/core/log-state";
import type { ChannelTurns } from "./channel-turns.js";
import type { Query } from "./message-table.js";
import type { CursorRow, Turn } from "./turn.js";

interface ReadCursorRow {
  readonly owner: string;
  readonly name: string;
  readonly sequence: string;
  readonly moved_at: string | null;
  readonly lost: string;
  readonly gone: string;
}

/** The cursors of one log. */
export class PostgresCursors {
  readonly #channelId: string;
  readonly #number: string;
  readonly #table: string;
  readonly #turns: ChannelTurns;
  readonly #query: Query;

  constructor(channelId: string, number: string, schema: string, turns: ChannelTurns, query: Query) {
    this.#channelId = channelId;
    this.#number = number;
    this.#table = `"${schema}".cursor`;
    this.#turns = turns;
    this.#query = query;
  }

  async get(key: CursorKey): Promise<number | undefined> {
    return (await this.#read(this.#query, key))?.sequence;
  }

  async #read(query: Query, { owner, name }: CursorKey): Promise<CursorTrace | undefined> {
    const [row] = await query<ReadCursorRow>(`SELECT * FROM ${this.#table} WHERE channel = $1 AND owner = $2 AND name = $3`, [
      this.#number,
      owner,
      name,
    ]);
    return row && traceOf(row);
  }

  move({ owner, name }: CursorKey, sequence: number, rewind: boolean): Promise<number> {
    return this.#turns.run(async (turn) => {
      const { state } = this.#turns;
      checkPosition(this.#channelId, sequence, state.stored);
      const place = JSON.stringify([owner, name]);
      const stored = await this.#read(this.#turns.query, { owner, name });
      // Another call of this turn may have moved it meanwhile.
      const known = traceOfMove(turn.cursors.get(place)) ?? stored;
      const moved = rewind ? sequence : Math.max(known?.sequence ?? 0, sequence);
      if (moved === known?.sequence) return moved;
      const { movedAt = null, lost, gone } = movedTrace(known, moved, turn.now, state.removed);
      turn.cursors.set(place, { owner, name, sequence: moved, movedAt, lost, gone });
      return moved;
    });
  }

  async delete({ owner, name }: CursorKey): Promise<boolean> {
    const rows = await this.#turns.run((turn) => this.#deleteIn(turn, owner, name));
    return rows.length > 0;
  }

  async #deleteIn(turn: Turn, owner: string, name: string): Promise<readonly unknown[]> {
    turn.cursors.delete(JSON.stringify([owner, name]));
    return this.#turns.query(`DELETE FROM ${this.#table} WHERE channel = $1 AND owner = $2 AND name = $3 RETURNING owner`, [
      this.#number,
      owner,
      name,
    ]);
  }

  /** In the order of owners and names. */
  async list({ after, limit }: CursorsRequest): Promise<CursorInfo[]> {
    const { first, stored: last, removed } = await this.#turns.catchUp();
    const rows = await this.#query<ReadCursorRow>(
      `SELECT * FROM ${this.#table} WHERE channel = $1 AND (owner, name) > ($2, $3) ORDER BY owner, name LIMIT $4`,
      [this.#number, after?.owner ?? "", after?.name ?? "", limit],
    );
    return rows.map((row) => cursorInfo(row, traceOf(row), { first, last, removed }));
  }
}

function traceOf({ sequence, moved_at, lost, gone }: ReadCursorRow): CursorTrace {
  return {
    sequence: Number(sequence),
    lost: Number(lost),
    gone: Number(gone),
    ...(moved_at === null ? {} : { movedAt: Number(moved_at) }),
  };
}

function traceOfMove(row: CursorRow | undefined): CursorTrace | undefined {
  return row && { sequence: row.sequence, lost: row.lost, gone: row.gone, ...(row.movedAt === null ? {} : { movedAt: row.movedAt }) };
}
