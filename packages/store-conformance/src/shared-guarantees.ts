import type { ChannelLog } from "@sssn/core";
import type { Guarantee } from "./guarantee.js";
import { claimSome, claimed, equal, ok, readAll, refused, release, sequences, settle } from "./expectations.js";
import { draft, fill, type Bench } from "./harness.js";

/** The same log as several hosts have it. */
async function hosts(bench: Bench, count: number): Promise<ChannelLog[]> {
  const logs = [await bench.open()];
  while (logs.length < count) logs.push(await (await bench.join()).open("orders"));
  return logs;
}

async function two(bench: Bench): Promise<readonly [ChannelLog, ChannelLog]> {
  const [first, second] = await hosts(bench, 2);
  return [first as ChannelLog, second as ChannelLog];
}

/** How many of several calls at once were not refused. */
async function succeeded(calls: readonly Promise<unknown>[]): Promise<number> {
  return (await Promise.allSettled(calls)).filter(({ status }) => status === "fulfilled").length;
}

/** What holds between hosts that share a log. */
export const sharedGuarantees: readonly Guarantee[] = [
  {
    id: "store/shared-sequences",
    needs: "shared",
    says: "gives the appends of several hosts distinct, contiguous sequences, and shows all of them in the same order at each",
    async prove(bench) {
      const logs = await hosts(bench, 4);
      await Promise.all(
        Array.from({ length: 200 }, (_, index) => (logs[index % 4] as ChannelLog).append([draft(index), draft(`${index} too`)])),
      );
      const seen = await Promise.all(logs.map((log) => readAll(log)));
      for (const messages of seen)
        equal(
          sequences(messages),
          Array.from({ length: 400 }, (_, index) => index + 1),
        );
      for (const messages of seen) equal(messages, seen[0]);
    },
  },
  {
    id: "store/shared-readers",
    needs: "shared",
    says: "lets a reader at one host miss nothing that others write while it reads on",
    async prove(bench) {
      const [writer, reader] = await two(bench);
      const key = { owner: "reader", name: "reader" };
      let isWriting = true;
      const writing = (async () => {
        for (let index = 0; index < 100; index++) await Promise.all([writer.append([draft(index)]), reader.append([draft(-index)])]);
        isWriting = false;
      })();
      const seen: number[] = [];
      for (let [isLast, pages] = [false, 0]; !isLast; pages++) {
        ok(pages < 1_000, "the reader does not come to an end");
        isLast = !isWriting;
        const page = await reader.read({ after: (await reader.cursor(key)) ?? 0, limit: 7 });
        seen.push(...sequences(page.messages));
        await writer.moveCursor(key, page.position);
        if (page.messages.length > 0) isLast = false;
      }
      await writing;
      equal(
        seen,
        Array.from({ length: 200 }, (_, index) => index + 1),
      );
    },
  },
  {
    id: "store/shared-ids",
    needs: "shared",
    says: "stores an id once that all hosts write at the same time, and refuses another content of it at each",
    async prove(bench) {
      const logs = await hosts(bench, 4);
      const receipts = await Promise.all(logs.map((log) => log.append([draft("same", { id: "one" })])));
      equal(new Set(receipts.map(([receipt]) => receipt?.sequence)).size, 1);
      equal(receipts.filter(([receipt]) => receipt?.duplicate === false).length, 1);
      for (const log of logs) await refused(() => log.append([draft("other", { id: "one" })]), "message_conflict");
    },
  },
  {
    id: "store/shared-if-last",
    needs: "shared",
    says: "lets one of several hosts win that expect the same end of the log",
    async prove(bench) {
      const logs = await hosts(bench, 4);
      equal(await succeeded(logs.map((log, index) => log.append([draft(index)], { ifLast: 0 }))), 1);
      equal((await logs[3]?.bounds())?.last, 1);
    },
  },
  {
    id: "store/shared-claims",
    needs: "shared",
    says: "hands each message to one reader, whichever hosts claim at the same time",
    async prove(bench) {
      const logs = await hosts(bench, 4);
      await Promise.all(logs.map((log) => fill(log, 100)));
      const taken: number[] = [];
      await Promise.all(
        logs.map(async (log, host) => {
          for (;;) {
            const claims = await claimSome(log, `w${host}`, 7);
            if (claims.length === 0) return;
            taken.push(...claimed(claims));
            equal(new Set(await settle(log, `w${host}`, claims)), new Set(["acknowledged"]));
          }
        }),
      );
      equal(
        taken.sort((left, right) => left - right),
        Array.from({ length: 400 }, (_, index) => index + 1),
      );
    },
  },
  {
    id: "store/shared-settling",
    needs: "shared",
    says: "lets a claim be settled at any host, by its holder and under its receipt only, and knows a repeated acknowledgement at each",
    async prove(bench) {
      const [first, second] = await two(bench);
      await fill(first, 2);
      const claims = await claimSome(first, "w", 1);
      equal(await settle(second, "stranger", claims), ["unknown"]);
      equal(await settle(second, "w", claims), ["acknowledged"]);
      equal([await settle(first, "w", claims), await settle(second, "w", claims)], [["already_acknowledged"], ["already_acknowledged"]]);
      const late = await claimSome(second, "w", 1, { leaseMs: 1_000 });
      await bench.clock.advance(1_000);
      const next = await claimSome(first, "v", 1);
      equal([claimed(next), await settle(first, "w", late), await settle(second, "w", late)], [[2], ["lost"], ["lost"]]);
      equal(await settle(second, "v", next), ["acknowledged"]);
    },
  },
  {
    id: "store/shared-lease",
    needs: "shared",
    says: "lets a lease be extended at another host, and keeps it from all others meanwhile",
    async prove(bench) {
      const [first, second] = await two(bench);
      await fill(first, 1);
      const [claim] = await claimSome(first, "w", 1, { leaseMs: 1_000 });
      await second.settle("default", "w", [{ receipt: claim?.receipt ?? "", action: "extend", leaseMs: 5_000, progress: 1 }]);
      await bench.clock.advance(4_000);
      equal(
        [claimed(await claimSome(first, "v", 1)), (await first.job("default", (await readAll(first))[0]?.id ?? ""))?.progress],
        [[], 1],
      );
      equal(await settle(first, "w", claim ? [claim] : []), ["acknowledged"]);
    },
  },
  {
    id: "store/shared-removal",
    needs: "shared",
    says: "takes a claim away whose message another host removes or cancels",
    async prove(bench) {
      const [first, second] = await two(bench);
      await first.append([draft(1, { id: "removed" }), draft(2, { id: "cancelled" })]);
      const claims = await claimSome(second, "w", 2);
      await first.remove(["removed"]);
      await first.cancel("default", ["cancelled"], "no more");
      equal(await settle(second, "w", claims), ["lost", "cancelled"]);
    },
  },
  {
    id: "store/shared-order",
    needs: "shared",
    says: "keeps the order of keys, and priorities, over all hosts",
    async prove(bench) {
      const [first, second] = await two(bench);
      await first.append([draft(1, { key: "k" })]);
      await second.append([draft(2, { key: "k", priority: 9 }), draft(3, { priority: 5 })]);
      const [urgent] = await claimSome(first, "w", 1);
      equal(urgent?.message.sequence, 3);
      const held = await claimSome(second, "w", 10);
      equal([claimed(held), claimed(await claimSome(first, "w", 10))], [[1], []]);
      await settle(first, "w", held);
      equal(claimed(await claimSome(first, "w", 10)), [2]);
    },
  },
  {
    id: "store/shared-regime",
    needs: "shared",
    says: "bounds a group over all hosts as any of them says",
    async prove(bench) {
      const [first, second] = await two(bench);
      await fill(first, 5);
      await first.setRegime("default", { maxInFlight: 2 });
      equal([(await claimSome(first, "w", 1)).length, (await claimSome(second, "w", 10)).length], [1, 1]);
      equal((await claimSome(first, "w", 10)).length, 0);
      await second.setRegime("default", { paused: true });
      equal((await first.stats()).groups[0]?.regime, { paused: true });
    },
  },
  {
    id: "store/shared-state",
    needs: "shared",
    says: "shows at each host what the others have done: cursors, delays, rests, dead letters, groups, moved and replaced messages",
    async prove(bench) {
      const [first, second] = await two(bench);
      await first.append([
        draft(1, { id: "a" }),
        draft(2, { id: "b" }),
        draft(3, { id: "c", delayMs: 5_000 }),
        draft(4, { supersede: "n" }),
      ]);
      await first.moveCursor({ owner: "r", name: "r" }, 2);
      equal(await second.cursor({ owner: "r", name: "r" }), 2);
      equal(await second.cursors({ limit: 10 }), await first.cursors({ limit: 10 }));
      const [dead, resting] = (await claimSome(first, "w", 2)).map((claim) => [claim]);
      await settle(first, "w", dead ?? [], "dead-letter");
      await release(second, "w", resting ?? [], 1_000);
      equal((await second.dead("default", { limit: 10 })).length, 1);
      await second.append([draft(5, { supersede: "n" })]);
      await second.reschedule("default", ["c"], {});
      equal(claimed(await claimSome(first, "w", 10)), [3, 5]);
      equal([await second.requeue("default"), claimed(await claimSome(first, "w", 10))], [1, [1]]);
      await bench.clock.advance(1_000);
      equal(claimed(await claimSome(second, "w", 10)), [2]);
      equal(await second.deleteGroup("default"), true);
      // What needs no answer of the store may be known a moment later at another host, and after any call.
      await first.bounds();
      equal(first.hasGroup("default"), false);
    },
  },
  {
    id: "store/shared-wake-ups",
    needs: "shared",
    says: "tells whoever listens at one host what happens at another, no later than it says",
    async prove(bench) {
      const [first, second] = await two(bench);
      const { wakeUpWithinMs } = bench.store.capabilities;
      const hears = async (happen: () => Promise<unknown>): Promise<void> => {
        let calls = 0;
        const cancel = second.onChange(() => calls++);
        await happen();
        if (wakeUpWithinMs > 0) await new Promise((resolve) => setTimeout(resolve, wakeUpWithinMs));
        cancel();
        ok(calls > 0, "nothing was heard");
      };
      await hears(() => first.append([draft(1)]));
      const claims = await claimSome(first, "w", 1);
      await hears(() => release(first, "w", claims));
      await settle(first, "w", await claimSome(first, "w", 1), "dead-letter");
      await hears(() => first.requeue("default"));
      await hears(() => first.setRegime("default", {}));
    },
  },
  {
    id: "store/shared-end",
    needs: "shared",
    says: "goes on at the other hosts when one is closed, and ends at all of them when the channel is deleted",
    async prove(bench) {
      const other = await bench.join();
      const [first, second] = [await bench.open(), await other.open("orders")];
      await first.append([draft(1)]);
      const third = await bench.join();
      const closed = await third.open("orders");
      await third.close();
      await refused(() => closed.append([draft(2)]), "store_closed");
      equal((await second.append([draft(2)]))[0]?.sequence, 2);
      equal(await other.delete("orders"), true);
      await refused(() => first.append([draft(3)]), "log_deleted");
      const anew = await bench.open();
      equal([(await anew.append([draft(1)]))[0]?.sequence, anew.identity === first.identity], [1, false]);
    },
  },
];
