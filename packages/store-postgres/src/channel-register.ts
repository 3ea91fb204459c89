import { decideAddressed, randomToken } from "@sssn/core/log-state";
import type { Connections } from "./connection/connections.js";

/** What of a deleted channel is removed in one statement. */
const PIECE = 5_000;
const TABLES = ["message", "removed_id", "journal", "state", "cursor"] as const;

/** A channel as it is entered. */
export interface ChannelEntry {
  readonly number: string;
  readonly addressed: boolean;
}

/** Which channels there are. */
export class ChannelRegister {
  readonly #schema: string;
  readonly #connections: Connections;

  constructor(schema: string, connections: Connections) {
    this.#schema = `"${schema}"`;
    this.#connections = connections;
  }

  /** Finds a channel, or makes it. Of two hosts that make it at once one decides how it is. */
  async enter(channelId: string, addressed: boolean | undefined): Promise<ChannelEntry> {
    return this.#connections.with(async (client) => {
      const found = async (): Promise<ChannelEntry | undefined> =>
        (await client.query<ChannelEntry>(`SELECT number, addressed FROM ${this.#schema}.channel WHERE id = $1`, [channelId])).rows[0];
      let entry = await found();
      if (!entry) {
        const cluster = await this.#connections.clusterOf(client);
        await client.query(
          `INSERT INTO ${this.#schema}.channel (id, addressed, identity, cluster) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING`,
          [channelId, addressed ?? false, randomToken(), cluster],
        );
        entry = await found();
      }
      if (!entry) throw Object.assign(new Error(`Channel ${channelId} was deleted while it was being opened.`), { code: "40001" });
      return { number: entry.number, addressed: decideAddressed(channelId, entry.addressed, addressed) };
    });
  }

  async list(): Promise<readonly string[]> {
    const rows = await this.#connections.query<{ id: string }>(`SELECT id FROM ${this.#schema}.channel WHERE id IS NOT NULL ORDER BY id`);
    return rows.map(({ id }) => id);
  }

  /** It is gone at once; what it held goes piece by piece. @returns whether there was one. */
  async delete(channelId: string): Promise<boolean> {
    const rows = await this.#connections.query<{ number: string }>(`DELETE FROM ${this.#schema}.channel WHERE id = $1 RETURNING number`, [
      channelId,
    ]);
    for (const { number } of rows) await this.#clear(number);
    return rows.length > 0;
  }

  async #clear(number: string): Promise<void> {
    for (const table of TABLES) {
      const name = `${this.#schema}.${table}`;
      const text = `WITH gone AS (DELETE FROM ${name} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${name} WHERE channel = $1 LIMIT ${PIECE})) RETURNING 1) SELECT count(*) AS gone FROM gone`;
      for (let gone = PIECE; gone === PIECE;) {
        const [row] = await this.#connections.query<{ gone: string }>(text, [number]);
        gone = Number(row?.gone ?? 0);
      }
    }
  }

  /** Which journals have gone on. @param known channels by number, and how far each is known. */
  async moved(known: ReadonlyMap<string, number>): Promise<readonly string[]> {
    const rows = await this.#connections.query<{ channel: string }>(
      `SELECT known.channel FROM unnest($1::bigint[], $2::bigint[]) AS known (channel, number)
       WHERE EXISTS (SELECT FROM ${this.#schema}.journal WHERE journal.channel = known.channel AND journal.number > known.number)
       OR NOT EXISTS (SELECT FROM ${this.#schema}.channel WHERE channel.number = known.channel)`,
      [[...known.keys()], [...known.values()]],
    );
    return rows.map(({ channel }) => channel);
  }
}
