import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Level } from "level";
import { NO_METADATA, isSSSNError, silentLogger, type ChannelLog, type MessageDraft, type SSSNError } from "@sssn/core";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { LevelMessageStore } from "../src/index.js";
import { MessageReader } from "../src/message-reader.js";

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "sssn-level-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

function open(path: string): LevelMessageStore {
  const store = new LevelMessageStore({ folder: path, logger: silentLogger });
  onTestFinished(() => store.close());
  return store;
}

function draft(content: MessageDraft["content"], more: Partial<MessageDraft> = {}): MessageDraft {
  return { timestamp: 1, senderId: "w", content, metadata: NO_METADATA, ...more };
}

async function failure(call: () => Promise<unknown>): Promise<SSSNError> {
  const error: unknown = await call().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isSSSNError(error)) throw new Error(`expected an SSSN error, got ${String(error)}`);
  return error;
}

/** Opens the database itself, to look at it or to harm it. */
async function raw<Result>(path: string, task: (database: Level<string, string>) => Promise<Result>): Promise<Result> {
  const database = new Level<string, string>(join(path, "leveldb"));
  await database.open();
  try {
    return await task(database);
  } finally {
    await database.close();
  }
}

async function messageKeys(database: Level<string, string>): Promise<string[]> {
  return (await database.keys().all()).filter((key) => /^[0-9a-z]{6}m/.test(key));
}

