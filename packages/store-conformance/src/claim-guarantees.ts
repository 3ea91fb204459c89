import type { Guarantee } from "./guarantee.js";
import { claimSome, claimed, equal, ok, readAll, refused, release, sequences, settle } from "./expectations.js";
import { draft, fill } from "./harness.js";

/** Claims, settlements, groups, delays and addresses. */
export const claimGuarantees: readonly Guarantee[] = [
  {
    id: "store/claim-oldest-first",
    says: "hands out the oldest available messages, each to one reader",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 5);
      equal(claimed(await claimSome(log, "one", 2)), [1, 2]);
      equal(claimed(await claimSome(log, "two", 10)), [3, 4, 5]);
      equal(claimed(await claimSome(log, "three", 10)), []);
    },
  },
  {
    id: "store/claim-race",
    says: "never gives one message to two readers that ask at the same time (C6)",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 300);
      const rounds = await Promise.all(Array.from({ length: 64 }, (_, index) => claimSome(log, `w${index}`, 7)));
      const handedOut = rounds.flatMap(claimed);
      equal(new Set(handedOut).size, handedOut.length);
      equal(handedOut.length, 300);
    },
  },
  {
    id: "store/claim-groups",
    says: "works every message off once in each group",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 3);
      const first = await claimSome(log, "w", 10, { group: "billing" });
      await settle(log, "w", first, "acknowledge", "billing");
      equal(claimed(await claimSome(log, "w", 10, { group: "shipping" })), [1, 2, 3]);
      equal(claimed(await claimSome(log, "w", 10, { group: "billing" })), []);
    },
  },
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
    says: "answers a repeated acknowledgement with already_acknowledged",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 1);
      const claims = await claimSome(log, "w", 1);
      await settle(log, "w", claims);
      equal(await settle(log, "w", claims), ["already_acknowledged"]);
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
  {
    id: "store/delay",
    says: "makes a message written with a delay readable at once and claimable later",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft("later", { delayMs: 10_000 }), draft("now")]);
      equal(sequences(await readAll(log)), [1, 2]);
      equal(claimed(await claimSome(log, "w", 10)), [2]);
      await bench.clock.advance(10_000);
      equal(claimed(await claimSome(log, "w", 10)), [1]);
    },
  },
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
        (await log.dead("default", 10)).map(({ message, deliveries, reason }) => [message.id, deliveries, reason]),
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
    id: "store/addressed",
    says: "shows and hands a reader only what is addressed to it or to nobody (W24)",
    async prove(bench) {
      const log = await bench.open("mail", { addressed: true });
      for (let index = 0; index < 40; index++)
        await log.append([draft(index, index % 10 === 9 ? {} : { recipientId: index % 2 === 0 ? "bob" : "ann" })]);
      const page = await log.read({ after: 0, limit: 3, audience: "ann" });
      equal(
        page.messages.map(({ content }) => content),
        [1, 3, 5],
      );
      const rest = await log.read({ after: page.position, limit: 100, audience: "ann" });
      equal(rest.messages.length, 17);
      equal(rest.position, 40);
      equal(
        (await log.read({ after: 0, limit: 100, audience: "eve" })).messages.map(({ content }) => content),
        [9, 19, 29, 39],
      );
      equal((await readAll(log)).length, 40);
      equal(
        (await claimSome(log, "eve", 100, { audience: "eve" })).map(({ message }) => message.content),
        [9, 19, 29, 39],
      );
      equal((await claimSome(log, "bob", 100, { audience: "bob" })).length, 20);
      await refused(async () => (await bench.open("plain")).read({ after: 0, limit: 1, audience: "ann" }), "invalid_argument");
    },
  },
  {
    id: "store/addressed-for-good",
    says: "refuses to open a log otherwise than it was made, so that no message is shown to the wrong reader or to none",
    async prove(bench) {
      await (await bench.open("mail", { addressed: true })).append([draft("a", { recipientId: "ann" })]);
      await (await bench.open("plain", { addressed: false })).append([draft("a")]);
      await refused(() => bench.open("mail", { addressed: false }), "invalid_state");
      await refused(() => bench.open("plain", { addressed: true }), "invalid_state");
      equal((await (await bench.open("mail")).read({ after: 0, limit: 1, audience: "ann" })).messages.length, 1);
    },
  },
  {
    id: "store/claim-batches",
    says: "works a backlog off completely, whatever the size of the bites",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 1_000);
      const done: number[] = [];
      for (const size of [1, 7, 256, 257, 479]) {
        const claims = await claimSome(log, "w", size);
        done.push(...claimed(claims));
        ok((await settle(log, "w", claims)).every((status) => status === "acknowledged"));
      }
      equal(
        done,
        Array.from({ length: 1_000 }, (_, index) => index + 1),
      );
      equal(
        (await log.stats()).groups.map(({ ready, claimed: held }) => [ready, held]),
        [[0, 0]],
      );
    },
  },
];
