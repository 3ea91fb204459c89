import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Level } from "level";
import { NO_METADATA, silentLogger, type ChannelLog, type MessageDraft } from "@sssn/core";
import { describe, expect, it, onTestFinished } from "vitest";
import { LevelMessageStore, repairStore, verifyStore } from "../src/index.js";

const logger = silentLogger;

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sssn-ordered-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const draft = (content: number, more: Partial<MessageDraft> = {}): MessageDraft => ({
  senderId: "w",
  content,
  metadata: NO_METADATA,
  ...more,
});

async function claim(log: ChannelLog, limit: number, audience?: string): Promise<unknown[]> {
  const { claims } = await log.claim({
    group: "g",
    readerId: "r",
    limit,
    leaseMs: 60_000,
    ...(audience === undefined ? {} : { audience }),
  });
  return claims.map(({ message }) => message.content);
}

/** A store in which everything that orders work occurs: keys, priorities, names, what was cancelled, moved, removed and past its time. */
async function prepared(): Promise<string> {
  const folder = await makeFolder();
  const store = new LevelMessageStore({ folder, logger });
  const log = await store.open("c");
  await log.append([draft(1), draft(2, { id: "two", key: "k" }), draft(3, { key: "k" }), draft(4, { priority: 9, supersede: "n" })]);
  await log.append([
    draft(5, { supersede: "n", key: "l" }),
    draft(6, { key: "k", ttlMs: 1 }),
    draft(7, { id: "seven", key: "k" }),
    draft(8, { id: "eight" }),
    draft(9, { key: "only" }),
  ]);
  await log.setRegime("g", { maxInFlight: 100, rate: { count: 1_000, perMs: 60_000 } });
  expect(await claim(log, 1)).toEqual([1]);
  await log.cancel("g", ["seven"]);
  await log.reschedule("g", ["eight"], { delayMs: 60_000, priority: 7 });
  await log.remove(["two"]);
  await expect.poll(() => log.stats().then(({ expired }) => expired)).toBe(1);
  await store.close();
  return folder;
}

async function injure(folder: string, change: (database: Level, keys: readonly string[]) => Promise<unknown>): Promise<void> {
  const database = new Level(join(folder, "leveldb"));
  await database.open();
  await change(database, await database.keys().all());
  await database.close();
}

const ofKind = (keys: readonly string[], kind: string): string[] => keys.filter((key) => key[6] === kind && !key.startsWith("!"));

describe("a store with ordered work", () => {
  it("is sound when it is examined, and hands out the same after a repair that had nothing to do", async () => {
    const folder = await prepared();
    expect((await verifyStore(folder)).findings).toEqual([]);
    expect((await repairStore(folder)).findings).toEqual([]);
    const store = new LevelMessageStore({ folder, logger });
    expect(await claim(await store.open("c"), 10)).toEqual([3, 5, 9]);
    await store.close();
  });

  it.each<[string, (database: Level, keys: readonly string[]) => Promise<unknown>, RegExp]>([
    [
      "a message that is missing in the index of lanes",
      (database, keys) => database.del(ofKind(keys, "q")[0] ?? ""),
      /index of lanes does not name 1/,
    ],
    [
      "a lane's message that is gone",
      (database, keys) => database.put(`${(ofKind(keys, "q")[0] ?? "").slice(0, -2)}zz`, ""),
      /index of lanes names/,
    ],
    [
      "a message that is missing in the index of keys",
      (database, keys) => database.del(ofKind(keys, "k").find((key) => !key.endsWith("!")) ?? ""),
      /index of keys does not name 1/,
    ],
    [
      "a key whose last message is unknown",
      (database, keys) => database.del(ofKind(keys, "k").find((key) => key.endsWith("!")) ?? ""),
      /index of keys/,
    ],
  ])("tells of %s, and hands out as before after its repair", async (_what, change, told) => {
    const folder = await prepared();
    await injure(folder, change);
    expect((await verifyStore(folder)).findings.join("\n")).toMatch(told);
    await repairStore(folder);
    expect((await verifyStore(folder)).findings).toEqual([]);
    const store = new LevelMessageStore({ folder, logger });
    expect(await claim(await store.open("c"), 10)).toEqual([3, 5, 9]);
    await store.close();
  });

  it("has the format that earlier releases open until there is something that they would get wrong", async () => {
    const folder = await makeFolder();
    const format = async (): Promise<string | undefined> => {
      let found: string | undefined;
      await injure(folder, async (database) => (found = await database.get("!format")));
      return found;
    };
    const once = async (task: (log: ChannelLog) => Promise<unknown>): Promise<void> => {
      const store = new LevelMessageStore({ folder, logger });
      await task(await store.open("c"));
      await store.close();
    };
    await once((log) => log.append([draft(1), draft(2, { delayMs: 5 })]));
    await once((log) => claim(log, 1));
    expect(await format()).toBe("1");
    await once((log) => log.append([draft(3, { key: "k" })]));
    expect(await format()).toBe("2");
  });

  it.each([false, true])("orders what comes after a log had none of it, whether it is addressed (%s) or not", async (addressed) => {
    const folder = await makeFolder();
    const audience = addressed ? "ann" : undefined;
    const to = addressed ? { recipientId: "ann" } : {};
    let store = new LevelMessageStore({ folder, logger });
    let log = await store.open("c", { addressed });
    await log.append(Array.from({ length: 600 }, (_, index) => draft(index + 1, to)));
    expect(await claim(log, 2, audience)).toEqual([1, 2]);
    await log.append([
      draft(601, { ...to, key: "k" }),
      draft(602, { ...to, key: "k", priority: 9 }),
      draft(603, { ...to, priority: 5 }),
      draft(604, to),
    ]);
    expect(await claim(log, 3, audience)).toEqual([603, 3, 4]);
    await store.close();
    store = new LevelMessageStore({ folder, logger });
    log = await store.open("c");
    const rest = await claim(log, 1_000, audience);
    expect(rest).toEqual([...Array.from({ length: 596 }, (_, index) => index + 5), 601, 604]);
    await store.close();
  });
});
