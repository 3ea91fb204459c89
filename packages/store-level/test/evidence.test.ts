import { cp, mkdtemp, open as openFile, readFile, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { NO_METADATA, isSSSNError, silentLogger, type MessageDraft } from "@sssn/core";
import fc from "fast-check";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { LevelMessageStore, repairStore, verifyStore } from "../src/index.js";

function open(folder: string): LevelMessageStore {
  const store = new LevelMessageStore({ folder, logger: silentLogger });
  onTestFinished(() => store.close());
  return store;
}

function draft(index: number): MessageDraft {
  return { timestamp: index, senderId: "w", content: { index, text: "some words ".repeat(20) }, metadata: NO_METADATA, id: `id-${index}` };
}

const COUNT = 200;
let template: string;

/** A store with a table (from the first run) and a log (from the second one). */
beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), "sssn-evidence-"));
  for (const run of [0, 1]) {
    const store = new LevelMessageStore({ folder: template, logger: silentLogger });
    const log = await store.open("c");
    for (let index = 1; index <= COUNT / 2; index++) await log.append([draft(run * (COUNT / 2) + index)]);
    await log.claim({ group: "g", readerId: "r", limit: 3, leaseMs: 60_000 });
    await store.close();
  }
  return () => rm(template, { recursive: true, force: true });
});

async function copy(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sssn-evidence-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await cp(template, folder, { recursive: true });
  return folder;
}

async function fileOf(folder: string, kind: RegExp): Promise<string> {
  const files = (await readdir(join(folder, "leveldb"))).filter((name) => kind.test(name)).map((name) => join(folder, "leveldb", name));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return files[sizes.indexOf(Math.max(...sizes))] ?? join(folder, "mark");
}

async function flip(file: string, at: number, bit = 0): Promise<void> {
  const handle = await openFile(file, "r+");
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ (1 << bit);
  await handle.write(byte, 0, 1, at);
  await handle.close();
}

/** How many messages can be read, or the error that says why not. */
async function outcome(folder: string): Promise<number | string> {
  const store = open(folder);
  try {
    const { messages } = await (await store.open("c")).read({ after: 0, limit: 1_000 });
    return messages.length;
  } catch (error) {
    if (!isSSSNError(error)) throw error;
    return error.code;
  } finally {
    await store.close();
  }
}

