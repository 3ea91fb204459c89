import { SSSNError } from "@sssn/core";
import type { ClientBase } from "pg";
import { MIGRATIONS } from "./migrations.js";

/** The newest version that this code knows. */
const KNOWN = MIGRATIONS.length;
/** Locks of this store have this class; that of the schema has the number below those of channels. */
const MIGRATING = 0;

/** @param schema its name, quoted where that is needed. @param space the class of its advisory locks. */
export async function migrate(client: ClientBase, schema: string, space: number): Promise<void> {
  if ((await versionOf(client, schema)) === KNOWN) return;
  await client.query("BEGIN");
  try {
    await client.query("SELECT pg_advisory_xact_lock($1, $2)", [space, MIGRATING]);
    const { rows } = await client.query<{ found: boolean }>("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1) AS found", [
      schema,
    ]);
    // Who may not make schemas may still use one that was made for it.
    if (!rows[0]?.found) await client.query(`CREATE SCHEMA "${schema}"`);
    await client.query(
      `CREATE TABLE IF NOT EXISTS "${schema}".migration (version integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())`,
    );
    const from = await versionOf(client, schema);
    for (const { version, statements } of MIGRATIONS.slice(from)) {
      await client.query(statements.replaceAll("{schema}", `"${schema}"`).replaceAll("{space}", String(space)));
      await client.query(`INSERT INTO "${schema}".migration (version) VALUES ($1)`, [version]);
    }
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
}

/** @throws SSSNError `store_unavailable` for a schema that a later release made. */
async function versionOf(client: ClientBase, schema: string): Promise<number> {
  const { rows: found } = await client.query<{ found: boolean }>("SELECT to_regclass($1) IS NOT NULL AS found", [`"${schema}".migration`]);
  if (!found[0]?.found) return 0;
  const { rows } = await client.query<{ version: number | null }>(`SELECT max(version) AS version FROM "${schema}".migration`);
  const version = rows[0]?.version ?? 0;
  if (version <= KNOWN) return version;
  throw new SSSNError(
    "store_unavailable",
    `The schema ${schema} has version ${version}, and this release of @sssn/store-postgres knows versions up to ${KNOWN}: install the later release here as well.`,
    { details: { version, known: KNOWN } },
  );
}
