import { describe, expect, it } from "vitest";
import { MemoryMessageStore, NO_METADATA, isSSSNError } from "../src/index.js";
import { copyStore, digestLog, type LogPart, type PortableLogs } from "../src/log-state/index.js";
import { LogDigest } from "../src/log-state/portable/log-digest.js";
import { VirtualClock } from "../src/testing.js";

/** A store with messages that wait for their time, a cursor and a claim. */
async function prepared(clock = new VirtualClock()): Promise<MemoryMessageStore> {
  const store = new MemoryMessageStore({ clock });
  const log = await store.open("jobs");
  await log.append([0, 1_000, 5_000].map((delayMs) => ({ senderId: "w", content: delayMs, metadata: NO_METADATA, delayMs })));
  await log.moveCursor({ owner: "ann", name: "c" }, 1);
  await log.claim({ group: "g", readerId: "w", limit: 1, leaseMs: 60_000 });
  return store;
}

/** A store that loses one kind of parts when a log is put in. */
class LosingStore extends MemoryMessageStore {
  declare readonly portable: PortableLogs;

  constructor(lost: LogPart["part"]) {
    super();
    const whole = this.portable;
    this.portable = {
      steadyNow: () => whole.steadyNow(),
      exportLog: (channelId) => whole.exportLog(channelId),
      importLog: (channelId, parts) => whole.importLog(channelId, without(lost, parts)),
      rightNumbers: () => whole.rightNumbers(),
      raiseRightNumbers: (numbers) => whole.raiseRightNumbers(numbers),
    };
  }
}

async function* without(lost: LogPart["part"], parts: AsyncIterable<LogPart>): AsyncGenerator<LogPart> {
  for await (const part of parts) if (part.part !== lost) yield part;
}

describe("a copy of a log", () => {
  it.each(["cursors", "group"] as const)("is deleted again where the target has lost its %s", async (lost) => {
    const target = new LosingStore(lost);
    const error: unknown = await copyStore(await prepared(), target).catch((thrown: unknown) => thrown);
    expect(isSSSNError(error, "store_corrupted")).toBe(true);
    expect(await target.list()).toEqual([]);
  });

  it("is deleted again where the target can't read it", async () => {
    const target = new LosingStore("messages");
    await expect(copyStore(await prepared(), target)).rejects.toThrow();
    expect(await target.list()).toEqual([]);
  });

  it("stays where only its comparison was aborted: the next call compares it", async () => {
    const [source, target, controller] = [await prepared(), new MemoryMessageStore(), new AbortController()];
    const aborted = copyStore(source, target, {
      signal: controller.signal,
      onProgress: ({ phase }) => {
        if (phase === "checking") controller.abort(new Error("enough"));
      },
    });
    await expect(aborted).rejects.toThrow("enough");
    expect((await copyStore(source, target)).channels).toMatchObject([{ channelId: "jobs", wasThere: true }]);
  });

  it("has the digest of its source however far their clocks are apart, and however many parts come at once", async () => {
    const source = await prepared();
    const target = new MemoryMessageStore({ clock: new VirtualClock(Date.UTC(2031, 4, 1)) });
    const { channels } = await copyStore(source, target);
    const onePerPart = new LogDigest();
    for await (const part of target.portable.exportLog("jobs"))
      if (part.part === "messages") for (const message of part.messages) await onePerPart.add({ part: "messages", messages: [message] });
      else await onePerPart.add(part);
    expect([await digestLog(source.portable, "jobs"), await onePerPart.end()]).toEqual([channels[0]?.digest, channels[0]?.digest]);
  });

  it("has another digest where one moment is another, or anything else", async () => {
    const source = await prepared();
    const digestWith = async (change: (part: LogPart) => LogPart): Promise<string> => {
      const digest = new LogDigest();
      for await (const part of source.portable.exportLog("jobs")) await digest.add(change(part));
      return digest.end();
    };
    const changes: ((part: LogPart) => LogPart)[] = [
      (part) => part,
      (part) => (part.part === "log" ? { ...part, header: { ...part.header, newestTimestamp: 1 } } : part),
      (part) => (part.part === "cursors" ? { ...part, cursors: part.cursors.map((cursor) => ({ ...cursor, lost: 1 })) } : part),
      (part) => (part.part === "group" ? { ...part, kept: { ...part.kept, regime: { paused: true } } } : part),
      (part) =>
        part.part === "group"
          ? { ...part, kept: { ...part.kept, batches: part.kept.batches.map((batch) => ({ ...batch, expiresAt: batch.expiresAt + 1 })) } }
          : part,
    ];
    const digests = await Promise.all(changes.map(digestWith));
    expect(new Set(digests).size).toBe(changes.length);
  });
});
