import type { ScanCondition } from "@sssn/core";
import { READER, WRITER, contentsOf, fill, type ChannelGuarantee } from "./channel-guarantee.js";
import { equal, ok, refused } from "./expectations.js";

/** Looking at a channel without changing it. */
export const channelObserveGuarantees: readonly ChannelGuarantee[] = [
  {
    id: "channel/history-backwards",
    says: "shows its history forwards and backwards, and moves no cursor",
    kind: "work-queue",
    async prove(channel) {
      const port = await channel.as(READER);
      await fill(port, [1, 2, 3, 4]);
      equal(contentsOf((await port.history(READER, { after: 1, limit: 2 })).messages), [2, 3]);
      const page = await port.history(READER, { before: 5, limit: 3 });
      equal([contentsOf(page.messages), page.position], [[2, 3, 4], 2]);
      equal(contentsOf((await port.history(READER, { before: page.position })).messages), [1]);
      await refused(() => port.history(READER, { before: 2, after: 1 }), "invalid_argument");
    },
  },
  {
    id: "channel/locate",
    says: "finds the place of a time in its history, and moves nothing",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(READER);
      await fill(port, [1, 2]);
      const [first] = (await port.history(READER)).messages;
      equal((await port.locate(READER, { timestamp: 0 })).position, 0);
      const found = await port.locate(READER, { timestamp: (first?.timestamp ?? 0) + 60_000 });
      equal([found.position, found.first, found.last, found.cursor], [2, 1, 2, undefined]);
      await refused(() => port.locate(READER, { timestamp: -1 }), "invalid_argument");
    },
  },
  {
    id: "channel/scan",
    says: "finds the messages that satisfy all conditions, within bounds, and says how far it came",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(WRITER);
      await port.writeBatch(WRITER, [
        { content: { item: "tea", price: 3, tags: ["hot", "green"] }, correlationId: "c1" },
        { content: { item: "coffee", price: 4 }, metadata: { shop: "north" } },
        { content: { item: "cup", price: 10 } },
        { content: "no object" },
      ]);
      const find = async (...where: ScanCondition[]): Promise<number[]> =>
        (await port.scan(READER, { where })).messages.map(({ sequence }) => sequence);
      equal(await find({ path: "content.item", is: "equal", value: "tea" }), [1]);
      equal(await find({ path: "content.item", is: "different", value: "tea" }), [2, 3, 4]);
      equal(await find({ path: "content.price", is: "less", value: 10 }, { path: "content.price", is: "greater", value: 3 }), [2]);
      equal(await find({ path: "content.item", is: "containing", value: "c" }), [2, 3]);
      equal(await find({ path: "content.tags", is: "containing", value: "hot" }), [1]);
      equal(await find({ path: "metadata.shop", is: "there" }), [2]);
      equal(await find({ path: "correlationId", is: "missing" }, { path: "senderId", is: "equal", value: WRITER }), [2, 3, 4]);
      // Only what is there counts, and not what every object inherits.
      equal(await find({ path: "content.constructor", is: "there" }), []);
      const part = await port.scan(READER, { maxScanned: 2 });
      equal([contentsOf(part.messages).length, part.position, part.scanned, part.isComplete], [2, 2, 2, false]);
      const rest = await port.scan(READER, { after: part.position, limit: 1 });
      equal([rest.messages.map(({ sequence }) => sequence), rest.position, rest.isComplete], [[3], 3, false]);
      equal((await port.scan(READER, { after: 3 })).isComplete, true);
      await refused(() => port.scan(READER, { where: [{ path: "timestamp.x", is: "there" }] }), "invalid_argument");
      await refused(() => port.scan(READER, { where: [{ path: "content", is: "like" as "there" }] }), "invalid_argument");
      await refused(() => port.scan(READER, { maxMs: 0 }), "invalid_argument");
    },
  },
  {
    id: "channel/info-retention",
    says: "tells what its log keeps, and how often that is applied",
    kind: "passthrough",
    options: { retention: { maxCount: 3, maxAgeMs: 60_000 }, maintenanceIntervalMs: 5_000 },
    async prove(channel) {
      const { retention, maintenanceIntervalMs } = await (await channel.as(READER)).info(READER);
      equal([retention, maintenanceIntervalMs], [{ keepUnsettled: false, maxCount: 3, maxAgeMs: 60_000 }, 5_000]);
    },
  },
  {
    id: "channel/counts",
    says: "counts what it keeps and what its groups do, as its figures say it",
    kind: "work-queue",
    async prove(channel) {
      const port = await channel.as(WRITER);
      equal(
        (await port.counts(WRITER)).groups.map(({ group, ready }) => [group, ready]),
        [["default", 0]],
      );
      await fill(port, [1, 2, 3]);
      await (await channel.as(READER)).claim(READER, { limit: 2 });
      const { count, first, last, groups } = await port.counts(WRITER);
      equal([count, first, last], [3, 1, 3]);
      equal(
        groups.map(({ group, ready, claimed }) => [group, ready, claimed]),
        [["default", 1, 2]],
      );
      const { cursors: _cursors, groups: aged, ...figures } = await port.stats(WRITER);
      equal(await port.counts(WRITER), { ...figures, groups: aged.map(({ oldestUnfinishedMs: _age, ...group }) => group) });
    },
  },
  {
    id: "channel/cursors",
    says: "lists its readers' cursors page by page: how far they are, when they were moved, and what was removed before them",
    kind: "passthrough",
    async prove(channel) {
      const [reader, admin] = [await channel.as(READER), await channel.as(WRITER)];
      await fill(admin, [1, 2, 3, 4, 5]);
      await reader.commit(READER, 1);
      for (const cursor of ["b", "a"]) await reader.commit(READER, 5, { cursor });
      await admin.evict(WRITER, { maxCount: 2 });
      const first = await admin.cursors(WRITER, { limit: 2 });
      const second = await admin.cursors(WRITER, { limit: 2, ...(first.next === undefined ? {} : { after: first.next }) });
      equal(
        [...first.cursors, ...second.cursors].map(({ owner, name, sequence, lag, lost }) => [owner, name, sequence, lag, lost]),
        [
          [READER, "a", 5, 0, 0],
          [READER, "b", 5, 0, 0],
          [READER, READER, 1, 2, 2],
        ],
      );
      equal([second.next, (await admin.cursors(WRITER)).cursors.length], [undefined, 3]);
      const moved = first.cursors.map(({ movedAt }) => movedAt ?? 0);
      const { now } = await reader.positions(READER);
      ok(
        moved.every((at) => at > 0 && at <= now),
        `moved at ${moved.join()}, but it is ${now}`,
      );
      await refused(() => admin.cursors(WRITER, { limit: 0 }), "invalid_argument");
      await refused(() => admin.cursors(WRITER, { limit: 1_001 }), "invalid_argument");
      await refused(() => admin.cursors(WRITER, { after: "nothing of a page" }), "invalid_argument");
    },
  },
];
