import type { Guarantee } from "./guarantee.js";
import { claimSome, claimed, equal, settle } from "./expectations.js";
import { draft, fill } from "./harness.js";

/** What a log is when it has lost messages that it had acknowledged: no sequence stands for two messages without anybody being told. */
export const rewindGuarantees: readonly Guarantee[] = [
  {
    id: "store/rewind-identity",
    says: "is another one after it was set back, names who it was and up to where it is the same, and goes on with the next sequence",
    needs: "rewind",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 5);
      const { identity } = log;
      let woken = 0;
      log.onChange(() => woken++);
      await bench.rewind("orders", 3);
      equal([log.identity === identity, log.predecessors, woken > 0], [false, [{ identity, last: 3 }], true]);
      equal(
        (await log.read({ after: 0, limit: 10 })).messages.map(({ content }) => content),
        [1, 2, 3],
      );
      const second = log.identity;
      equal(
        (await log.append([draft("anew")])).map(({ sequence }) => sequence),
        [4],
      );
      await bench.rewind("orders", 4);
      equal(log.predecessors, [
        { identity, last: 3 },
        { identity: second, last: 4 },
      ]);
    },
  },
  {
    id: "store/rewind-work",
    says: "sets cursors and work back with the messages: nothing that comes is taken for done",
    needs: "rewind",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 5);
      const key = { owner: "reader", name: "reader" };
      await log.moveCursor(key, 5);
      const claims = await claimSome(log, "w", 5);
      await settle(log, "w", claims);
      await bench.rewind("orders", 3);
      equal(await log.cursor(key), 3);
      await fill(log, 2);
      equal(claimed(await claimSome(log, "w", 5)), [4, 5]);
      const { count, groups } = await log.stats();
      equal([count, groups[0]?.claimed, groups[0]?.ready], [5, 2, 0]);
    },
  },
];
