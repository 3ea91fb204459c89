import { SSSNError, describe, refuseUnknownOptions, validateInteger, type Clock, type Logger } from "@sssn/core";
import type { Pool } from "pg";

/** Where a store is, and how it is used. */
export interface PostgresMessageStoreOptions {
  /** The address of the database, as in `postgres://user:password@host:5432/database`. Either this or a `pool`. */
  readonly url?: string;
  /** Connections of your own, of the package `pg`: the store uses them, and leaves them open. It needs some that no transaction has which uses the store. */
  readonly pool?: Pool;
  /** The schema that holds the tables: 1 to 48 lower-case letters, digits and underscores. It is made where there is none. Default `"sssn"`. */
  readonly schema?: string;
  /** Most connections, from 2 to 200, of a store with a `url`; as many again for its transactions, and one that listens. They are made when they are needed. Default 10. */
  readonly poolSize?: number;
  /**
   * An address past a pooler that gives a connection away after each transaction: only on one of its own can notifications be heard. Without it a store that is behind such a pooler
   * notices that it hears nothing, and looks every so often instead. Default: the `url`; for a `pool`, none: it looks.
   */
  readonly listenUrl?: string;
  /** For how long a call tries again by itself while the server can't be used, in ms, from 0 to 10 minutes. Default 10 000. */
  readonly patienceMs?: number;
  /** In place of the server's clock; a test gives a `VirtualClock`. All hosts of a store need the same. */
  readonly clock?: Clock;
  /** A pino logger fits. Default: warnings and errors to the console. */
  readonly logger?: Logger;
}

const OPTIONS: ReadonlySet<string> = new Set<keyof PostgresMessageStoreOptions>([
  "url",
  "pool",
  "schema",
  "poolSize",
  "listenUrl",
  "patienceMs",
  "clock",
  "logger",
]);
const SCHEMA = /^[a-z_][a-z0-9_]{0,47}$/;
const LONGEST_PATIENCE_MS = 600_000;
const MOST_CONNECTIONS = 200;

/** @throws SSSNError `invalid_argument`. No error repeats an address: it may hold a password. */
export function checkOptions(
  options: PostgresMessageStoreOptions,
): Required<Pick<PostgresMessageStoreOptions, "schema" | "poolSize" | "patienceMs">> {
  refuseUnknownOptions("PostgresMessageStore", options, OPTIONS);
  const { url, pool, listenUrl, schema = "sssn", poolSize = 10, patienceMs = 10_000 } = options;
  if ((url === undefined) === (pool === undefined))
    throw new SSSNError(
      "invalid_argument",
      'PostgresMessageStore needs either a url, such as { url: "postgres://localhost/app" }, or a pool of the package pg.',
    );
  for (const address of [url, listenUrl]) if (address !== undefined) checkUrl(address);
  if (typeof schema !== "string" || !SCHEMA.test(schema))
    throw new SSSNError(
      "invalid_argument",
      `schema has 1 to 48 lower-case letters, digits and underscores, the first of them no digit, but is ${describe(schema)}.`,
    );
  return {
    schema,
    poolSize: validateInteger("poolSize", poolSize, 2, MOST_CONNECTIONS),
    patienceMs: validateInteger("patienceMs", patienceMs, 0, LONGEST_PATIENCE_MS),
  };
}

function checkUrl(url: unknown): void {
  if (typeof url === "string" && /^postgres(ql)?:\/\//i.test(url)) return;
  throw new SSSNError("invalid_argument", 'The address of a PostgreSQL database begins with "postgres://". This one does not.');
}
