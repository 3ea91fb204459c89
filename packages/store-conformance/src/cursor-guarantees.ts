import type { ChannelLog, CursorInfo } from "@sssn/core";
import { claimSome, equal, ok, settle } from "./expectations.js";
import type { Guarantee } from "./guarantee.js";
import { draft, fill } from "./harness.js";

const READER = { owner: "r", name: "r" };

async function readerOf(log: ChannelLog): Promise<CursorInfo> {
  const found = (await log.cursors({ limit: 10 })).find(({ owner, name }) => owner === READER.owner && name === READER.name);
  if (!found) throw new Error("the cursor is not listed");
  return found;
}

/** What a log tells of its cursors. */
export const cursorGuarantees: readonly Guarantee[] = [
  {
    id: "store/cursor-pages",
    says: "lists cursors by owner and name, page by page, also behind one that is gone",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 5);
      const keys = [
        ["b", "x"],
        ["a", "y"],
        ["ab", "a"],
        ["a", "x"],
        ["a-", "z"],
        ["B", "x"],
      ] as const;
      for (const [index, [owner, name]] of keys.entries()) await log.moveCursor({ owner, name }, index);
      const page = async (limit: number, after?: readonly [string, string]): Promise<string[]> =>
        (await log.cursors({ limit, ...(after ? { after: { owner: after[0], name: after[1] } } : {}) })).map(
          ({ owner, name, sequence, lag }) => `${owner} ${name} ${sequence} ${lag}`,
        );
      const all = ["B x 5 0", "a x 3 2", "a y 1 4", "a- z 4 1", "ab a 2 3", "b x 0 5"];
      equal(await page(100), all);
      equal(await page(2), all.slice(0, 2));
      equal(await page(3, ["a", "x"]), all.slice(2, 5));
      equal(await log.deleteCursor({ owner: "a", name: "y" }), true);
      equal(await log.deleteCursor({ owner: "a", name: "y" }), false);
      equal(await page(100, ["a", "y"]), all.slice(3));
      equal(await page(100, ["b", "x"]), []);
    },
  },
  {
    id: "store/cursor-moved-at",
    says: "knows by its own clock when a cursor was moved last; a commit of where it stands is no move",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 5);
      const moved = async (sequence: number, rewind: boolean): Promise<number> => {
        const before = log.now();
        await log.moveCursor(READER, sequence, { rewind });
        const { movedAt = -1 } = await readerOf(log);
        ok(movedAt >= before && movedAt <= log.now(), `moved at ${movedAt}, and not from ${before} to ${log.now()}`);
        return movedAt;
      };
      const first = await moved(3, false);
      await bench.clock.advance(5_000);
      equal(await log.moveCursor(READER, 3), 3);
      equal(await log.moveCursor(READER, 2), 3);
      equal((await readerOf(log)).movedAt, first);
      const second = await moved(4, false);
      ok(second >= first + 5_000, "it was moved 5 s later");
      await bench.clock.advance(5_000);
      ok((await moved(1, true)) >= second + 5_000, "it was moved back another 5 s later");
    },
  },
  {
    id: "store/cursor-lost",
    says: "counts what was removed while a cursor stood before it, and nothing that it was past or that was gone already",
    async prove(bench) {
      const log = await bench.open();
      await log.append(Array.from({ length: 10 }, (_, index) => draft(index, { id: `m${index + 1}` })));
      await log.moveCursor(READER, 2);
      await log.evict({ maxCount: 8 });
      equal((await readerOf(log)).lost, 0);
      await log.evict({ maxCount: 5 });
      const { lost, lag, distanceToRetention } = await readerOf(log);
      equal([lost, lag, distanceToRetention], [3, 5, 0]);
      await log.remove(["m9", "m1"]);
      equal((await readerOf(log)).lost, 4);
      await log.moveCursor(READER, 7);
      equal((await readerOf(log)).lost, 4);
      await log.moveCursor(READER, 0, { rewind: true });
      equal((await readerOf(log)).lost, 4);
      await log.moveCursor({ owner: "new", name: "new" }, 6);
      equal(
        (await log.cursors({ limit: 10 })).map(({ owner, lost: gone }) => [owner, gone]),
        [
          ["new", 0],
          ["r", 4],
        ],
      );
      await log.evict({ maxCount: 1 });
      equal(
        (await log.cursors({ limit: 10 })).map(({ owner, lost: gone }) => [owner, gone]),
        [
          ["new", 2],
          ["r", 7],
        ],
      );
    },
  },
  {
    id: "store/cursor-made-anew",
    says: "forgets with a cursor what it has lost and when it was moved",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 5);
      await log.moveCursor(READER, 1);
      await log.evict({ maxCount: 2 });
      const { movedAt = 0 } = await readerOf(log);
      await log.deleteCursor(READER);
      equal(await log.cursors({ limit: 10 }), []);
      await bench.clock.advance(1_000);
      await log.moveCursor(READER, 1);
      const again = await readerOf(log);
      equal([again.lost, (again.movedAt ?? 0) >= movedAt + 1_000], [0, true]);
    },
  },
  {
    id: "store/restart-cursor-traces",
    says: "knows after a restart when a cursor was moved, and what it has lost before and since",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open();
      await fill(before, 10);
      await before.moveCursor(READER, 1);
      await before.evict({ maxCount: 6 });
      await before.moveCursor(READER, 2);
      await before.evict({ maxCount: 5 });
      const { movedAt, lost } = await readerOf(before);
      equal([lost, movedAt !== undefined], [4, true]);
      await bench.restart();
      const log = await bench.open();
      await log.evict({ maxCount: 3 });
      const after = await readerOf(log);
      equal([after.movedAt, after.sequence, after.lost], [movedAt, 2, 6]);
      await log.moveCursor(READER, 8);
      equal((await readerOf(log)).lost, 6);
    },
  },
  {
    id: "store/counts",
    says: "counts the same without looking at messages as with it",
    async prove(bench) {
      const log = await bench.open();
      for (let index = 0; index < 6; index++)
        await log.append([draft(index, { ...(index === 5 ? { delayMs: 60_000 } : {}), ...(index === 0 ? { ttlMs: 1_000 } : {}) })]);
      await settle(log, "w", (await claimSome(log, "w", 3)).slice(0, 1), "dead-letter");
      await log.moveCursor(READER, 2);
      await bench.clock.advance(2_000);
      const counts = await log.counts();
      const { cursors, groups, ...figures } = await log.stats();
      equal(counts, { ...figures, groups: groups.map(({ oldestUnfinishedMs: _oldestUnfinishedMs, ...group }) => group) });
      equal([counts.count, counts.last, counts.expired, counts.groups[0]?.claimed, cursors.length], [6, 6, 1, 2, 1]);
    },
  },
];
