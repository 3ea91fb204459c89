import { SSSNError, validateIdentifier } from "@sssn/core";
import { logIsThere, takeIn, type LogPart, type PortableLogs, type RightNumber } from "@sssn/core/log-state";
import type { PoolClient } from "pg";
import type { Connections } from "../connection/connections.js";
import { explain } from "../connection/failures.js";
import { LogMaker } from "./putting-in.js";
import { partsOf } from "./taking-out.js";

interface PortableParts {
  readonly schema: string;
  readonly connections: Connections;
  readonly wall: (() => number) | undefined;
  /** The schema is there. @throws SSSNError `store_closed`, `store_unavailable`. */
  readonly prepare: (what: string) => Promise<void>;
}

/** Takes logs out of the database and puts them in. */
export class PostgresPortable implements PortableLogs {
  readonly #parts: PortableParts;
  readonly #reading = new Set<PoolClient>();

  constructor(parts: PortableParts) {
    this.#parts = parts;
  }

  async steadyNow(): Promise<number> {
    await this.#parts.prepare("tell the time");
    return this.#parts.connections.with((client) => this.#wallOf(client));
  }

  async #wallOf(client: PoolClient): Promise<number> {
    if (this.#parts.wall) return this.#parts.wall();
    const { rows } = await client.query<{ wall: string }>("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS wall");
    return Number(rows[0]?.wall);
  }

  async *exportLog(channelId: string): AsyncGenerator<LogPart> {
    const { schema, connections, prepare } = this.#parts;
    await prepare(`take out channel ${channelId}`);
    const client = await connections.connect().catch((error: unknown) => {
      throw explain(error);
    });
    this.#reading.add(client);
    let isWhole = false;
    try {
      await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
      yield* partsOf(client, schema, channelId);
      await client.query("COMMIT");
      isWhole = true;
    } catch (error) {
      throw explain(error);
    } finally {
      // Whoever reads no further leaves a transaction behind.
      this.#release(client, !isWhole);
    }
  }

  #release(client: PoolClient, isBroken: boolean): void {
    if (this.#reading.delete(client)) client.release(isBroken);
  }

  /** Somebody may have begun to take a log out, and never goes on. */
  end(): void {
    for (const client of [...this.#reading]) this.#release(client, true);
  }

  async importLog(channelId: string, parts: AsyncIterable<LogPart>): Promise<void> {
    const { schema, connections, prepare } = this.#parts;
    validateIdentifier("channel id", channelId);
    await prepare(`put in channel ${channelId}`);
    await connections.with(async (client) => {
      const { rows } = await client.query(`SELECT FROM "${schema}".channel WHERE id = $1`, [channelId]);
      if (rows.length > 0) throw logIsThere(channelId);
      await client.query("BEGIN");
      const cluster = await connections.clusterOf(client);
      const maker = await takeIn(
        channelId,
        parts,
        (header) => {
          const making = new LogMaker(client, schema, channelId, header);
          return { making, begun: making.begin(cluster) };
        },
        async ({ making, begun }, part) => {
          await begun;
          await making.take(part);
        },
      );
      await maker.begun;
      const wall = await this.#wallOf(client);
      await maker.making.finish(wall, wall);
      const { command } = await client.query("COMMIT");
      if (command !== "COMMIT")
        throw new SSSNError("store_unavailable", `Channel ${channelId} could not be put in. Nothing of it was stored; try again.`);
    });
  }

  async rightNumbers(): Promise<readonly RightNumber[]> {
    const { schema, connections, prepare } = this.#parts;
    await prepare("tell the numbers of its rights");
    return connections.with(async (client) => {
      const { rows } = await client.query<{ name: string; fence: string }>(`SELECT name, fence FROM "${schema}".hold ORDER BY name`);
      return rows.map(({ name, fence }) => ({ name, fence: Number(fence) }));
    });
  }

  async raiseRightNumbers(numbers: readonly RightNumber[]): Promise<void> {
    const { schema, connections, prepare } = this.#parts;
    await prepare("raise the numbers of its rights");
    await connections.with((client) =>
      client.query(
        `INSERT INTO "${schema}".hold AS held (name, fence, until) SELECT name, fence, 0 FROM json_to_recordset($1) AS row (name text, fence bigint)
         ON CONFLICT (name) DO UPDATE SET fence = greatest(held.fence, excluded.fence)`,
        [JSON.stringify(numbers)],
      ),
    );
  }
}
