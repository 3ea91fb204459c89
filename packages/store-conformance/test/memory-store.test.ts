import { proveStore } from "../src/index.js";
import { describe, it } from "vitest";
import { MemoryMessageStore } from "@sssn/core";

proveStore(
  "MemoryMessageStore",
  {
    capabilities: { durable: false, flushed: false, shared: false },
    create: (clock) => Promise.resolve(new MemoryMessageStore({ clock })),
  },
  { describe, it },
  // Fewer where each of many mutants is judged by them.
  { runs: Number(process.env["SSSN_MODEL_RUNS"] ?? 200) },
);
