import type { Guarantee } from "./guarantee.js";
import { claimSome, claimed, equal, release, settle } from "./expectations.js";
import { fill } from "./harness.js";

/** What becomes of a claim that its holder settles. */
export const settlementGuarantees: readonly Guarantee[] = [
  {
    id: "store/settle-acknowledge",
    says: "never hands an acknowledged message out again",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 3);
      const claims = await claimSome(log, "w", 2);
      equal(await settle(log, "w", claims), ["acknowledged", "acknowledged"]);
      await bench.clock.advance(10 * 60_000);
      equal(claimed(await claimSome(log, "w", 10)), [3]);
    },
  },
  {
    id: "store/settle-repeated",
    says: "answers a repeated acknowledgement with already_acknowledged for ten minutes, and one of what was given back with lost",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 3);
      const claims = await claimSome(log, "w", 2);
      const [late] = await Promise.all([claimSome(log, "w", 1), settle(log, "w", claims.slice(0, 1)), release(log, "w", claims.slice(1))]);
      await settle(log, "w", late);
      equal(await settle(log, "w", claims), ["already_acknowledged", "lost"]);
      await bench.clock.advance(10 * 60_000 - 1);
      equal(await settle(log, "w", [...claims, ...late]), ["already_acknowledged", "lost", "already_acknowledged"]);
      equal(await settle(log, "w", claims.slice(0, 1), "dead-letter"), ["lost"]);
      equal(await settle(log, "stranger", claims), ["unknown", "unknown"]);
    },
  },
  {
    id: "store/settle-stranger",
    says: "lets nobody settle what they do not hold, and changes nothing (W02)",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 1);
      const claims = await claimSome(log, "w", 1);
      equal(await settle(log, "stranger", claims), ["unknown"]);
      equal(await settle(log, "w", claims, "acknowledge", "other-group"), ["unknown"]);
      const forged = ["", "1", "1-00000000000000000000", "zzzzzzzzzzz-00000000000000000000", "x".repeat(1_000), "__proto__"];
      equal(
        new Set(
          (
            await log.settle(
              "default",
              "w",
              forged.map((receipt) => ({ receipt, action: "acknowledge" })),
            )
          ).map(({ status }) => status),
        ),
        new Set(["unknown"]),
      );
      equal(await settle(log, "w", claims), ["acknowledged"]);
    },
  },
  {
    id: "store/settle-nack",
    says: "gives a released message back at once, in its old place, with its deliveries counted",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 3);
      const claims = await claimSome(log, "w", 2);
      equal(await release(log, "w", claims.slice(0, 1)), ["released"]);
      const again = await claimSome(log, "v", 1);
      equal(
        again.map(({ message, deliveries }) => [message.sequence, deliveries]),
        [[1, 2]],
      );
      equal(await settle(log, "w", claims.slice(0, 1)), ["lost"]);
    },
  },
  {
    id: "store/settle-nack-delay",
    says: "holds a released message back for its delay",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 2);
      await release(log, "w", await claimSome(log, "w", 1), 5_000);
      equal(claimed(await claimSome(log, "w", 10)), [2]);
      await bench.clock.advance(4_999);
      const page = await log.claim({ group: "default", readerId: "w", limit: 1, leaseMs: 60_000 });
      equal([claimed(page.claims), page.nextAvailableInMs], [[], 1]);
      await bench.clock.advance(1);
      equal(claimed(await claimSome(log, "w", 10)), [1]);
    },
  },
  {
    id: "store/settle-uncounted",
    says: "takes a delivery back where nobody worked on the message",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 1);
      for (const uncounted of [true, true, false, true]) {
        const [claim] = await claimSome(log, "w", 1);
        equal(await log.settle("default", "w", [{ receipt: claim?.receipt ?? "", action: "release", delayMs: 0, uncounted }]), [
          { receipt: claim?.receipt, status: "released" },
        ]);
      }
      equal(
        (await claimSome(log, "w", 1)).map(({ deliveries }) => deliveries),
        [2],
      );
    },
  },
  {
    id: "store/settle-backoff",
    says: "rests longer after each delivery where a back-off is given",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 1);
      const rests: number[] = [];
      for (let round = 0; round < 4; round++) {
        const [claim] = await claimSome(log, "w", 1);
        await log.settle("default", "w", [
          { receipt: claim?.receipt ?? "", action: "release", delayMs: { initialMs: 100, factor: 2, maxMs: 300 } },
        ]);
        const rest = (await log.claim({ group: "default", readerId: "w", limit: 1, leaseMs: 60_000 })).nextAvailableInMs ?? 0;
        rests.push(rest);
        await bench.clock.advance(rest);
      }
      equal(rests, [100, 200, 300, 300]);
    },
  },
];
