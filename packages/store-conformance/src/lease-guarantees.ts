import type { Guarantee } from "./guarantee.js";
import { claimSome, claimed, equal, release, settle } from "./expectations.js";
import { fill } from "./harness.js";

/** How long a claim is held. */
export const leaseGuarantees: readonly Guarantee[] = [
  {
    id: "store/lease-expiry",
    says: "brings a message back when its lease ends, without a call by its holder, and refuses the late one",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 1);
      const claims = await claimSome(log, "dead worker", 1, { leaseMs: 1_000 });
      await bench.clock.advance(999);
      equal(claimed(await claimSome(log, "w", 1)), []);
      await bench.clock.advance(1);
      const again = await claimSome(log, "w", 1);
      equal(
        again.map(({ deliveries }) => deliveries),
        [2],
      );
      equal(await settle(log, "dead worker", claims), ["lost"]);
      equal(await settle(log, "w", again), ["acknowledged"]);
    },
  },
  {
    id: "store/lease-late",
    says: "refuses an acknowledgement after the lease, also when nobody else holds the message yet",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 1);
      const claims = await claimSome(log, "w", 1, { leaseMs: 1_000 });
      await bench.clock.advance(1_000);
      equal(await settle(log, "w", claims), ["lost"]);
      equal(claimed(await claimSome(log, "w", 1)), [1]);
    },
  },
  {
    id: "store/lease-extend",
    says: "extends a lease for its holder only",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 1);
      const [claim] = await claimSome(log, "w", 1, { leaseMs: 1_000 });
      const receipt = claim?.receipt ?? "";
      await bench.clock.advance(900);
      const [extended] = await log.settle("default", "w", [{ receipt, action: "extend", leaseMs: 1_000 }]);
      equal([extended?.status, extended?.expiresAt], ["extended", (claim?.expiresAt ?? 0) + 900]);
      equal((await log.settle("default", "v", [{ receipt, action: "extend", leaseMs: 99_000 }]))[0]?.status, "unknown");
      await bench.clock.advance(999);
      equal(claimed(await claimSome(log, "v", 1)), []);
      await bench.clock.advance(1);
      equal(claimed(await claimSome(log, "v", 1)), [1]);
    },
  },
  {
    id: "store/lease-wall-clock",
    says: "keeps leases and delays through steps of the wall clock (W09, D1)",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 2);
      await claimSome(log, "w", 1, { leaseMs: 60_000 });
      await release(log, "w", await claimSome(log, "w", 1), 60_000);
      for (const step of [25 * 3_600_000, -26 * 3_600_000, -86_400_000 * 3_650]) {
        bench.clock.stepWall(step);
        equal(claimed(await claimSome(log, "v", 10)), []);
      }
      await bench.clock.advance(60_000);
      equal(claimed(await claimSome(log, "v", 10)), [1, 2]);
    },
  },
];