describe("a store whose files were harmed", () => {
  it("[G2.1] never opens with fewer messages than were acknowledged, whichever bit of its log or table is flipped", async () => {
    const sizes = await Promise.all([/\.log$/, /\.ldb$/].map(async (kind) => (await stat(await fileOf(template, kind))).size));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 1),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 0, max: 7 }),
        async (kind, place, bit) => {
          const folder = await mkdtemp(join(tmpdir(), "sssn-evidence-"));
          try {
            await cp(template, folder, { recursive: true });
            await flip(await fileOf(folder, kind === 0 ? /\.log$/ : /\.ldb$/), Math.floor(place * (sizes[kind] ?? 0)), bit);
            expect(await outcome(folder)).toBe("store_corrupted");
          } finally {
            await rm(folder, { recursive: true, force: true });
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("[G2.1] says so when the end of its log is cut off, by any number of bytes", async () => {
    for (const bytes of [1, 7, 300, 4_096]) {
      const folder = await copy();
      const log = await fileOf(folder, /\.log$/);
      await truncate(log, Math.max(0, (await stat(log)).size - bytes));
      expect([bytes, await outcome(folder)]).toEqual([bytes, "store_corrupted"]);
    }
  });

  it("says so when a file is gone, and leaves the others alone", async () => {
    for (const kind of [/\.log$/, /\.ldb$/, /MANIFEST/, /CURRENT/, /^$/]) {
      const folder = await copy();
      await rm(await fileOf(folder, kind));
      const before = await readdir(join(folder, "leveldb"));
      expect([kind.source, await outcome(folder)]).toEqual([kind.source, "store_corrupted"]);
      if (kind.source !== "\\.log$" && kind.source !== "\\.ldb$") expect(await readdir(join(folder, "leveldb"))).toEqual(before);
    }
  });

  it("names the file and what to do", async () => {
    const folder = await copy();
    const table = await fileOf(folder, /\.ldb$/);
    await flip(table, 100);
    const error: unknown = await open(folder)
      .open("c")
      .catch((thrown: unknown) => thrown);
    expect(String(error)).toContain(table);
    expect(String(error)).toMatch(/Keep a copy of the folder/);
  });

  it("opens when only one of the two copies in its mark is damaged, and refuses when both are", async () => {
    const folder = await copy();
    await flip(join(folder, "mark"), 10);
    expect(await outcome(folder)).toBe(COUNT);
    await flip(join(folder, "mark"), 11);
    await flip(join(folder, "mark"), 522);
    expect(await outcome(folder)).toBe("store_corrupted");
  });

  it("opens when a write that nobody was told of was cut short", async () => {
    const folder = await copy();
    const log = await fileOf(folder, /\.log$/);
    // The beginning of one more record: the head says that more follows than is there.
    await writeFile(log, Buffer.concat([await readFile(log), Buffer.from([1, 2, 3, 4, 200, 0, 1, 9, 9, 9])]));
    expect(await outcome(folder)).toBe(COUNT);
  });
});

describe("a store with durability process", () => {
  /** Fills a store, then makes its mark say that the machine was started anew since. */
  async function afterRestartOfTheMachine(): Promise<{ readonly folder: string; readonly log: string }> {
    const folder = await mkdtemp(join(tmpdir(), "sssn-evidence-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const store = new LevelMessageStore({ folder, durability: "process", logger: silentLogger });
    const channel = await store.open("c");
    for (let index = 1; index <= COUNT; index++) await channel.append([draft(index)]);
    await store.close();
    const [group] = JSON.parse((await readFile(join(folder, "mark"), "latin1")).slice(8, 512).trim()) as [number];
    const json = JSON.stringify([group, false, "another start"]);
    const slot = `${crc32(json).toString(16).padStart(8, "0")}${json}`.padEnd(512, " ");
    await writeFile(join(folder, "mark"), slot + slot, "latin1");
    return { folder, log: await fileOf(folder, /\.log$/) };
  }

  /** What can be read: has to be the first so many messages, without a hole. */
  async function kept(folder: string): Promise<number> {
    const warnings: string[] = [];
    const store = new LevelMessageStore({
      folder,
      durability: "process",
      logger: { ...silentLogger, warn: (_fields, text) => void warnings.push(text) },
    });
    const { messages } = await (await store.open("c")).read({ after: 0, limit: 1_000 });
    await store.close();
    expect(messages.map(({ sequence }) => sequence)).toEqual(messages.map((_, index) => index + 1));
    expect(warnings.join()).toMatch(/as durability process allows/);
    return messages.length;
  }

  it("opens after a power cut took the end of its log, says so, and has lost nothing in the middle", async () => {
    const { folder, log } = await afterRestartOfTheMachine();
    await truncate(log, 30_000);
    expect(await kept(folder)).toBeLessThan(COUNT);
  });

  it("gives up what lies behind a hole that a power cut left, rather than serve over it", async () => {
    const { folder, log } = await afterRestartOfTheMachine();
    await flip(log, 20_000);
    expect(await kept(folder)).toBeLessThan(100);
    const store = open(folder);
    expect((await (await store.open("c")).append([draft(COUNT + 1)]))[0]?.sequence).toBeLessThan(100);
  });

  it("refuses the same damage while the machine was not restarted: nothing but damage explains it then", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sssn-evidence-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const store = new LevelMessageStore({ folder, durability: "process", logger: silentLogger });
    const channel = await store.open("c");
    for (let index = 1; index <= COUNT; index++) await channel.append([draft(index)]);
    await store.close();
    await truncate(await fileOf(folder, /\.log$/), 30_000);
    expect(await outcome(folder)).toBe("store_corrupted");
  });
});

describe("verifyStore", () => {
  it("finds a sound store sound, counts what is in it, and changes nothing", async () => {
    const folder = await copy();
    const before = await readdir(folder, { recursive: true });
    const report = await verifyStore(folder);
    expect(report).toMatchObject({ sound: true, findings: [], channels: [{ channel: "c", first: 1, last: COUNT, messages: COUNT }] });
    expect(await readdir(folder, { recursive: true })).toEqual(before);
    expect(await outcome(folder)).toBe(COUNT);
  });

  it("finds what is wrong in files and in what they hold", async () => {
    const folder = await copy();
    await flip(await fileOf(folder, /\.log$/), 3_000);
    const { sound, findings } = await verifyStore(folder);
    expect(sound).toBe(false);
    expect(findings.join("\n")).toMatch(/\.log is damaged at byte .*: commits \d+ to \d+ are missing/);
    expect(findings.join("\n")).toMatch(/channel c: messages? \d+/);
  });

  it("refuses a store that is in use, and a folder that is none", async () => {
    const folder = await copy();
    await open(folder).open("c");
    await expect(verifyStore(folder)).rejects.toMatchObject({ code: "store_locked" });
    await expect(verifyStore(tmpdir())).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

describe("repairStore", () => {
  it("makes a damaged store usable with what is left, and names what is lost", async () => {
    for (const [kind, place] of [
      [/\.log$/, 3_000],
      [/\.ldb$/, 2_000],
      [/MANIFEST/, 30],
    ] as const) {
      const folder = await copy();
      await flip(await fileOf(folder, kind), place);
      const { findings, lost } = await repairStore(folder);
      expect(findings.length).toBeGreaterThan(0);
      const gone = lost.reduce((sum, { first, last }) => sum + last - first + 1, 0);
      expect([kind.source, await outcome(folder), (await verifyStore(folder)).findings]).toEqual([kind.source, COUNT - gone, []]);
      expect(await verifyStore(folder)).toMatchObject({ findings: [], sound: true });
      const log = await open(folder).open("c");
      expect((await log.append([draft(COUNT + 1)]))[0]?.sequence).toBe(COUNT + 1);
    }
  });
});
