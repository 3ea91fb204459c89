import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MemoryMessageStore, WorkQueueChannel, isSSSNError, silentLogger, type MessageStore } from "@sssn/core";
import { describe, expect, it, onTestFinished } from "vitest";
import { copyStore, openStore, type CopyProgress } from "../src/index.js";

async function addresses(): Promise<readonly [string, string]> {
  const folder = await mkdtemp(join(tmpdir(), "copy-store-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const address = (name: string): string => `level:${join(folder, name)}?durability=process`;
  return [address("from"), address("to")];
}

function queue(id: string, store: MessageStore): WorkQueueChannel<number> {
  return new WorkQueueChannel({ id, store, shared: true, logger: silentLogger });
}

/** Copies, and dies by the hand of nobody once it has taken out so many messages of a channel. */
const DYING = `
  const [from, to, channel, messages] = process.argv.slice(1);
  const { copyStore, openStore } = await import("@sssn/open-store");
  await copyStore(await openStore(from), await openStore(to), {
    onProgress: (progress) => {
      if (progress.channelId === channel && progress.messages >= Number(messages)) process.kill(process.pid, "SIGKILL");
    },
  });
`;

describe("copyStore()", () => {
  it("goes on after its process was killed in the middle: what was complete is recognised, and nothing else is to be seen", async () => {
    const [from, to] = await addresses();
    const source = await openStore(from, { logger: silentLogger });
    for (const [id, count] of [
      ["first", 10],
      ["second", 6_000],
    ] as const) {
      const channel = queue(id, source);
      await channel.start();
      await channel.writeBatch(
        "me",
        Array.from({ length: count }, (_, content) => ({ content })),
      );
      await channel.drain();
    }
    const claiming = queue("second", source);
    await claiming.start();
    const [claim] = await claiming.claim("worker", { leaseMs: 600_000 });
    await claiming.drain();
    await source.close();

    const child = spawn(process.execPath, ["--input-type=module", "-e", DYING, from, to, "second", "3000"], {
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      stdio: "ignore",
    });
    const [, signal] = (await once(child, "exit")) as [number | null, string | null];
    expect(signal).toBe("SIGKILL");

    await using again = await openStore(from, { logger: silentLogger });
    await using target = await openStore(to, { logger: silentLogger });
    expect(await target.list()).toEqual(["first"]);
    const { channels } = await copyStore(again, target);
    expect(channels.map(({ channelId, wasThere, messages }) => [channelId, wasThere, messages])).toEqual([
      ["first", true, 0],
      ["second", false, 6_000],
    ]);
    const moved = queue("second", target);
    await moved.start();
    expect(await moved.acknowledge("worker", [claim?.receipt ?? ""])).toMatchObject([{ status: "acknowledged" }]);
    await moved.drain();
  });

  it("tells how far it is, in every phase of every channel", async () => {
    const [from, to] = [new MemoryMessageStore(), new MemoryMessageStore()];
    for (const id of ["a", "b"]) {
      const channel = queue(id, from);
      await channel.start();
      await channel.write("me", 1);
      await channel.drain();
    }
    const told: CopyProgress[] = [];
    await copyStore(from, to, { onProgress: (progress) => told.push(progress) });
    expect(
      told.map(({ channelId, phase, messages, channelsDone, channels }) => [channelId, phase, messages, channelsDone, channels]),
    ).toEqual([
      ["a", "copying", 1, 0, 2],
      ["a", "checking", 1, 0, 2],
      ["a", "done", 1, 1, 2],
      ["b", "copying", 1, 1, 2],
      ["b", "checking", 1, 1, 2],
      ["b", "done", 1, 2, 2],
    ]);
  });

  it("refuses options that there are none of, one store for both, and a store whose logs can't be taken out", async () => {
    const store = new MemoryMessageStore();
    const { capabilities } = store;
    const other = { ...openOnly(store), capabilities };
    const calls = [
      () => copyStore(store, new MemoryMessageStore(), { chanels: ["a"] } as object),
      () => copyStore(store, store),
      () => copyStore(other, store),
      () => copyStore(store, other),
    ];
    for (const call of calls) expect(isSSSNError(await call().catch((error: unknown) => error), "invalid_argument")).toBe(true);
  });
});

/** A store that does what all have to, and no more. */
function openOnly(store: MessageStore): Omit<MessageStore, "capabilities"> {
  return {
    open: (channelId, options) => store.open(channelId, options),
    list: () => store.list(),
    delete: (channelId) => store.delete(channelId),
    hold: (name, ttlMs) => store.hold(name, ttlMs),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
  };
}
