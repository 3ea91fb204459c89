import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { NO_METADATA } from "@sssn/core";
import { Level } from "level";
import { describe, expect, it, onTestFinished } from "vitest";
import { LevelMessageStore } from "../src/index.js";

/** A folder that the first release wrote, byte by byte. */
async function folderOfTheFirstRelease(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sssn-first-release-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const files = JSON.parse(await readFile(new URL("fixtures/first-release.json", import.meta.url), "utf8")) as Record<string, string>;
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), Buffer.from(bytes, "base64"));
  }
  return folder;
}

async function opened(folder: string): Promise<LevelMessageStore> {
  const store = new LevelMessageStore({ folder });
  onTestFinished(() => store.close());
  return Promise.resolve(store);
}

const draft = { senderId: "writer", content: "new", metadata: NO_METADATA };

describe("a store of the first release", () => {
  it("is read as it was written, and goes on, also when it is opened again", async () => {
    const folder = await folderOfTheFirstRelease();
    for (const expected of [8, 9]) {
      const store = await opened(folder);
      const log = await store.open("orders");
      expect(await log.bounds()).toEqual({ first: 1, last: expected - 1 });
      const { messages } = await log.read({ after: 0, limit: 5 });
      expect(messages.map(({ id, content }) => [id, content])).toEqual([1, 2, 3, 4, 5].map((number) => [`m${number}`, number]));
      expect(await log.cursor({ owner: "reader", name: "reader" })).toBe(3);
      expect((await log.append([draft]))[0]).toMatchObject({ sequence: expected, duplicate: false });
      await store.close();
    }
  });

  it("keeps its claims, its dead letters and its delays, and counts what lapsed as it was counted then", async () => {
    const log = await (await opened(await folderOfTheFirstRelease())).open("orders", { maxDeliveries: 3 });
    const [letter, ...others] = await log.dead("default", { limit: 10 });
    expect([letter?.message.id, letter?.deliveries, letter?.reason, others]).toEqual(["m2", 1, "unreadable", []]);
    expect(await log.dead("default", { limit: 10, pending: true })).toEqual([]);
    expect(await log.evict({ maxCount: 0, keepUnsettled: true })).toBe(1);
    await expect.poll(async () => (await log.stats()).groups[0]?.claimed).toBe(0);
    const { claims } = await log.claim({ group: "default", readerId: "w", limit: 10, leaseMs: 60_000 });
    expect(claims.map(({ message, deliveries }) => [message.id, deliveries])).toEqual([
      ["m3", 2],
      ["m4", 2],
      ["m5", 2],
    ]);
    expect(await log.requeue("default")).toBe(1);
    expect(
      (await log.claim({ group: "default", readerId: "w", limit: 10, leaseMs: 60_000 })).claims.map(({ message }) => message.id),
    ).toEqual(["m2"]);
  });

  it("keeps its cursors, of which nobody knows when they were moved until they are moved again", async () => {
    const folder = await folderOfTheFirstRelease();
    const log = await (await opened(folder)).open("orders");
    const [cursor] = await log.cursors({ limit: 10 });
    expect(cursor).toEqual({ owner: "reader", name: "reader", sequence: 3, lag: 3, distanceToRetention: 3, lost: 1 });
    const before = log.now();
    await log.moveCursor({ owner: "reader", name: "reader" }, 4);
    const [moved] = await log.cursors({ limit: 10 });
    expect(moved?.movedAt).toBeGreaterThanOrEqual(before);
  });

  it("may have been opened by an earlier release meanwhile: what it has moved, it has not said when", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sssn-mixed-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const first = await opened(folder);
    const log = await first.open("orders");
    await log.append([draft, draft, draft]);
    for (const name of ["moved", "left"]) await log.moveCursor({ owner: "r", name }, 1);
    await first.close();
    const database = new Level<string, string>(join(folder, "leveldb"));
    await database.open();
    const [key = "none"] = (await database.keys().all()).filter((entry) => entry.endsWith("cr!moved"));
    await database.put(key, "2");
    await database.close();
    const again = await (await opened(folder)).open("orders");
    const cursors = await again.cursors({ limit: 10 });
    expect(cursors.map(({ name, sequence, lag, movedAt }) => [name, sequence, lag, movedAt !== undefined])).toEqual([
      ["left", 1, 2, true],
      ["moved", 2, 1, false],
    ]);
    expect(await again.cursor({ owner: "r", name: "moved" })).toBe(2);
  });

  it("keeps mail apart, and gives each log an identity that stays", async () => {
    const folder = await folderOfTheFirstRelease();
    const first = await opened(folder);
    const mail = await first.open("mail", { addressed: true });
    expect((await mail.read({ after: 0, limit: 10, audience: "bob" })).messages.map(({ content }) => content)).toEqual([2]);
    const { identity } = mail;
    expect([identity.length > 0, identity === (await first.open("orders")).identity]).toEqual([true, false]);
    expect(await first.list()).toEqual(["mail", "orders"]);
    await first.close();
    expect((await (await opened(folder)).open("mail")).identity).toBe(identity);
  });
});
