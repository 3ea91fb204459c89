import type { Guarantee } from "./guarantee.js";
import { claimSome, claimed, equal, settle } from "./expectations.js";
import { fill } from "./harness.js";

/** What bounds the work of a group. */
export const regimeGuarantees: readonly Guarantee[] = [
  {
    id: "store/regime-paused",
    says: "hands out nothing of a paused group, lets what is out be settled, and wakes whoever waits when it goes on",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 2);
      const claims = await claimSome(log, "w", 1);
      await log.setRegime("default", { paused: true });
      equal(claimed(await claimSome(log, "w", 1)), []);
      equal(claimed(await claimSome(log, "w", 1, { group: "other" })), [1]);
      equal(await settle(log, "w", claims), ["acknowledged"]);
      let wakes = 0;
      const cancel = log.onChange(() => wakes++);
      await log.setRegime("default", {});
      cancel();
      equal([wakes > 0, claimed(await claimSome(log, "w", 1))], [true, [2]]);
    },
  },
  {
    id: "store/regime-in-flight",
    says: "lets no more messages be out at once than the group may have, over all its workers, and wakes whoever waits when one is settled",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 5);
      await log.setRegime("default", { maxInFlight: 2 });
      const [first] = await claimSome(log, "w", 1);
      equal(claimed(await claimSome(log, "v", 10)), [2]);
      equal(claimed(await claimSome(log, "u", 10)), []);
      let wakes = 0;
      const cancel = log.onChange(() => wakes++);
      await settle(log, "w", first ? [first] : []);
      cancel();
      equal([wakes > 0, claimed(await claimSome(log, "u", 10))], [true, [3]]);
      await log.setRegime("default", { maxInFlight: 1 });
      equal(claimed(await claimSome(log, "u", 10)), []);
    },
  },
  {
    id: "store/regime-rate",
    says: "hands out no more in any stretch of time than the group's rate allows, and says when it allows more",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 9);
      await log.setRegime("default", { rate: { count: 3, perMs: 1_000 } });
      equal(claimed(await claimSome(log, "w", 2)), [1, 2]);
      await bench.clock.advance(600);
      equal(claimed(await claimSome(log, "w", 9)), [3]);
      await bench.clock.advance(399);
      const page = await log.claim({ group: "default", readerId: "w", limit: 9, leaseMs: 60_000 });
      equal([page.claims.length, page.nextAvailableInMs], [0, 1]);
      await bench.clock.advance(1);
      equal(claimed(await claimSome(log, "w", 9)), [4, 5]);
      await bench.clock.advance(600);
      equal(claimed(await claimSome(log, "w", 9)), [6]);
    },
  },
  {
    id: "store/regime-stats",
    says: "shows in its figures what bounds a group",
    async prove(bench) {
      const log = await bench.open();
      const regime = { paused: true, maxInFlight: 3, rate: { count: 1, perMs: 10 } };
      await log.setRegime("default", regime);
      equal((await log.stats()).groups[0]?.regime, regime);
      await log.setRegime("default", {});
      equal((await log.stats()).groups[0]?.regime, undefined);
    },
  },
  {
    id: "store/regime-restart",
    needs: "durable",
    says: "keeps what bounds a group over a restart, and what was handed out in the time that its rate counts",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 5);
      await log.setRegime("default", { maxInFlight: 3, rate: { count: 2, perMs: 1_000 } });
      equal(claimed(await claimSome(log, "w", 9)), [1, 2]);
      await bench.restart();
      const reopened = await bench.open();
      equal(claimed(await claimSome(reopened, "w", 9)), []);
      await bench.clock.advance(1_000);
      equal(claimed(await claimSome(reopened, "w", 9)), [3]);
    },
  },
];
