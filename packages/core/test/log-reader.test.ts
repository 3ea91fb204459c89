import { describe, expect, it, onTestFinished } from "vitest";
import { LogReader, MemoryMessageStore, PassthroughChannel, silentLogger, type ChannelMessage, type ChannelPort } from "../src/index.js";

/** A channel whose page holds two messages for all their bytes, and an index of it. */
async function setting() {
  const channel = new PassthroughChannel({ id: "c", store: new MemoryMessageStore(), logger: silentLogger, maxPageBytes: 250 });
  await channel.start();
  onTestFinished(async () => {
    await channel.drain();
  });
  const seen: unknown[] = [];
  const index = { apply: ({ content }: ChannelMessage<unknown>) => void seen.push(content), clear: () => void seen.splice(0) };
  const write = async (...numbers: readonly number[]): Promise<void> => {
    for (const number of numbers) await channel.write("w", [number, "x".repeat(50)]);
  };
  const numbers = (): unknown[] => seen.map((content) => (content as [number])[0]);
  return { channel, index, write, numbers };
}

describe("a reader of a log", () => {
  it("reads to its end also where pages are short because they are full of bytes", async () => {
    const { channel, index, write, numbers } = await setting();
    await write(1, 2, 3, 4, 5);
    expect((await channel.read("r", { after: 0 })).messages.length).toBeLessThan(5);
    const reader = new LogReader(channel as ChannelPort, "r", index);
    await reader.refresh();
    expect([numbers(), reader.position]).toEqual([[1, 2, 3, 4, 5], 5]);
    await write(6);
    await reader.refresh();
    expect(numbers()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("takes each message in once and in order, however many ask at once", async () => {
    const { channel, index, write, numbers } = await setting();
    await write(1, 2, 3, 4, 5, 6, 7);
    const reader = new LogReader(channel as ChannelPort, "r", index);
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        await reader.refresh();
        expect(numbers()).toHaveLength(7);
      }),
    );
    expect(numbers()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it("begins anew with another log", async () => {
    const { channel, index, write, numbers } = await setting();
    const other = await setting();
    await write(1, 2, 3);
    await other.write(7, 8);
    let current: PassthroughChannel = channel;
    const moved = { positions: (id: string) => current.positions(id), read: (id: string, options: object) => current.read(id, options) };
    const reader = new LogReader(moved as unknown as ChannelPort, "r", index);
    await reader.refresh();
    current = other.channel;
    await Promise.all([reader.refresh(), reader.refresh()]);
    expect([numbers(), reader.position]).toEqual([[7, 8], 2]);
  });
});
