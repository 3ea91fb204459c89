import type { Guarantee } from "./guarantee.js";
import { equal, ok, refused } from "./expectations.js";

/** Rights that one host at a time has. */
export const holdGuarantees: readonly Guarantee[] = [
  {
    id: "store/hold",
    says: "gives a right to one at a time, until it is given back or its time is over, under a number that grows",
    async prove({ store, clock }) {
      const first = await store.hold("poll", 1_000);
      equal([await store.hold("poll", 1_000), (await store.hold("other", 1_000)) !== undefined], [undefined, true]);
      await clock.advance(900);
      equal(await first?.renew(), true);
      await clock.advance(999);
      equal(await store.hold("poll", 1_000), undefined);
      await clock.advance(1);
      const second = await store.hold("poll", 1_000);
      ok((second?.fence ?? 0) > (first?.fence ?? 0), "the number does not grow");
      // Whoever had it has nothing to say any more.
      equal(await first?.renew(), false);
      await first?.release();
      equal(await store.hold("poll", 1_000), undefined);
      await second?.release();
      const third = await store.hold("poll", 1_000);
      ok((third?.fence ?? 0) > (second?.fence ?? 0), "the number does not grow");
    },
  },
  {
    id: "store/hold-race",
    says: "gives a right to one of many who ask at the same time",
    async prove({ store }) {
      const holds = await Promise.all(Array.from({ length: 20 }, () => store.hold("poll", 1_000)));
      equal(holds.filter((hold) => hold !== undefined).length, 1);
    },
  },
  {
    id: "store/hold-refused",
    says: "refuses a right without a name, or for no time",
    async prove({ store }) {
      await refused(() => store.hold("", 1_000), "invalid_argument");
      await refused(() => store.hold("no name!", 1_000), "invalid_argument");
      await refused(() => store.hold("poll", 0), "invalid_argument");
    },
  },
  {
    id: "store/hold-restart",
    needs: "durable",
    says: "goes on with the numbers of a right after a restart",
    async prove(bench) {
      const before = await bench.store.hold("poll", 1_000);
      await bench.restart();
      await bench.clock.advance(1_000);
      const after = await bench.store.hold("poll", 1_000);
      ok((after?.fence ?? 0) > (before?.fence ?? 0), "the number begins anew");
    },
  },
  {
    id: "store/shared-hold",
    needs: "shared",
    says: "gives a right to one of several hosts, and to another one when it is given back",
    async prove(bench) {
      const stores = [bench.store, await bench.join(), await bench.join()];
      const holds = await Promise.all(stores.map((store) => store.hold("poll", 1_000)));
      equal(holds.filter((hold) => hold !== undefined).length, 1);
      await holds.find((hold) => hold !== undefined)?.release();
      equal((await stores[2]?.hold("poll", 1_000)) !== undefined, true);
    },
  },
];
