import type { Guarantee } from "./guarantee.js";
import { claimSome, claimed, equal, readAll, refused, sequences, settle } from "./expectations.js";
import { draft, fill } from "./harness.js";

/** Cursors, and what is removed. */
export const retentionGuarantees: readonly Guarantee[] = [
  {
    id: "store/cursors",
    says: "keeps cursors by owner and name, forwards only unless they may rewind (W42)",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 5);
      const key = { owner: "reader", name: "main" };
      equal(await log.cursor(key), undefined);
      equal(await log.moveCursor(key, 3), 3);
      equal(await log.moveCursor(key, 2), 3);
      equal(await log.moveCursor(key, 1, { rewind: true }), 1);
      equal(await log.cursor({ owner: "reader", name: "other" }), undefined);
      equal(await log.cursor({ owner: "other", name: "main" }), undefined);
      await refused(() => log.moveCursor(key, 6), "position_ahead");
      equal(await log.cursor(key), 1);
    },
  },
  {
    id: "store/sequences-never-reused",
    says: "goes on counting after everything was removed",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 3);
      equal(await log.evict({ maxCount: 0 }), 3);
      equal(await log.bounds(), { first: 4, last: 3 });
      equal((await log.append([draft("next")]))[0]?.sequence, 4);
    },
  },
  {
    id: "store/skipped",
    says: "says how many messages a late reader has missed (W03)",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 5);
      await log.evict({ maxCount: 2 });
      const page = await log.read({ after: 1, limit: 10 });
      equal([sequences(page.messages), page.skipped], [[4, 5], 2]);
      const current = await log.read({ after: 3, limit: 10 });
      equal([sequences(current.messages), current.skipped], [[4, 5], 0]);
    },
  },
  {
    id: "store/retention-count",
    says: "keeps the newest messages of a bounded number",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 10);
      equal(await log.evict({ maxCount: 4 }), 6);
      equal(sequences(await readAll(log)), [7, 8, 9, 10]);
      equal(await log.evict({ maxCount: 4 }), 0);
    },
  },
  {
    id: "store/retention-at-once",
    says: "removes no more than the bound asks for where several remove at once",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 12);
      const ids = (await readAll(log)).slice(0, 2).map(({ id }) => id);
      const removed = await Promise.all([
        log.evict({ maxCount: 5 }),
        log.remove(ids),
        log.evict({ maxCount: 5 }),
        log.evict({ maxCount: 5 }),
      ]);
      equal(sequences(await readAll(log)), [8, 9, 10, 11, 12]);
      equal(
        removed.reduce((sum, count) => sum + count, 0),
        7,
      );
    },
  },
  {
    id: "store/retention-pieces",
    says: "removes piece by piece for whoever asks for no more at once, the oldest first, and says how much it was",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 1_203);
      const pieces = [];
      for (let removed = 600; removed === 600;) pieces.push((removed = await log.evict({ maxCount: 2 }, { most: 600 })));
      equal(
        [pieces, sequences(await readAll(log))],
        [
          [600, 600, 1],
          [1_202, 1_203],
        ],
      );
      await fill(log, 4);
      equal(await log.evict({ maxCount: 1 }, { most: 2 }), 2);
      equal((await log.bounds()).first, 1_204);
    },
  },
  {
    id: "store/retention-age",
    says: "removes what is older than the bound, and keeps what is exactly as old",
    async prove(bench) {
      const log = await bench.open();
      const now = bench.clock.now();
      for (const age of [3_000, 2_000, 1_000]) await log.append([draft(age, { timestamp: now - age })]);
      equal(await log.evict({ maxAgeMs: 2_000 }), 1);
      equal(
        (await readAll(log)).map(({ content }) => content),
        [2_000, 1_000],
      );
    },
  },
  {
    id: "store/retention-bytes",
    says: "keeps the newest messages within a bounded number of bytes",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 10);
      const { bytes } = await log.stats();
      await log.evict({ maxBytes: Math.floor(bytes / 2) });
      const after = await log.stats();
      equal([after.bytes <= bytes / 2, after.count >= 3, after.last], [true, true, 10]);
    },
  },
  {
    id: "store/retention-unsettled",
    says: "removes only settled messages where unfinished work is to be kept",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 6);
      equal(await log.evict({ maxCount: 0, keepUnsettled: true }), 0);
      const claims = await claimSome(log, "w", 4);
      await settle(
        log,
        "w",
        [claims[1], claims[3]].flatMap((claim) => claim ?? []),
      );
      equal(await log.evict({ maxCount: 0, keepUnsettled: true }), 2);
      equal(sequences(await readAll(log)), [1, 3, 5, 6]);
      equal(
        await settle(
          log,
          "w",
          [claims[0], claims[2]].flatMap((claim) => claim ?? []),
        ),
        ["acknowledged", "acknowledged"],
      );
      equal(await log.evict({ maxCount: 0, keepUnsettled: true }), 2);
      equal(claimed(await claimSome(log, "w", 10)), [5, 6]);
    },
  },
  {
    id: "store/remove",
    says: "removes by id, ignores unknown ids, and leaves no claim behind",
    async prove(bench) {
      const log = await bench.open();
      await log.append(["a", "b", "c"].map((id) => draft(id, { id })));
      const claims = await claimSome(log, "w", 1);
      equal(await log.remove(["a", "b", "nothing", "b"]), 2);
      equal(sequences(await readAll(log)), [3]);
      equal(await settle(log, "w", claims), ["lost"]);
      equal(claimed(await claimSome(log, "w", 10)), [3]);
      equal(await log.get("a"), undefined);
    },
  },
  {
    id: "store/remove-middle",
    says: "reads, claims and counts on across holes",
    async prove(bench) {
      const log = await bench.open();
      await log.append(["a", "b", "c", "d", "e"].map((id) => draft(id, { id })));
      await log.remove(["b", "d"]);
      equal(sequences(await readAll(log)), [1, 3, 5]);
      equal((await log.read({ after: 1, limit: 1 })).position, 3);
      equal(claimed(await claimSome(log, "w", 10)), [1, 3, 5]);
      const { count, first, last } = await log.stats();
      equal([count, first, last], [3, 1, 5]);
    },
  },
  {
    id: "store/stats",
    says: "counts what is kept, each group's work and each cursor's lag",
    async prove(bench) {
      const log = await bench.open();
      for (let index = 0; index < 6; index++)
        await log.append([draft(index, { timestamp: bench.clock.now(), ...(index === 5 ? { delayMs: 60_000 } : {}) })]);
      await log.moveCursor({ owner: "r", name: "r" }, 2);
      const claims = await claimSome(log, "w", 4);
      await settle(log, "w", claims.slice(0, 1));
      await settle(log, "w", claims.slice(1, 2), "dead-letter");
      await bench.clock.advance(5_000);
      const { count, first, last, groups, cursors } = await log.stats();
      equal([count, first, last], [6, 1, 6]);
      equal(
        groups.map(({ group, claimed: held, dead, ready, delayed, oldestUnfinishedMs }) => ({
          group,
          held,
          dead,
          waiting: ready + delayed,
          oldestUnfinishedMs,
        })),
        [{ group: "default", held: 2, dead: 1, waiting: 2, oldestUnfinishedMs: 5_000 }],
      );
      equal(
        cursors.map(({ movedAt: _movedAt, ...cursor }) => cursor),
        [{ owner: "r", name: "r", sequence: 2, lag: 4, lagMs: 5_000, distanceToRetention: 2, lost: 0 }],
      );
    },
  },
];
