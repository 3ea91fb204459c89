import type { Guarantee } from "./guarantee.js";
import { claimSome, claimed, equal, readAll, refused, release, sequences, settle } from "./expectations.js";
import { draft, fill } from "./harness.js";

/** What survives closing and opening again. */
export const restartGuarantees: readonly Guarantee[] = [
  {
    id: "store/restart-messages",
    says: "finds every message again, and goes on counting (G2.4, W01)",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open();
      await before.append([draft({ deep: ["value"] }, { id: "x", metadata: { m: 1 }, correlationId: "c" }), draft("b")]);
      const written = await readAll(before);
      await bench.restart();
      const log = await bench.open();
      equal(await readAll(log), written);
      equal(await log.append([draft({ deep: ["value"] }, { id: "x", metadata: { m: 1 }, correlationId: "c" })]), [
        { id: "x", sequence: 1, duplicate: true, timestamp: written[0]?.timestamp },
      ]);
      equal((await log.append([draft("c")]))[0]?.sequence, 3);
    },
  },
  {
    id: "store/restart-empty",
    says: "goes on counting after a restart when everything was removed",
    needs: "durable",
    async prove(bench) {
      await fill(await bench.open(), 3);
      await (await bench.open()).evict({ maxCount: 0 });
      await bench.restart();
      const log = await bench.open();
      equal(await log.bounds(), { first: 4, last: 3 });
      equal((await log.read({ after: 0, limit: 1 })).skipped, 3);
      equal((await log.append([draft("next")]))[0]?.sequence, 4);
    },
  },
  {
    id: "store/restart-cursors",
    says: "finds cursors where they were (G2.4)",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open();
      await fill(before, 5);
      await before.moveCursor({ owner: "r", name: "n" }, 3);
      await bench.restart();
      equal(await (await bench.open()).cursor({ owner: "r", name: "n" }), 3);
    },
  },
  {
    id: "store/restart-claims",
    says: "keeps a live claim live until its end, and lets its holder settle it (G2.4)",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open();
      await fill(before, 3);
      const claims = await claimSome(before, "w", 2, { leaseMs: 10_000 });
      await bench.restart();
      const log = await bench.open();
      equal(claimed(await claimSome(log, "v", 10)), [3]);
      equal(await settle(log, "w", claims.slice(0, 1)), ["acknowledged"]);
      await bench.clock.advance(10_000);
      const again = await claimSome(log, "v", 10);
      equal(
        again.map(({ message, deliveries }) => [message.sequence, deliveries]),
        [[2, 2]],
      );
    },
  },
  {
    id: "store/restart-settled",
    says: "never hands out again what was settled before, nor forgets what was given back (G2.4)",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open();
      await fill(before, 6);
      const claims = await claimSome(before, "w", 5);
      await settle(before, "w", claims.slice(0, 3));
      await release(before, "w", claims.slice(3, 4));
      await settle(before, "w", claims.slice(4, 5), "dead-letter");
      await bench.restart();
      const log = await bench.open();
      equal(
        (await claimSome(log, "v", 10)).map(({ message, deliveries }) => [message.sequence, deliveries]),
        [
          [4, 2],
          [6, 1],
        ],
      );
      equal(
        (await log.dead("default", { limit: 10 })).map(({ message }) => message.sequence),
        [5],
      );
    },
  },
  {
    id: "store/restart-repeated",
    says: "knows after a restart what was acknowledged, for ten minutes: of a call some of whose claims are held, given back, or held on to",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open();
      await fill(before, 5);
      const claims = await claimSome(before, "w", 4);
      const single = await claimSome(before, "w", 1);
      await settle(before, "w", [...claims.slice(0, 1), ...single]);
      await release(before, "w", claims.slice(1, 2));
      await before.settle("default", "w", [{ receipt: claims[2]?.receipt ?? "", action: "extend", leaseMs: 900_000 }]);
      await bench.restart();
      const log = await bench.open();
      equal(await settle(log, "w", [...claims.slice(0, 1), ...single]), ["already_acknowledged", "already_acknowledged"]);
      equal(await settle(log, "w", claims.slice(2)), ["acknowledged", "acknowledged"]);
      await bench.clock.advance(5 * 60_000);
      await bench.restart();
      const again = await bench.open();
      const acknowledged = [...claims.slice(0, 1), ...claims.slice(2), ...single];
      equal(
        await settle(again, "w", acknowledged),
        acknowledged.map(() => "already_acknowledged"),
      );
      equal(await settle(again, "stranger", acknowledged.slice(0, 1)), ["unknown"]);
    },
  },
  {
    id: "store/restart-delays",
    says: "keeps delays: of a write, and of a nack (G2.4)",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open();
      await before.append([draft("late", { delayMs: 10_000 }), draft("b")]);
      await release(before, "w", await claimSome(before, "w", 1), 20_000);
      await bench.restart();
      const log = await bench.open();
      equal(claimed(await claimSome(log, "w", 10)), []);
      await bench.clock.advance(10_000);
      equal(claimed(await claimSome(log, "w", 10)), [1]);
      await bench.clock.advance(10_000);
      equal(claimed(await claimSome(log, "w", 10)), [2]);
    },
  },
  {
    id: "store/restart-wall-clock",
    says: "holds a lease or a delay no longer than its own length when the clock was set back meanwhile (D2)",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open();
      await fill(before, 2);
      await claimSome(before, "w", 1, { leaseMs: 10_000 });
      await release(before, "w", await claimSome(before, "w", 1), 10_000);
      bench.clock.stepWall(-86_400_000);
      await bench.restart();
      const log = await bench.open();
      equal(claimed(await claimSome(log, "v", 2)), []);
      await bench.clock.advance(10_000);
      equal(claimed(await claimSome(log, "v", 2)), [1, 2]);
    },
  },
  {
    id: "store/restart-holes",
    says: "finds holes where messages were removed, and nothing else missing",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open();
      await before.append(["a", "b", "c", "d"].map((id) => draft(id, { id })));
      await before.remove(["b"]);
      await bench.restart();
      const log = await bench.open();
      equal(sequences(await readAll(log)), [1, 3, 4]);
      equal(claimed(await claimSome(log, "w", 10)), [1, 3, 4]);
      equal((await log.stats()).count, 3);
    },
  },
  {
    id: "store/restart-mail",
    says: "finds addressed messages by their addressee",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open("mail", { addressed: true });
      await before.append([draft("a", { recipientId: "ann" }), draft("b", { recipientId: "bob" }), draft("all")]);
      await bench.restart();
      const log = await bench.open("mail", { addressed: true });
      equal(
        (await log.read({ after: 0, limit: 10, audience: "bob" })).messages.map(({ content }) => content),
        ["b", "all"],
      );
      await refused(() => log.read({ after: 9, limit: 1, audience: "bob" }), "position_ahead");
    },
  },
];