describe("a store folder", () => {
  it("has one owner: a second one is refused with its process id and what to do", async () => {
    const path = await folder();
    await (await open(path).open("c")).append([draft(1)]);
    const error = await failure(() => open(path).open("c"));
    expect([error.code, error.details["pid"]]).toEqual(["store_locked", process.pid]);
    expect(error.message).toMatch(/Never delete the LOCK file/);
  });

  it("names a process that was killed to nobody: the next one just opens it", async () => {
    const path = await folder();
    const program = `
      import { LevelMessageStore } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
      const log = await new LevelMessageStore({ folder: ${JSON.stringify(path)} }).open("c");
      for (let n = 1; ; n++) { const [{ sequence }] = await log.append([{ timestamp: 1, senderId: "w", content: n, metadata: {} }]); console.log(sequence); }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    let acknowledged = 0;
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk: Buffer) => {
        acknowledged = Number(chunk.toString().trim().split("\n").at(-1));
        if (acknowledged >= 50) child.kill("SIGKILL");
      });
      child.on("exit", () => resolve());
    });
    const log = await open(path).open("c");
    const { messages } = await log.read({ after: 0, limit: 10_000 });
    expect(messages.length).toBeGreaterThanOrEqual(acknowledged);
    expect(messages.map(({ content }) => content)).toEqual(messages.map(({ sequence }) => sequence));
  });

  it("that can't be made or written to is refused with its name", async () => {
    const path = await folder();
    await writeFile(join(path, "file"), "");
    const error = await failure(() => open(join(path, "file", "store")).open("c"));
    expect([error.code, error.message.includes(join(path, "file", "store"))]).toEqual(["store_unavailable", true]);
    const readOnly = join(path, "read-only");
    await mkdir(join(readOnly, "leveldb"), { recursive: true });
    // A plain file where LevelDB wants its own: unlike permissions, that also stops root.
    await mkdir(join(readOnly, "leveldb", "LOCK"));
    await chmod(readOnly, 0o555);
    expect((await failure(() => open(readOnly).open("c"))).code).toBe("store_unavailable");
  });

  it.runIf(process.platform === "linux")(
    "below one in which the kernel lets nothing be made is refused, and waited for by nobody",
    async () => {
      const error = await failure(() => open("/proc/no/such/store").open("c"));
      expect([error.code, error.message.includes("/proc/no/such/store can't be made")]).toEqual(["store_unavailable", true]);
    },
  );

  it("several levels deep is made with all that leads to it", async () => {
    const path = join(await folder(), "a", "b", "c");
    expect((await open(path).open("c")).channelId).toBe("c");
  });

  it("leaves nothing behind but its database when it is closed", async () => {
    const path = await folder();
    const store = open(path);
    await store.open("c");
    expect((await readdir(path)).sort()).toEqual(["leveldb", "mark", "owner.json"]);
    await store.close();
    expect(await readdir(path)).toEqual(["leveldb", "mark"]);
  });

  it("of a newer format is refused, not misread", async () => {
    const path = await folder();
    const store = open(path);
    await store.open("c");
    await store.close();
    await raw(path, (database) => database.put("!format", "3"));
    const error = await failure(() => open(path).open("c"));
    expect([error.code, error.message.includes("format 3")]).toEqual(["store_unavailable", true]);
  });
});

describe("options", () => {
  it("are checked", () => {
    expect(() => new LevelMessageStore({ folder: "" })).toThrowError(/folder/);
    expect(() => new LevelMessageStore({ folder: "x", durability: "maybe" as never })).toThrowError(/durability/);
  });
});

describe("damage", () => {
  async function filled(path: string): Promise<void> {
    const store = open(path);
    const log = await store.open("c");
    for (let index = 1; index <= 5; index++) await log.append([draft({ index })]);
    await store.close();
  }

  it("to a record is reported with channel and sequence, and the rest stays readable", async () => {
    const path = await folder();
    await filled(path);
    await raw(path, async (database) => {
      const [, , third = ""] = await messageKeys(database);
      await database.put(third, ((await database.get(third)) ?? "").replace('"index":3', '"index":4'));
    });
    const log = await open(path).open("c");
    const good = await log.read({ after: 0, limit: 10 });
    expect(good.messages.map(({ sequence }) => sequence)).toEqual([1, 2]);
    const error = await failure(() => log.read({ after: good.position, limit: 10 }));
    expect([error.code, error.details]).toEqual(["store_corrupted", { channel: "c", sequence: 3 }]);
    expect((await log.read({ after: 3, limit: 10 })).messages.map(({ sequence }) => sequence)).toEqual([4, 5]);
  });

  it("that swapped two records does not pass", async () => {
    const path = await folder();
    await filled(path);
    await raw(path, async (database) => {
      const [first = "", second = ""] = await messageKeys(database);
      const values = [await database.get(first), await database.get(second)];
      await database.batch([
        { type: "put", key: first, value: values[1] ?? "" },
        { type: "put", key: second, value: values[0] ?? "" },
      ]);
    });
    expect((await failure(async () => (await open(path).open("c")).read({ after: 0, limit: 10 }))).code).toBe("store_corrupted");
  });

  it("that took a message away is told from a removal", async () => {
    const path = await folder();
    await filled(path);
    await raw(path, async (database) => database.del((await messageKeys(database))[2] ?? ""));
    const log = await open(path).open("c");
    const error = await failure(() => log.read({ after: 2, limit: 10 }));
    expect([error.code, error.details["sequence"]]).toEqual(["store_corrupted", 3]);
  });

  it("that took the end of the log away is found at open", async () => {
    const path = await folder();
    await filled(path);
    await raw(path, async (database) => database.del((await messageKeys(database))[4] ?? ""));
    const error = await failure(() => open(path).open("c"));
    expect([error.code, error.details["sequence"]]).toEqual(["store_corrupted", 5]);
  });
});

describe("a failed write", () => {
  /** Makes the next batch writes of a store's database fail. */
  function sabotage(times: number): () => void {
    const prototype = Object.getPrototypeOf(Level.prototype) as { batch: (...args: unknown[]) => { write: () => Promise<void> } };
    const original = prototype.batch;
    let left = times;
    prototype.batch = function (this: unknown, ...args: unknown[]) {
      const batch = original.apply(this, args);
      if (args.length > 0 || left <= 0) return batch;
      left--;
      batch.write = () => Promise.reject(new Error("IO error: No space left on device"));
      return batch;
    };
    const restore = (): void => {
      prototype.batch = original;
    };
    onTestFinished(restore);
    return restore;
  }

  it("is told to its writer, fences the store, and is over once the database is open again", async () => {
    const path = await folder();
    const store = open(path);
    const log: ChannelLog = await store.open("c");
    await log.append([draft("before", { id: "before" })]);
    const [claim] = (await log.claim({ group: "g", readerId: "r", limit: 1, leaseMs: 60_000 })).claims;
    const restore = sabotage(1);
    const failed = failure(() => log.append([draft("during", { id: "during" })]));
    const { code, details } = await failed;
    // It was on its way to the disk: only the database knows.
    expect([code, details["outcome"]]).toEqual(["store_full", "unknown"]);
    const refused = await failure(() => log.append([draft("while it is being opened again")]));
    expect([refused.code, refused.details["outcome"]]).toEqual(["store_unavailable", "not_stored"]);
    restore();
    await expect.poll(async () => log.append([draft("after", { id: "after" })]).catch(() => undefined)).toBeDefined();
    expect((await log.read({ after: 0, limit: 10 })).messages.map(({ id, sequence }) => [id, sequence])).toEqual([
      ["before", 1],
      ["after", 2],
    ]);
    expect((await log.settle("g", "r", [{ receipt: claim?.receipt ?? "", action: "acknowledge" }]))[0]?.status).toBe("acknowledged");
    await store.close();
    const again = await open(path).open("c");
    expect((await again.read({ after: 0, limit: 10 })).messages.map(({ id }) => id)).toEqual(["before", "after"]);
  });

  it("refuses everything that was waiting behind it", async () => {
    const log = await open(await folder()).open("c");
    const restore = sabotage(1);
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => log.append([draft(index)])));
    restore();
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(["rejected"]));
    await expect.poll(async () => log.append([draft("after")]).catch(() => undefined)).toMatchObject([{ sequence: 1 }]);
  });
});

describe("figures that are asked for often", () => {
  it("look at no message, however many cursors there are; the full figures look at one for each of the first thousand", async () => {
    const log = await open(await folder()).open("orders");
    await log.append(Array.from({ length: 3 }, (_, index) => draft(index)));
    await Promise.all(Array.from({ length: 1_100 }, (_, index) => log.moveCursor({ owner: `reader-${index}`, name: "c" }, 1)));
    const scan = vi.spyOn(MessageReader.prototype, "scan");
    onTestFinished(() => scan.mockRestore());
    expect((await log.counts()).count).toBe(3);
    expect(await log.cursors({ limit: 2_000 })).toHaveLength(1_100);
    expect(scan).not.toHaveBeenCalled();
    expect((await log.stats()).cursors).toHaveLength(1_000);
    expect(scan).toHaveBeenCalledTimes(1_000);
  });
});
