import { randomBytes } from "node:crypto";
import { silentLogger, type Clock, type MessageStore } from "@sssn/core";
import { proveStore } from "@sssn/store-conformance";
import pg from "pg";
import { afterAll, describe, it } from "vitest";
import { PostgresMessageStore } from "../src/index.js";
import { url } from "./support/database.js";

const admin = new pg.Pool({ connectionString: url, max: 1 });
const schemas = new Map<MessageStore, string>();

afterAll(() => admin.end());

function storeIn(schema: string, clock: Clock): MessageStore {
  const store = new PostgresMessageStore({ url, schema, clock, poolSize: 4, logger: silentLogger });
  schemas.set(store, schema);
  return store;
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
      create: (clock) => Promise.resolve(storeIn(`sssn_test_${randomBytes(6).toString("hex")}`, clock)),
      join: (open, clock) => Promise.resolve(storeIn(schemas.get(open) ?? "", clock)),
      reopen: (closed, clock) => Promise.resolve(storeIn(schemas.get(closed) ?? "", clock)),
      async destroy(closed) {
        await admin.query(`DROP SCHEMA IF EXISTS "${schemas.get(closed) ?? ""}" CASCADE`);
      },
    },
    { describe, it },
    { runs: Number(process.env["SSSN_MODEL_RUNS"] ?? 20) },
  );
