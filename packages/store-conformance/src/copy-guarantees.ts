import { MemoryMessageStore, type ChannelLog, type MessageStore } from "@sssn/core";
import { copyStore } from "@sssn/core/log-state";
import { VirtualClock } from "@sssn/core/testing";
import { claimSome, claimed, equal, ok, readAll, release, settle } from "./expectations.js";
import type { Guarantee } from "./guarantee.js";
import { draft, fill, type Bench } from "./harness.js";

/** What a copy of a store's logs in another store is: the same, so that nobody who goes on with it can tell. */
export const copyGuarantees: readonly Guarantee[] = [
  {
    id: "store/copy-messages",
    says: "copies messages with sequences, ids, times and everything else that they say, and goes on counting behind them",
    needs: "copy",
    async prove(bench) {
      const log = await bench.open();
      await log.append([
        draft({ deep: [1, { b: null }] }, { id: "x", metadata: { m: 1 }, correlationId: "c", replyTo: "r", key: "k", priority: 9 }),
        draft("later", { delayMs: 500, ttlMs: 5_000, supersede: "name", recipientId: "ann" }),
        draft("removed", { id: "gone", timestamp: bench.clock.now() }),
      ]);
      await log.remove(["gone"]);
      const [messages, { identity }] = [await readAll(log), log];
      for (const copy of await copies(bench)) {
        equal(await readAll(copy), messages);
        equal([copy.identity, copy.predecessors], [identity, log.predecessors]);
        const repeated = await copy.append([draft("removed", { id: "gone" }), draft("new")]);
        equal(
          repeated.map(({ sequence, duplicate }) => [sequence, duplicate]),
          [
            [3, true],
            [4, false],
          ],
        );
        equal((await copy.get("x"))?.sequence, 1);
      }
    },
  },
  {
    id: "store/copy-addressed",
    says: "copies an addressed log as one, with who may see what",
    needs: "copy",
    async prove(bench) {
      const log = await bench.open("orders", { addressed: true });
      await log.append([draft("for ann", { recipientId: "ann" }), draft("for all"), draft("for bob", { recipientId: "bob" })]);
      for (const copy of await copies(bench)) {
        const { messages } = await copy.read({ after: 0, limit: 10, audience: "bob" });
        equal(
          messages.map(({ content }) => content),
          ["for all", "for bob"],
        );
        equal(claimed(await claimSome(copy, "bob", 5, { audience: "bob" })), [2, 3]);
      }
    },
  },
  {
    id: "store/copy-claims",
    says: "copies live claims: whoever holds a receipt settles at the copy, once, and what lapses there comes back there",
    needs: "copy",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 6);
      const claims = await claimSome(log, "w", 4, { leaseMs: 1_000 });
      const [done, held, extended, left] = claims;
      ok(done && held && extended && left);
      equal(await settle(log, "w", [done]), ["acknowledged"]);
      await log.settle("default", "w", [{ receipt: extended.receipt, action: "extend", leaseMs: 5_000, progress: 0.5 }]);
      await bench.clock.advance(400);
      const all = await copies(bench);
      for (const copy of all) {
        equal(await settle(copy, "w", [done, held]), ["already_acknowledged", "acknowledged"]);
        const job = await copy.job("default", left.message.id);
        equal([job?.state, job?.readerId, job?.deliveries, job?.leaseMs], ["claimed", "w", 1, 600]);
        equal((await copy.job("default", extended.message.id))?.progress, 0.5);
        equal(claimed(await claimSome(copy, "other", 5, { leaseMs: 60_000 })), [5, 6]);
      }
      await bench.clock.advance(600);
      for (const copy of all) {
        const again = await claimSome(copy, "other", 5);
        equal(
          again.map(({ message, deliveries }) => [message.sequence, deliveries]),
          [[4, 2]],
        );
        equal(await settle(copy, "w", [left, extended]), ["lost", "acknowledged"]);
      }
    },
  },
  {
    id: "store/copy-clock",
    says: "ends leases and delays at the copy when they would have ended at the source, whatever the clocks say",
    needs: "copy",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft("held"), draft("delayed", { delayMs: 700 }), draft("given back")]);
      const claims = await claimSome(log, "w", 5, { leaseMs: 1_000 });
      await release(log, "w", claims.slice(1), 800);
      await bench.clock.advance(300);
      const clock = new VirtualClock(Date.UTC(2027, 0, 1));
      const target = await bench.another(clock);
      await copyStore(bench.store, target);
      const copy = await target.open("orders");
      equal(await copy.claim({ group: "default", readerId: "x", limit: 5, leaseMs: 1 }), { claims: [], nextAvailableInMs: 400 });
      await clock.advance(400);
      equal(claimed(await claimSome(copy, "x", 5)), [2]);
      await clock.advance(100);
      equal(claimed(await claimSome(copy, "x", 5)), [3]);
      await clock.advance(199);
      equal(claimed(await claimSome(copy, "x", 5)), []);
      await clock.advance(1);
      equal(claimed(await claimSome(copy, "x", 5)), [1]);
    },
  },
  {
    id: "store/copy-dead-letters",
    says: "copies dead letters with when and why they died, under which name and whether they were forwarded, and what was cancelled",
    needs: "copy",
    async prove(bench) {
      const log = await bench.open("orders", { maxDeliveries: 1 });
      await log.append([1, 2, 3].map((content) => draft(content, { id: `m${content}` })));
      const [first, second] = await claimSome(log, "w", 2);
      ok(first && second);
      await log.settle("default", "w", [{ receipt: first.receipt, action: "dead-letter", reason: "broken" }]);
      await log.forwarded("default", ["m1"]);
      equal(await release(log, "w", [second]), ["released"]);
      await log.cancel("default", ["m3"], "not wanted");
      const dead = await log.dead("default", { limit: 10 });
      await bench.clock.advance(50);
      for (const copy of await copies(bench)) {
        equal(await copy.dead("default", { limit: 10 }), dead);
        equal(
          (await copy.dead("default", { limit: 10, pending: true })).map(({ message }) => message.id),
          ["m2"],
        );
        const job = await copy.job("default", "m3");
        equal([job?.state, job?.reason, job?.sinceMs], ["cancelled", "not wanted", 50]);
        equal(await copy.requeue("default", ["m1", "m3"]), 2);
        equal(claimed(await claimSome(copy, "w", 5)), [1, 3]);
      }
    },
  },
  {
    id: "store/copy-cursors",
    says: "copies cursors with when they were moved and what they have lost",
    needs: "copy",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 10);
      await log.moveCursor({ owner: "ann", name: "c" }, 2);
      await log.moveCursor({ owner: "ann", name: "d" }, 9);
      await log.evict({ maxCount: 4 });
      const cursors = await log.cursors({ limit: 10 });
      equal(cursors[0]?.lost, 4);
      await bench.clock.advance(1_000);
      for (const copy of await copies(bench)) {
        equal(await copy.cursors({ limit: 10 }), cursors);
        equal((await copy.read({ after: 2, limit: 1 })).skipped, 4);
      }
    },
  },
  {
    id: "store/copy-order",
    says: "copies the order of keys and priorities, who was moved, and what bounds a group, with what it has granted",
    needs: "copy",
    async prove(bench) {
      const log = await bench.open();
      await log.append([
        draft("a1", { id: "a1", key: "a" }),
        draft("a2", { id: "a2", key: "a" }),
        draft("urgent", { priority: 9 }),
        draft("old", { supersede: "name" }),
        draft("new", { supersede: "name" }),
        draft("moved", { id: "moved" }),
      ]);
      await log.setRegime("default", { maxInFlight: 3, rate: { count: 3, perMs: 1_000 } });
      await log.reschedule("default", ["moved"], { priority: 8 });
      equal(claimed(await claimSome(log, "w", 2)), [3, 6]);
      const all = await copies(bench);
      for (const copy of all) {
        equal(claimed(await claimSome(copy, "x", 5)), [1]);
        equal(claimed(await claimSome(copy, "x", 5)), []);
        equal((await copy.stats()).groups[0]?.regime, { maxInFlight: 3, rate: { count: 3, perMs: 1_000 } });
        await copy.setRegime("default", {});
        equal(claimed(await claimSome(copy, "x", 5)), [5]);
      }
    },
  },
  {
    id: "store/copy-time-to-live",
    says: "copies what is past its time to live or replaced as such, and what is not ends its time at the copy",
    needs: "copy",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft("short", { ttlMs: 100 }), draft("long", { ttlMs: 1_000 }), draft("held", { ttlMs: 200 })]);
      await bench.clock.advance(100);
      const [, held] = await claimSome(log, "w", 5);
      ok(held);
      await bench.clock.advance(100);
      equal((await log.stats()).expired, 2);
      const all = await copies(bench);
      for (const copy of all) {
        equal((await copy.stats()).expired, 2);
        equal(await release(copy, "w", [held]), ["released"]);
        equal(claimed(await claimSome(copy, "x", 5)), []);
      }
      await bench.clock.advance(900);
      for (const copy of all) equal((await copy.stats()).expired, 3);
    },
  },
  {
    id: "store/copy-rights",
    says: "goes on with higher numbers of rights than the source gave",
    needs: "copy",
    async prove(bench) {
      for (const _time of [1, 2]) await (await bench.store.hold("clean-up", 1_000))?.release();
      const target = await bench.another();
      await copyStore(bench.store, target);
      equal((await target.hold("clean-up", 1_000))?.fence, 3);
    },
  },
];

/** The log `orders` in another store of the same kind, and in one that it was copied to and back from memory. */
async function copies(bench: Bench): Promise<readonly ChannelLog[]> {
  const [between, straight, back] = [new MemoryMessageStore({ clock: bench.clock }), await bench.another(), await bench.another()];
  const digests = [await digestOfCopy(bench.store, straight), await digestOfCopy(bench.store, between), await digestOfCopy(between, back)];
  equal(new Set(digests).size, 1);
  return [await straight.open("orders"), await between.open("orders"), await back.open("orders")];
}

async function digestOfCopy(from: MessageStore, to: MessageStore): Promise<string | undefined> {
  return (await copyStore(from, to)).channels[0]?.digest;
}
