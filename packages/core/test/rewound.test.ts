import { describe, expect, it, onTestFinished } from "vitest";
import { ChannelClient, LogReader, MemoryMessageStore, PassthroughChannel, silentLogger, type ChannelMessage } from "../src/index.js";

const logger = silentLogger;

async function channelOf(store: MemoryMessageStore) {
  const channel = new PassthroughChannel<number>({ id: "news", store, logger });
  await channel.start();
  onTestFinished(async () => void (await channel.drain()));
  for (const content of [1, 2, 3, 4]) await channel.write("w", content);
  return channel;
}

describe("a channel whose log has lost messages that it had acknowledged", () => {
  it("tells who holds a position of what was lost, and nobody else", async () => {
    const store = new MemoryMessageStore();
    const channel = await channelOf(store);
    const { log } = await channel.positions("r");
    store.rewind("news", 2);
    await channel.write("w", 30);
    const lost = { code: "log_rewound", details: { last: 2 } };
    await expect(channel.read("r", { after: 3, log })).rejects.toMatchObject(lost);
    await expect(channel.read("r", { commit: 3, log })).rejects.toMatchObject(lost);
    await expect(channel.commit("r", 4, { log })).rejects.toMatchObject(lost);
    await expect(channel.subscribe("r", () => {}, { from: { after: 3 }, log })).rejects.toMatchObject(lost);
    expect((await channel.read("r", { after: 2, log })).messages.map(({ content }) => content)).toEqual([30]);
    expect(await channel.commit("r", 2, { log })).toBe(2);
    const positions = await channel.positions("r");
    expect([positions.last, positions.predecessors]).toEqual([3, [{ identity: log, last: 2 }]]);
    await expect(channel.read("r", { after: 1, log: "another" })).rejects.toMatchObject({ code: "log_replaced" });
  });

  it("ends a subscription that had been given what was lost, and goes on with one that wants that", async () => {
    const store = new MemoryMessageStore();
    const channel = await channelOf(store);
    const seen: Record<string, number[]> = { ends: [], goesOn: [] };
    const into =
      (name: string) =>
      ({ content }: ChannelMessage<number>) =>
        void seen[name]?.push(content);
    const ends = await channel.subscribe("a", into("ends"), { from: "start" });
    await channel.subscribe("b", into("goesOn"), { from: "start", ifReplaced: "start" });
    await expect.poll(() => seen).toEqual({ ends: [1, 2, 3, 4], goesOn: [1, 2, 3, 4] });
    store.rewind("news", 2);
    await channel.write("w", 30);
    await channel.write("w", 40);
    await channel.write("w", 50);
    await expect(ends.closed).rejects.toMatchObject({ code: "log_rewound", details: { last: 2 } });
    await expect.poll(() => seen["goesOn"]).toEqual([1, 2, 3, 4, 30, 40, 50]);
    expect(seen["ends"]).toEqual([1, 2, 3, 4]);
  });

  it("keeps the cursor of who was at what was lost before all that came in its place", async () => {
    const store = new MemoryMessageStore();
    const channel = await channelOf(store);
    let goOn: () => void = () => {};
    const busy = new Promise<void>((resolve) => (goOn = resolve));
    const begun: number[] = [];
    const at4 = async ({ content }: ChannelMessage<number>): Promise<void> => {
      begun.push(content);
      if (content === 4) await busy;
    };
    const ends = await channel.subscribe("a", at4, { from: "start", cursor: "a" });
    const goesOn = await channel.subscribe("b", at4, { from: "start", cursor: "b", ifReplaced: "start" });
    await expect.poll(() => begun.filter((content) => content === 4)).toEqual([4, 4]);
    store.rewind("news", 2);
    for (const content of [30, 40, 50]) await channel.write("w", content);
    goOn();
    await expect(ends.closed).rejects.toMatchObject({ code: "log_rewound", details: { last: 2 } });
    expect((await channel.positions("a", { cursor: "a" })).cursor).toBe(2);
    await expect.poll(async () => (await channel.positions("b", { cursor: "b" })).cursor).toBe(5);
    expect(begun.slice(-3)).toEqual([30, 40, 50]);
    await goesOn.close();
  });

  it("lets a client that reads on be told once, and read what came in the place of what was lost", async () => {
    const store = new MemoryMessageStore();
    const channel = await channelOf(store);
    const client = new ChannelClient("reader");
    client.connect(channel);
    expect((await client.read("news")).position).toBe(4);
    store.rewind("news", 2);
    await channel.write("w", 30);
    await expect(client.read("news")).rejects.toMatchObject({ code: "log_rewound" });
    expect((await client.read<number>("news")).messages.map(({ content }) => content)).toEqual([1, 2, 30]);
  });

  it("is read anew by an index of it", async () => {
    const store = new MemoryMessageStore();
    const channel = await channelOf(store);
    let contents: unknown[] = [];
    const reader = new LogReader(channel, "index", { apply: ({ content }) => contents.push(content), clear: () => (contents = []) });
    await reader.refresh();
    store.rewind("news", 1);
    await channel.write("w", 20);
    await reader.refresh();
    expect(contents).toEqual([1, 20]);
  });
});
