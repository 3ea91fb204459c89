import type { Logger } from "@sssn/core";
import pg, { type Pool, type PoolClient, type QueryResultRow } from "pg";
import { explain } from "./failures.js";

/** What a server promises, as it says itself. */
export interface ServerPromises {
  /** What it commits is on the disk. */
  readonly flushed: boolean;
  /** What it commits is at another server as well. */
  readonly replicated: boolean;
  /** It would answer before what it commits is on the disk, unless it is told otherwise with each transaction. */
  readonly isLax: boolean;
}

/** The connections of one store. */
export class Connections {
  readonly #pool: Pool;
  readonly #isOwn: boolean;
  /** Which server, and which of its histories, a connection leads to: another one after a failover, and after a restore. */
  readonly #heard = new WeakSet<PoolClient>();
  readonly #clusters = new WeakMap<PoolClient, string>();

  constructor({ url, pool, size, logger }: { url: string | undefined; pool: Pool | undefined; size: number; logger: Logger }) {
    this.#isOwn = pool === undefined;
    this.#pool =
      pool ?? new pg.Pool({ connectionString: url, max: size, connectionTimeoutMillis: 5_000, keepAlive: true, application_name: "sssn" });
    // An idle connection that the server ends is replaced when it is needed.
    this.#pool.on("error", (error) => logger.debug({ err: error }, "an idle connection to PostgreSQL ended"));
  }

  /** A connection that is lost while it is used tells that with what is asked on it. */
  async connect(): Promise<PoolClient> {
    const client = await this.#pool.connect();
    if (!this.#heard.has(client)) client.on("error", () => undefined);
    this.#heard.add(client);
    return client;
  }

  async query<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.#pool.query<Row>(text, [...values])).rows;
  }

  /** Several statements that belong together, on one connection. */
  async with<Result>(task: (client: PoolClient) => Promise<Result>): Promise<Result> {
    let client: PoolClient | undefined;
    try {
      client = await this.connect();
      const result = await task(client);
      client.release();
      return result;
    } catch (error) {
      // Whatever was begun on it ends with it.
      client?.release(true);
      throw explain(error);
    }
  }

  /** It changes with a promotion and with a restore only, and those end connections. */
  async clusterOf(client: PoolClient): Promise<string> {
    const known = this.#clusters.get(client);
    if (known !== undefined) return known;
    const { rows } = await client.query<{ cluster: string }>(
      "SELECT system_identifier || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS cluster FROM pg_control_system()",
    );
    const cluster = rows[0]?.cluster ?? "";
    this.#clusters.set(client, cluster);
    return cluster;
  }

  close(): Promise<void> {
    return this.#isOwn ? this.#pool.end() : Promise.resolve();
  }
}

/** @returns what the server that a connection leads to promises. */
export async function promisesOf(client: PoolClient): Promise<ServerPromises> {
  const { rows } = await client.query<{ fsync: string; commit: string; standbys: string }>(
    "SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit, current_setting('synchronous_standby_names') AS standbys",
  );
  const { fsync = "off", commit = "off", standbys = "" } = rows[0] ?? {};
  const isLax = commit === "off";
  return { flushed: fsync === "on", replicated: standbys !== "" && commit !== "local" && !isLax, isLax };
}
