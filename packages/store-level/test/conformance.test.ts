import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageStore } from "@sssn/core";
import { proveStore } from "@sssn/store-conformance";
import { describe, it } from "vitest";
import { LevelMessageStore } from "../src/index.js";

/** The files of a moment: a copy in the midst of which LevelDB made or removed some is none. */
async function pictureOf(folder: string): Promise<string> {
  const names = async (): Promise<string> => (await readdir(folder, { recursive: true })).sort().join();
  for (;;) {
    const left = await mkdtemp(join(tmpdir(), "sssn-level-"));
    const before = await names();
    const isWhole = await cp(folder, left, {
      recursive: true,
      filter: (path) => !path.endsWith("LOCK") && !path.endsWith("owner.json"),
    }).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
        return false;
      },
    );
    if (isWhole && before === (await names())) return left;
    await rm(left, { recursive: true, force: true });
  }
}

for (const durability of ["flushed", "process"] as const) {
  const folders = new Map<MessageStore, string>();
  proveStore(
    `LevelMessageStore (${durability})`,
    {
      capabilities: {
        durable: true,
        flushed: durability === "flushed",
        replicated: false,
        atomicBatches: true,
        idempotentForMs: Infinity,
        shared: false,
        wakeUpWithinMs: 0,
        clock: "host",
      },
      portable: true,
      async create(clock) {
        const folder = await mkdtemp(join(tmpdir(), "sssn-level-"));
        const store = new LevelMessageStore({ folder, durability, clock });
        folders.set(store, folder);
        return store;
      },
      reopen(closed, clock) {
        const folder = folders.get(closed) ?? "";
        const store = new LevelMessageStore({ folder, durability, clock });
        folders.set(store, folder);
        return Promise.resolve(store);
      },
      // The files as they are while the store is open are what a killed process leaves.
      async crash(open, clock) {
        const folder = folders.get(open) ?? "";
        const left = await pictureOf(folder);
        await open.close();
        await rm(folder, { recursive: true, force: true });
        const store = new LevelMessageStore({ folder: left, durability, clock });
        folders.set(store, left);
        return store;
      },
      destroy: (closed) => rm(folders.get(closed) ?? "", { recursive: true, force: true }),
    },
    { describe, it },
    { runs: Number(process.env["SSSN_MODEL_RUNS"] ?? (durability === "process" ? 60 : 20)) },
  );
}
