import type { Guarantee } from "./guarantee.js";
import { claimSome, claimed, equal, readAll, release, sequences, settle } from "./expectations.js";
import { draft, fill } from "./harness.js";

/** Messages that nobody could deal with. */
export const deadLetterGuarantees: readonly Guarantee[] = [
  {
    id: "store/dead-letters",
    says: "lists dead letters with their reason, keeps them out of work, and requeues them",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft("a", { id: "a" }), draft("b", { id: "b" })]);
      const claims = await claimSome(log, "w", 2);
      await log.settle(
        "default",
        "w",
        claims.map(({ receipt }) => ({ receipt, action: "dead-letter", reason: "no use" })),
      );
      equal(
        (await log.dead("default", { limit: 10 })).map(({ message, deliveries, reason }) => [message.id, deliveries, reason]),
        [
          ["a", 1, "no use"],
          ["b", 1, "no use"],
        ],
      );
      equal(claimed(await claimSome(log, "w", 10)), []);
      equal(await log.requeue("default", ["b", "nothing"]), 1);
      const again = await claimSome(log, "w", 10);
      equal(
        again.map(({ message, deliveries }) => [message.id, deliveries]),
        [["b", 1]],
      );
      equal(await log.requeue("default"), 1);
      equal(await log.requeue("default"), 0);
    },
  },
  {
    id: "store/dead-by-deliveries",
    says: "makes a message a dead letter when its last delivery ends, by itself, and counts no more deliveries than there were",
    async prove(bench) {
      const log = await bench.open("orders", { maxDeliveries: 2 });
      await fill(log, 1);
      await log.settle(
        "default",
        "w",
        (await claimSome(log, "w", 1)).map(({ receipt }) => ({ receipt, action: "release", delayMs: 0, reason: "no paper" })),
      );
      await claimSome(log, "w", 1, { leaseMs: 1_000 });
      await bench.clock.advance(1_000);
      const [group] = (await log.stats()).groups;
      equal([group?.ready, group?.claimed, group?.dead], [0, 0, 1]);
      const [letter] = await log.dead("default", { limit: 10 });
      equal([letter?.deliveries, letter?.reason, letter?.diedAt === undefined], [2, "no paper", false]);
      equal(claimed(await claimSome(log, "w", 1)), []);
      equal(await log.requeue("default"), 1);
      equal(
        (await claimSome(log, "w", 1)).map(({ deliveries }) => deliveries),
        [1],
      );
    },
  },
  {
    id: "store/dead-reason",
    says: "keeps the reason of the last failure that gave one, and says so itself where none did",
    async prove(bench) {
      const log = await bench.open("orders", { maxDeliveries: 2 });
      await fill(log, 2);
      for (const reason of ["first", "last"]) {
        const [told, silent] = await claimSome(log, "w", 2);
        await log.settle("default", "w", [
          { receipt: told?.receipt ?? "", action: "release", delayMs: 0, reason },
          { receipt: silent?.receipt ?? "", action: "release", delayMs: 0 },
        ]);
      }
      equal(
        (await log.dead("default", { limit: 10 })).map(({ reason }) => reason),
        ["last", "delivered 2 times without an acknowledgement"],
      );
    },
  },
  {
    id: "store/dead-policy",
    says: "holds what came back under another bound to the bound of today, and keeps that bound for whoever opens without one",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 2);
      for (let round = 0; round < 3; round++) await release(log, "w", await claimSome(log, "w", 1));
      equal(await log.dead("default", { limit: 10 }), []);
      await bench.open("orders", { maxDeliveries: 3 });
      equal(
        (await log.dead("default", { limit: 10 })).map(({ message, deliveries }) => [message.sequence, deliveries]),
        [[1, 3]],
      );
      await bench.open();
      for (let round = 0; round < 3; round++) await release(log, "w", await claimSome(log, "w", 1));
      equal((await log.dead("default", { limit: 10 })).length, 2);
    },
  },
  {
    id: "store/dead-names",
    says: "gives each death a name of its own, in each group and after each requeue, and knows which were copied elsewhere",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft("a", { id: "a" }), draft("b", { id: "b" })]);
      const kill = async (group: string): Promise<readonly (string | undefined)[]> => {
        await settle(log, "w", await claimSome(log, "w", 2, { group }), "dead-letter", group);
        return (await log.dead(group, { limit: 10, pending: true })).map(({ deathId }) => deathId);
      };
      const names = [...(await kill("billing")), ...(await kill("shipping"))];
      await log.forwarded("billing", ["a", "nothing"]);
      equal(
        (await log.dead("billing", { limit: 10, pending: true })).map(({ message }) => message.id),
        ["b"],
      );
      equal((await log.dead("billing", { limit: 10 })).length, 2);
      equal((await log.dead("shipping", { limit: 10, pending: true })).length, 2);
      equal(await log.requeue("billing"), 2);
      names.push(...(await kill("billing")));
      equal([names.includes(undefined), new Set(names).size], [false, 6]);
    },
  },
  {
    id: "store/dead-retention",
    says: "keeps dead letters, whatever the other bounds, until a person removes them or the bound for dead letters is reached",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft("a", { id: "a" }), draft("b", { id: "b" }), draft("c", { id: "c" })]);
      await settle(log, "w", await claimSome(log, "w", 2), "dead-letter");
      await bench.clock.advance(60_000);
      equal(await log.evict({ maxCount: 0, maxAgeMs: 0, maxBytes: 0 }), 1);
      equal(sequences(await readAll(log)), [1, 2]);
      equal(await log.evict({ maxCount: 0, maxDeadAgeMs: 60_001 }), 0);
      equal(await log.remove(["a"]), 1);
      equal((await log.dead("default", { limit: 10 })).length, 1);
      await bench.clock.advance(10);
      equal(await log.evict({ maxCount: 0, maxDeadAgeMs: 60_001 }), 1);
      equal([await readAll(log), await log.dead("default", { limit: 10 })], [[], []]);
    },
  },
  {
    id: "store/dead-beside-bounds",
    says: "does not count dead letters towards the other bounds, so that they push nothing else out",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 5);
      await settle(log, "w", await claimSome(log, "w", 3), "dead-letter");
      equal(await log.evict({ maxCount: 2 }), 0);
      equal(await log.evict({ maxCount: 1 }), 1);
      equal(sequences(await readAll(log)), [1, 2, 3, 5]);
      const { bytes } = await log.stats();
      equal(await log.evict({ maxBytes: Math.ceil(bytes / 4) + 1 }), 0);
      equal(await log.evict({ maxBytes: 0 }), 1);
    },
  },
  {
    id: "store/dead-unnoticed",
    says: "keeps what became a dead letter and nobody has looked at since",
    async prove(bench) {
      const log = await bench.open("orders", { maxDeliveries: 1 });
      await fill(log, 2);
      await claimSome(log, "w", 1, { leaseMs: 1_000 });
      await bench.clock.advance(1_000);
      equal(await log.evict({ maxCount: 0 }), 1);
      equal((await log.dead("default", { limit: 10 })).length, 1);
    },
  },
  {
    id: "store/dead-crash",
    says: "tells no death under a name that it forgets in a crash, so that a copy under that name is made once",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open("orders", { maxDeliveries: 1 });
      await fill(before, 2);
      await claimSome(before, "w", 2, { leaseMs: 1_000 });
      await bench.clock.advance(1_000);
      const names = (await before.dead("default", { limit: 10 })).map(({ deathId }) => deathId);
      equal([new Set(names).size, names.includes(undefined)], [2, false]);
      await bench.crash();
      const log = await bench.open("orders", { maxDeliveries: 1 });
      equal(
        (await log.dead("default", { limit: 10, pending: true })).map(({ deathId }) => deathId),
        names,
      );
    },
  },
  {
    id: "store/dead-reason-restart",
    says: "keeps the reason of the last failure also when the message was claimed again before the restart",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open("orders", { maxDeliveries: 2 });
      await fill(before, 2);
      const [told] = await claimSome(before, "w", 2);
      await before.settle("default", "w", [{ receipt: told?.receipt ?? "", action: "release", delayMs: 0, reason: "no paper" }]);
      await claimSome(before, "w", 1, { leaseMs: 1_000 });
      await bench.restart();
      await bench.clock.advance(1_000);
      const log = await bench.open("orders", { maxDeliveries: 2 });
      equal(
        (await log.dead("default", { limit: 10 })).map(({ message, reason }) => [message.sequence, reason]),
        [[1, "no paper"]],
      );
    },
  },
  {
    id: "store/dead-restart",
    says: "keeps what is known of a dead letter: when it died, of what, under which name, and whether it was copied",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open("orders", { maxDeliveries: 1 });
      await before.append([draft("a", { id: "a" }), draft("b", { id: "b" })]);
      await release(before, "w", await claimSome(before, "w", 2));
      await before.forwarded("default", ["a"]);
      const letters = await before.dead("default", { limit: 10 });
      await bench.restart();
      const log = await bench.open("orders", { maxDeliveries: 1 });
      equal(await log.dead("default", { limit: 10 }), letters);
      equal(
        (await log.dead("default", { limit: 10, pending: true })).map(({ message }) => message.id),
        ["b"],
      );
    },
  },
  {
    id: "store/dead-pages",
    says: "lists dead letters page by page, with who had each of them last",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 3);
      await settle(log, "w", await claimSome(log, "w", 3), "dead-letter");
      const [first, second] = await log.dead("default", { limit: 2 });
      equal([first?.message.sequence, first?.readerId], [1, "w"]);
      const rest = await log.dead("default", { limit: 2, after: second?.message.sequence ?? 0 });
      equal(
        rest.map(({ message }) => message.sequence),
        [3],
      );
    },
  },
];
