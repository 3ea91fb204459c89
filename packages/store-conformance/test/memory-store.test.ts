import { proveStore } from "../src/index.js";
import { describe, it } from "vitest";
import { MemoryMessageStore } from "@sssn/core";

proveStore(
  "MemoryMessageStore",
  {
    capabilities: new MemoryMessageStore().capabilities,
    create: (clock) => Promise.resolve(new MemoryMessageStore({ clock })),
    join: (open, clock) => Promise.resolve(new MemoryMessageStore({ clock, beside: open as MemoryMessageStore })),
    portable: true,
    rewind: (open, channelId, last) => Promise.resolve((open as MemoryMessageStore).rewind(channelId, last)),
  },
  { describe, it },
  // Fewer where each of many mutants is judged by them.
  { runs: Number(process.env["SSSN_MODEL_RUNS"] ?? 200) },
);
