import { randomBytes } from "node:crypto";
import { silentLogger, type Clock, type MessageStore } from "@sssn/core";
import { proveStore } from "@sssn/store-conformance";
import pg from "pg";
import { afterAll, describe, it } from "vitest";
import { PostgresMessageStore } from "../src/index.js";
import { url } from "./support/database.js";

const admin = new pg.Pool({ connectionString: url, max: 1 });
const places = new Map<MessageStore, { readonly schema: string; readonly name: string }>();
let made = 0;

afterAll(() => admin.end());

function storeIn(schema: string, clock: Clock): MessageStore {
  const address = new URL(url);
  const name = `${schema}.${++made}`;
  address.searchParams.set("application_name", name);
  const store = new PostgresMessageStore({ url: address.href, schema, clock, poolSize: 4, logger: silentLogger });
  places.set(store, { schema, name });
  return store;
}

function schemaOf(store: MessageStore): string {
  return places.get(store)?.schema ?? "";
}

if (url !== "")
  proveStore(
    "PostgresMessageStore",
    {
      capabilities: {
        durable: true,
        flushed: true,
        replicated: false,
        atomicBatches: true,
        idempotentForMs: Infinity,
        shared: true,
        wakeUpWithinMs: 1_500,
        clock: "engine",
      },
      portable: true,
      create: (clock) => Promise.resolve(storeIn(`sssn_test_${randomBytes(6).toString("hex")}`, clock)),
      join: (open, clock) => Promise.resolve(storeIn(schemaOf(open), clock)),
      reopen: (closed, clock) => Promise.resolve(storeIn(schemaOf(closed), clock)),
      // Its connections end in the middle of whatever they do, as those of a killed process.
      async crash(open, clock) {
        void open.close();
        await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", [places.get(open)?.name]);
        return storeIn(schemaOf(open), clock);
      },
      async destroy(closed) {
        await admin.query(`DROP SCHEMA IF EXISTS "${schemaOf(closed)}" CASCADE`);
      },
    },
    { describe, it },
    { runs: Number(process.env["SSSN_MODEL_RUNS"] ?? 20) },
  );
