import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Level } from "level";
import { MemoryMessageStore, NO_METADATA, silentLogger, type JsonValue, type MessageDraft } from "@sssn/core";
import { copyStore, type LogPart } from "@sssn/core/log-state";
import { VirtualClock } from "@sssn/core/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { LevelMessageStore, verifyStore } from "../src/index.js";

const logger = silentLogger;

function draft(content: JsonValue, more: Partial<MessageDraft> = {}): MessageDraft {
  return { senderId: "w", content, metadata: NO_METADATA, ...more };
}

async function folderOf(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sssn-copied-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Something of everything that a log can keep. */
async function prepared(clock: VirtualClock): Promise<MemoryMessageStore> {
  const store = new MemoryMessageStore({ clock });
  const log = await store.open("jobs", { maxDeliveries: 2 });
  await log.append([
    draft("given", { id: "given", key: "red" }),
    draft("made", { key: "red" }),
    draft("short", { ttlMs: 10, key: "green" }),
    draft("old", { supersede: "name", key: "red" }),
    draft("new", { supersede: "name" }),
    draft("later", { delayMs: 60_000, priority: 9 }),
    draft("last of its name", { id: "gone", supersede: "name" }),
  ]);
  await clock.advance(20);
  const { claims } = await log.claim({ group: "g", readerId: "w", limit: 1, leaseMs: 60_000 });
  await log.settle(
    "g",
    "w",
    claims.map(({ receipt }) => ({ receipt, action: "dead-letter" as const })),
  );
  await log.claim({ group: "h", readerId: "w", limit: 2, leaseMs: 60_000, working: 1, callId: "call" });
  await log.setRegime("h", { maxInFlight: 5, rate: { count: 9, perMs: 60_000 } });
  await log.cancel("h", ["gone"]);
  await log.moveCursor({ owner: "ann", name: "c" }, 1);
  const [made] = (await log.read({ after: 1, limit: 1 })).messages;
  await log.remove(["gone", made?.id ?? ""]);
  return store;
}

describe("a folder that logs were copied to", () => {
  it("is sound, and has the same digest when it is opened again, and on the way back", async () => {
    const clock = new VirtualClock();
    const [source, folder] = [await prepared(clock), await folderOf()];
    const first = new LevelMessageStore({ folder, clock, logger });
    const copied = await copyStore(source, first);
    await first.close();
    expect((await verifyStore(folder)).findings).toEqual([]);
    const again = new LevelMessageStore({ folder, clock, logger });
    onTestFinished(() => again.close());
    const back = await copyStore(again, new MemoryMessageStore({ clock }));
    expect(back.channels).toEqual(copied.channels);
    expect((await copyStore(source, again)).channels[0]).toMatchObject({ wasThere: true, digest: copied.channels[0]?.digest });
  });

  it("keeps nothing of a log that could not be put in, and gives back the room of one whose process was killed", async () => {
    const folder = await folderOf();
    const source = new MemoryMessageStore();
    const log = await source.open("jobs");
    await log.append(Array.from({ length: 5_000 }, (_, index) => draft(index, { id: `m${index}` })));
    const store = new LevelMessageStore({ folder, logger });
    const failing = store.portable.importLog("jobs", failingBefore("group", source.portable.exportLog("jobs")));
    await expect(failing).rejects.toThrow("no more");
    expect(await keysOfChannels(store, folder)).toEqual([]);

    // Such a mark stands before whatever is written of a log that comes in, and goes with its entry.
    const database = new Level(join(folder, "leveldb"));
    await database.open();
    await database.batch([
      { type: "put", key: "!deletion!7", value: "" },
      { type: "put", key: "000007m00000000001", value: "" },
    ]);
    await database.close();
    const next = new LevelMessageStore({ folder, logger });
    await copyStore(source, next);
    expect((await keysOfChannels(next, folder)).filter((key) => key.startsWith("000007"))).toEqual([]);
    expect((await verifyStore(folder)).findings).toEqual([]);
  });
});

/** Fails where a part of a kind, or the end, is due. */
async function* failingBefore(kind: LogPart["part"], parts: AsyncIterable<LogPart>): AsyncGenerator<LogPart> {
  for await (const part of parts) {
    if (part.part === kind || part.part === "end") throw new Error("no more");
    yield part;
  }
}

/** Closes a store, and tells what is in its database of any channel. */
async function keysOfChannels(store: LevelMessageStore, folder: string): Promise<readonly string[]> {
  await store.close();
  const database = new Level(join(folder, "leveldb"));
  await database.open();
  const keys = await database.keys({ gte: "0" }).all();
  await database.close();
  return keys;
}
