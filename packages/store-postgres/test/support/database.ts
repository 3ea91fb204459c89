import { randomBytes } from "node:crypto";
import { silentLogger } from "@sssn/core";
import pg from "pg";
import { PostgresMessageStore, type PostgresMessageStoreOptions } from "../../src/index.js";

/** The server that the tests use; nothing but schemas of their own is touched on it. */
export const url = process.env["SSSN_POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres";

/** A schema for one test, and what uses it; all of it is gone afterwards. */
export class TestDatabase implements AsyncDisposable {
  readonly schema = `sssn_test_${randomBytes(6).toString("hex")}`;
  readonly pool = new pg.Pool({ connectionString: url, max: 10 });
  readonly #stores: PostgresMessageStore[] = [];

  store(options: PostgresMessageStoreOptions = {}): PostgresMessageStore {
    const where = options.url === undefined && options.pool === undefined ? { url } : {};
    const store = new PostgresMessageStore({ schema: this.schema, logger: silentLogger, ...where, ...options });
    this.#stores.push(store);
    return store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()));
    await this.pool.query(`DROP SCHEMA IF EXISTS "${this.schema}" CASCADE`);
    await this.pool.end();
  }
}

/** Waits for something that comes by itself. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`It never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
