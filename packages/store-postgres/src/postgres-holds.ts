import type { Hold } from "@sssn/core";
import { checkHold } from "@sssn/core/log-state";
import type { Connections } from "./connection/connections.js";

const SERVER_TIME = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/** Rights that one host at a time has, by the server's clock. */
export class PostgresHolds {
  readonly #table: string;
  readonly #connections: Connections;
  readonly #wall: (() => number) | undefined;

  constructor(schema: string, connections: Connections, wall: (() => number) | undefined) {
    this.#table = `"${schema}".hold`;
    this.#connections = connections;
    this.#wall = wall;
  }

  /** The server's clock, or the one that stands in its place. */
  get #now(): string {
    return this.#wall ? String(Math.floor(this.#wall())) : SERVER_TIME;
  }

  async hold(name: string, ttlMs: number): Promise<Hold | undefined> {
    checkHold(name, ttlMs);
    const [held] = await this.#connections.query<{ fence: string }>(
      `INSERT INTO ${this.#table} AS held (name, fence, until) VALUES ($1, 1, ${this.#now} + $2::bigint)
       ON CONFLICT (name) DO UPDATE SET fence = held.fence + 1, until = excluded.until WHERE held.until <= ${this.#now} RETURNING fence`,
      [name, ttlMs],
    );
    if (!held) return undefined;
    const fence = Number(held.fence);
    return {
      fence,
      renew: () =>
        this.#changed(
          `UPDATE ${this.#table} SET until = ${this.#now} + $3::bigint WHERE name = $1 AND fence = $2 AND until > ${this.#now} RETURNING name`,
          [name, fence, ttlMs],
        ),
      release: async () => {
        await this.#changed(`UPDATE ${this.#table} SET until = 0 WHERE name = $1 AND fence = $2 RETURNING name`, [name, fence]);
      },
    };
  }

  async #changed(text: string, values: readonly unknown[]): Promise<boolean> {
    return (await this.#connections.query(text, values)).length > 0;
  }
}
