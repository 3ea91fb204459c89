import type { ChannelLog } from "@sssn/core";
import { claimSome, claimed, equal, release, settle } from "./expectations.js";
import type { Guarantee } from "./guarantee.js";
import { draft, fill } from "./harness.js";

/** The deliveries that are counted so far, by claiming everything once more. */
async function deliveriesSoFar(log: ChannelLog): Promise<(readonly [sequence: number, deliveries: number])[]> {
  return (await claimSome(log, "next", 100)).map(({ message, deliveries }) => [message.sequence, deliveries - 1] as const);
}

/** Which deliveries count: those with which a handler may have begun. */
export const deliveryGuarantees: readonly Guarantee[] = [
  {
    id: "store/deliveries-all",
    says: "counts every message of a claim that lapses, where the claim does not say how many are worked on",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 3);
      await claimSome(log, "dead worker", 3, { leaseMs: 1_000 });
      await bench.clock.advance(1_000);
      equal(await deliveriesSoFar(log), [
        [1, 1],
        [2, 1],
        [3, 1],
      ]);
    },
  },
  {
    id: "store/deliveries-working",
    says: "counts only the first unsettled messages of a claim that lapses, as many as were worked on at once",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 6);
      const claims = await claimSome(log, "dead worker", 6, { leaseMs: 1_000, working: 2 });
      await settle(log, "dead worker", claims.slice(0, 1));
      await release(log, "dead worker", claims.slice(2, 3));
      await bench.clock.advance(1_000);
      equal(await deliveriesSoFar(log), [
        [2, 1],
        [3, 1],
        [4, 1],
        [5, 0],
        [6, 0],
      ]);
    },
  },
  {
    id: "store/deliveries-working-removed",
    says: "judges what was worked on by what was held when the leases lapsed, also where a message is removed after that and before anybody looks",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 3);
      const [first] = await claimSome(log, "dead worker", 3, { leaseMs: 1_000, working: 1 });
      await bench.clock.advance(1_000);
      await log.remove([first?.message.id ?? ""]);
      equal(await deliveriesSoFar(log), [
        [2, 0],
        [3, 0],
      ]);
    },
  },
  {
    id: "store/deliveries-working-restart",
    says: "counts no more of a claim that lapses when the host was restarted in between",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open();
      await fill(before, 3);
      await claimSome(before, "dead worker", 3, { leaseMs: 1_000, working: 1, workerId: "one" });
      await bench.restart();
      await bench.clock.advance(1_000);
      equal(await deliveriesSoFar(await bench.open()), [
        [1, 1],
        [2, 0],
        [3, 0],
      ]);
    },
  },
  {
    id: "store/deliveries-extended-restart",
    says: "knows after a restart that what was extended was being worked on, and the rest of its claim only fetched ahead, looked at before or not",
    needs: "durable",
    async prove(bench) {
      const before = await bench.open();
      await fill(before, 2);
      const [first] = await claimSome(before, "dead worker", 2, { leaseMs: 1_000, working: 1 });
      await before.settle("default", "dead worker", [{ receipt: first?.receipt ?? "", action: "extend", leaseMs: 1_000 }]);
      await bench.clock.advance(1_000);
      await before.jobs("default", { state: "ready", after: 0, limit: 10 });
      await bench.crash();
      equal(await deliveriesSoFar(await bench.open()), [
        [1, 1],
        [2, 0],
      ]);
    },
  },
  {
    id: "store/deliveries-worker",
    says: "counts over all the claims of one worker, and apart from those of another worker of the same reader",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 6);
      const call = { leaseMs: 1_000, working: 1 };
      await claimSome(log, "reader", 2, { ...call, workerId: "one" });
      await claimSome(log, "reader", 2, { ...call, workerId: "one" });
      await claimSome(log, "reader", 2, { ...call, workerId: "two" });
      await bench.clock.advance(1_000);
      equal(await deliveriesSoFar(log), [
        [1, 1],
        [2, 0],
        [3, 0],
        [4, 0],
        [5, 1],
        [6, 0],
      ]);
    },
  },
  {
    id: "store/deliveries-extended",
    says: "counts what was extended as worked on, in place of what was only fetched",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 3);
      const claims = await claimSome(log, "dead worker", 3, { leaseMs: 1_000, working: 1 });
      await log.settle("default", "dead worker", [{ receipt: claims[1]?.receipt ?? "", action: "extend", leaseMs: 1_000 }]);
      await bench.clock.advance(1_000);
      equal(await deliveriesSoFar(log), [
        [1, 0],
        [2, 1],
        [3, 0],
      ]);
    },
  },
  {
    id: "store/deliveries-poison",
    says: "buries what kills its worker, and nothing that its worker had only fetched",
    async prove(bench) {
      const log = await bench.open("orders", { maxDeliveries: 3 });
      await fill(log, 50);
      for (let crash = 0; crash < 3; crash++) {
        await claimSome(log, "worker", 50, { leaseMs: 1_000, working: 1, workerId: `of process ${crash}` });
        await bench.clock.advance(1_000);
      }
      equal(
        (await log.dead("default", { limit: 100 })).map(({ message, deliveries }) => [message.sequence, deliveries]),
        [[1, 3]],
      );
      equal(
        (await deliveriesSoFar(log)).filter(([, deliveries]) => deliveries > 0),
        [],
      );
    },
  },
  {
    id: "store/claim-repeated",
    says: "answers a call that is repeated under its name with what it still holds, to the same reader only",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 3);
      const [first, second] = await claimSome(log, "ann", 2, { callId: "call-1" });
      const again = await claimSome(log, "ann", 2, { callId: "call-1" });
      equal(
        again.map(({ receipt, deliveries }) => [receipt, deliveries]),
        [
          [first?.receipt, 1],
          [second?.receipt, 1],
        ],
      );
      equal(claimed(await claimSome(log, "bob", 2, { callId: "call-1" })), [3]);
      equal(await settle(log, "ann", again.slice(0, 1)), ["acknowledged"]);
      equal(claimed(await claimSome(log, "ann", 2, { callId: "call-1" })), [2]);
      await log.append([draft(4)]);
      equal(claimed(await claimSome(log, "ann", 2, { callId: "call-2" })), [4]);
    },
  },
  {
    id: "store/deliveries-doubtful",
    says: "does not count, once a message, what lapses unheard of after its call was repeated: no answer may have arrived",
    async prove(bench) {
      const log = await bench.open("orders", { maxDeliveries: 1 });
      await fill(log, 2);
      const repeated = { leaseMs: 1_000, callId: "call-1" };
      await claimSome(log, "w", 2, repeated);
      const [, extended] = await claimSome(log, "w", 2, repeated);
      await log.settle("default", "w", [{ receipt: extended?.receipt ?? "", action: "extend", leaseMs: 1_000 }]);
      await bench.clock.advance(1_000);
      const deaths = async (): Promise<number[]> => (await log.dead("default", { limit: 10 })).map(({ message }) => message.sequence);
      equal(await deaths(), [2]);
      for (let call = 0; call < 2; call++) equal(claimed(await claimSome(log, "w", 2, { ...repeated, callId: "call-2" })), [1]);
      await bench.clock.advance(1_000);
      equal(await deaths(), [1, 2]);
    },
  },
  {
    id: "store/lease-left",
    says: "tells how much is left of each lease as the answer is given, which needs no clock in common",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 1);
      const ask = { leaseMs: 1_000, callId: "call-1" };
      equal(
        (await claimSome(log, "w", 1, ask)).map(({ leaseMs }) => leaseMs),
        [1_000],
      );
      bench.clock.stepWall(3_600_000);
      await bench.clock.advance(400);
      equal(
        (await claimSome(log, "w", 1, ask)).map(({ leaseMs }) => leaseMs),
        [600],
      );
    },
  },
];
