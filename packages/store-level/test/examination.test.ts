import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Level } from "level";
import { PassthroughChannel, silentLogger } from "@sssn/core";
import { describe, expect, it, onTestFinished } from "vitest";
import { LevelMessageStore, repairStore, verifyStore } from "../src/index.js";

const logger = silentLogger;

/** A store with a delayed message, one with a time to live, one that is past it, and a cursor. */
async function prepared(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sssn-examination-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const store = new LevelMessageStore({ folder, logger });
  const channel = new PassthroughChannel({ id: "c", store, logger });
  await channel.start();
  await channel.write("w", 1, { delayMs: 3_600_000 });
  await channel.write("w", 2, { ttlMs: 3_600_000 });
  await channel.write("w", 3, { ttlMs: 1 });
  await channel.commit("r", 2);
  await expect.poll(() => channel.stats("admin").then(({ expired }) => expired)).toBe(1);
  await channel.drain();
  await store.close();
  return folder;
}

/** Changes entries of the database behind the store's back, as a defect would. */
async function injure(folder: string, change: (database: Level, keys: readonly string[]) => Promise<unknown>): Promise<void> {
  expect((await verifyStore(folder)).findings).toEqual([]);
  const database = new Level(join(folder, "leveldb"));
  await database.open();
  await change(database, await database.keys().all());
  await database.close();
}

const keyOf = (keys: readonly string[], kind: string): string => keys.find((key) => key[6] === kind && !key.startsWith("!")) ?? "none";

describe("a store that is examined", () => {
  it.each<readonly [string, (database: Level, keys: readonly string[]) => Promise<unknown>, RegExp]>([
    [
      "a delay of a message that is gone",
      (database, keys) => database.put(`${keyOf(keys, "d").slice(0, -2)}zz`, ""),
      /index of delays names/,
    ],
    ["a time to live that is nowhere", (database, keys) => database.del(keyOf(keys, "e")), /would never end/],
    [
      "a time to live of a message that is gone",
      (database, keys) => database.put(`${keyOf(keys, "e").slice(0, -2)}zz`, ""),
      /index of times to live names/,
    ],
    [
      "messages that are said to be past and are not there",
      (database, keys) => database.put(keyOf(keys, "p"), "99"),
      /past their time to live/,
    ],
    ["a cursor behind the end of the log", (database, keys) => database.put(keyOf(keys, "c"), "99"), /cursor .* stands at 99/],
    ["a cursor that is none", (database, keys) => database.put(keyOf(keys, "c"), "x"), /cursor .* can't be read/],
    [
      "a time of a cursor's move that is none",
      (database, keys) => database.put(keyOf(keys, "v"), "[2,1]"),
      /cursor r \/ r was moved can't be read/,
    ],
  ])("tells of %s, and is sound after its repair", async (_what, change, told) => {
    const folder = await prepared();
    await injure(folder, change);
    expect((await verifyStore(folder)).findings.join()).toMatch(told);
    await repairStore(folder);
    expect((await verifyStore(folder)).findings).toEqual([]);
  });
});
