import { claimSome, claimed, equal, readAll, release, sequences, settle } from "./expectations.js";
import type { Guarantee } from "./guarantee.js";
import { draft } from "./harness.js";

/** Messages that are of no use after a while. */
export const timeToLiveGuarantees: readonly Guarantee[] = [
  {
    id: "store/ttl",
    says: "hands no message out after its time to live, keeps it in the log, and finds what is behind it",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft("short", { ttlMs: 1_000 }), draft("long", { ttlMs: 60_000 }), draft("for ever")]);
      await bench.clock.advance(999);
      equal(claimed(await claimSome(log, "early", 1, { group: "early" })), [1]);
      await bench.clock.advance(1);
      equal(claimed(await claimSome(log, "w", 1)), [2]);
      equal(claimed(await claimSome(log, "w", 10)), [3]);
      equal(sequences(await readAll(log)), [1, 2, 3]);
    },
  },
  {
    id: "store/ttl-returned",
    says: "does not hand out again what came back after its time to live",
    async prove(bench) {
      const log = await bench.open("orders", { maxDeliveries: 1 });
      await log.append([draft("a", { ttlMs: 1_000 }), draft("b", { ttlMs: 1_000, delayMs: 5_000 }), draft("c")]);
      await release(log, "w", await claimSome(log, "w", 1, { group: "default" }), 0);
      equal(await log.requeue("default"), 1);
      await bench.clock.advance(5_000);
      equal(claimed(await claimSome(log, "w", 10)), [3]);
    },
  },
  {
    id: "store/ttl-every",
    says: "answers with nothing where everything is past its time, however much that is",
    async prove(bench) {
      const log = await bench.open();
      await log.append(Array.from({ length: 700 }, (_, index) => draft(index, { ttlMs: 1_000 })));
      await bench.clock.advance(1_000);
      equal(claimed(await claimSome(log, "w", 10)), []);
      await log.append([draft("after")]);
      equal(claimed(await claimSome(log, "w", 10)), [701]);
    },
  },
  {
    id: "store/ttl-clock",
    says: "judges a time to live by the log's clock, which a wall clock that is set back does not hold up",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft("a", { ttlMs: 10_000 })]);
      bench.clock.stepWall(-7_200_000);
      await bench.clock.advance(9_999);
      equal(claimed(await claimSome(log, "early", 1, { group: "early" })), [1]);
      await bench.clock.advance(1);
      equal(claimed(await claimSome(log, "w", 1)), []);
    },
  },
  {
    id: "store/ttl-stats",
    says: "counts what is past its time as expired, and in no group as work, whether the group was there before or not",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft("a", { ttlMs: 1_000 }), draft("b", { ttlMs: 1_000, delayMs: 60_000 }), draft("c")]);
      await claimSome(log, "w", 1, { group: "before", leaseMs: 60_000 });
      await bench.clock.advance(1_000);
      const { oldestUnfinishedMs: _age, totals: _totals, ...untouched } = await log.untouched();
      equal(untouched, { ready: 1, claimed: 0, delayed: 0, dead: 0 });
      await claimSome(log, "w", 1, { group: "behind" });
      const { expired, count, groups } = await log.stats();
      equal([expired, count], [2, 3]);
      equal(
        groups.map(({ group, ready, claimed: held, delayed }) => [group, ready, held, delayed]),
        [
          ["before", 1, 1, 0],
          ["behind", 0, 1, 0],
        ],
      );
      equal(await log.remove([(await readAll(log))[0]?.id ?? ""]), 1);
      equal((await log.stats()).expired, 1);
    },
  },
  {
    id: "store/ttl-retention",
    says: "does not keep what is past its time as unfinished work",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft("a", { ttlMs: 1_000 }), draft("b")]);
      equal(await log.evict({ maxCount: 0, keepUnsettled: true }), 0);
      await bench.clock.advance(60_000);
      equal(await log.evict({ maxCount: 0, keepUnsettled: true }), 1);
      equal(sequences(await readAll(log)), [2]);
      await log.append([draft("c", { ttlMs: 1_000 })]);
      await claimSome(log, "w", 2, { leaseMs: 500 });
      await bench.clock.advance(60_000);
      equal(await log.evict({ maxCount: 0, keepUnsettled: true }), 1);
      equal(sequences(await readAll(log)), [2]);
    },
  },
  {
    id: "store/ttl-held",
    says: "lets its holder settle what goes off under a lease, and hands it to nobody else",
    async prove(bench) {
      const log = await bench.open("orders", { maxDeliveries: 2 });
      await log.append([
        draft("done", { ttlMs: 1_000 }),
        draft("given back", { ttlMs: 1_000 }),
        draft("dead", { ttlMs: 1_000, id: "dead" }),
      ]);
      const claims = await claimSome(log, "w", 3);
      await bench.clock.advance(1_000);
      equal(await settle(log, "w", claims.slice(0, 1)), ["acknowledged"]);
      equal(await release(log, "w", claims.slice(1, 2)), ["released"]);
      equal(await settle(log, "w", claims.slice(2), "dead-letter"), ["dead_lettered"]);
      equal(claimed(await claimSome(log, "w", 10)), []);
      equal([await log.requeue("default"), (await log.dead("default", { limit: 10 })).length], [0, 1]);
    },
  },
  {
    id: "store/ttl-restart",
    says: "knows after a restart how long a message is of use",
    needs: "durable",
    async prove(bench) {
      await (await bench.open()).append([draft("short", { ttlMs: 1_000 }), draft("long", { ttlMs: 60_000 })]);
      const written = await readAll(await bench.open());
      await bench.restart();
      await bench.clock.advance(1_000);
      const log = await bench.open();
      equal(await readAll(log), written);
      equal(claimed(await claimSome(log, "w", 10)), [2]);
      await bench.restart();
      equal((await (await bench.open()).stats()).expired, 1);
      equal(claimed(await claimSome(await bench.open(), "w", 10, { group: "later" })), [2]);
    },
  },
];
