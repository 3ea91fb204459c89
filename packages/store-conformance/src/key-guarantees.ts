import type { ChannelLog } from "@sssn/core";
import type { Guarantee } from "./guarantee.js";
import { claimSome, claimed, equal, release, settle } from "./expectations.js";
import { draft } from "./harness.js";

/** Appends one message for each key, in their order; no key is `undefined`. */
async function appendKeys(log: ChannelLog, ...keys: (string | undefined)[]): Promise<void> {
  await log.append(keys.map((key, index) => draft(index + 1, key === undefined ? {} : { key })));
}

/** Claims whatever there is and settles it, again and again. @returns the sequences of each round. */
async function rounds(log: ChannelLog, limit = 10): Promise<number[][]> {
  const taken: number[][] = [];
  for (;;) {
    const claims = await claimSome(log, "w", limit);
    if (claims.length === 0) return taken;
    taken.push(claimed(claims));
    await settle(log, "w", claims);
  }
}

/** Of one key, one message at a time is handed out, in the order of their sequences; and the highest priority first. */
export const keyGuarantees: readonly Guarantee[] = [
  {
    id: "store/key-order",
    says: "hands out one message of a key at a time, in their order, and holds up neither other keys nor messages without one",
    async prove(bench) {
      const log = await bench.open();
      await appendKeys(log, "a", "a", "b", undefined, "a", "b");
      equal(await rounds(log), [[1, 3, 4], [2, 6], [5]]);
    },
  },
  {
    id: "store/key-rest",
    says: "keeps the turn of a key while its message rests after it was given back, and gives it on when that is dead",
    async prove(bench) {
      const log = await bench.open();
      await appendKeys(log, "a", "a", "b");
      const [first, other] = await claimSome(log, "w", 10);
      await release(log, "w", first ? [first] : [], 1_000);
      await settle(log, "w", other ? [other] : []);
      equal(claimed(await claimSome(log, "w", 10)), []);
      await bench.clock.advance(1_000);
      const again = await claimSome(log, "w", 10);
      equal(claimed(again), [1]);
      await settle(log, "w", again, "dead-letter");
      equal(claimed(await claimSome(log, "w", 10)), [2]);
    },
  },
  {
    id: "store/key-freed",
    says: "tells whoever finds nothing when the turn of a key comes by itself, because the time to live of the message ends that rests in it",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft(1, { key: "a", ttlMs: 5_000 }), draft(2, { key: "a" })]);
      await release(log, "w", await claimSome(log, "w", 1), 3_600_000);
      const { claims, nextAvailableInMs = Infinity } = await log.claim({ group: "default", readerId: "w", limit: 1, leaseMs: 1_000 });
      equal([claims, nextAvailableInMs <= 5_000], [[], true]);
      await bench.clock.advance(nextAvailableInMs);
      equal(claimed(await claimSome(log, "w", 1)), [2]);
    },
  },
  {
    id: "store/key-lapse",
    says: "hands a message of a key out again when its lease has lapsed, before the next one of it",
    async prove(bench) {
      const log = await bench.open();
      await appendKeys(log, "a", "a");
      await claimSome(log, "dead worker", 10, { leaseMs: 1_000 });
      await bench.clock.advance(1_000);
      equal(await rounds(log), [[1], [2]]);
    },
  },
  {
    id: "store/key-requeue",
    says: "hands out a requeued dead letter before the later ones of its key, and after the one that is out",
    async prove(bench) {
      const log = await bench.open();
      await appendKeys(log, "a", "a", "a");
      await settle(log, "w", await claimSome(log, "w", 1), "dead-letter");
      const second = await claimSome(log, "w", 1);
      equal([claimed(second), await log.requeue("default")], [[2], 1]);
      equal(claimed(await claimSome(log, "w", 10)), []);
      await settle(log, "w", second);
      equal(await rounds(log), [[1], [3]]);
    },
  },
  {
    id: "store/key-requeue-cancelled",
    says: "hands out what has no key beside a requeued dead letter, also where a later message of the letter's key was cancelled",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft(1, { key: "a" }), draft(2, { id: "two", key: "a" })]);
      await log.cancel("default", ["two"]);
      const first = await claimSome(log, "w", 1);
      await log.append([draft(3)]);
      await settle(log, "w", first, "dead-letter");
      await log.requeue("default");
      equal(claimed(await claimSome(log, "w", 2)), [1, 3]);
    },
  },
  {
    id: "store/key-gone",
    says: "goes on with the next message of a key when one was removed, ran out of time, was replaced or was cancelled, whether its turn had come or not",
    async prove(bench) {
      const log = await bench.open();
      await log.append([
        draft(1, { id: "m1", key: "a" }),
        draft(2, { id: "m2", key: "a" }),
        draft(3, { id: "m3", key: "a", ttlMs: 500 }),
        draft(4, { id: "m4", key: "a", supersede: "name" }),
        draft(5, { id: "m5", key: "a" }),
        draft(6, { id: "m6", key: "a" }),
      ]);
      await log.append([draft(7, { supersede: "name" })]);
      const [first] = await claimSome(log, "w", 1);
      await log.cancel("default", ["m5"]);
      await log.remove(["m2"]);
      await bench.clock.advance(500);
      await settle(log, "w", first ? [first] : []);
      equal(claimed(await claimSome(log, "w", 10)), [6, 7]);
    },
  },
  {
    id: "store/key-priority",
    says: "keeps the order of a key also where a later message of it has a higher priority",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft(1, { key: "a", priority: 0 }), draft(2, { key: "a", priority: 9 }), draft(3, { key: "b", priority: 5 })]);
      equal(await rounds(log, 1), [[3], [1], [2]]);
    },
  },
  {
    id: "store/key-groups",
    says: "keeps the order of a key in each group by itself, also in one that comes late",
    async prove(bench) {
      const log = await bench.open();
      await appendKeys(log, "a", "a", "b");
      equal(await rounds(log), [[1, 3], [2]]);
      equal(claimed(await claimSome(log, "w", 10, { group: "late" })), [1, 3]);
      await log.append([draft(4, { key: "b" })]);
      equal(claimed(await claimSome(log, "w", 10)), [4]);
      equal(claimed(await claimSome(log, "w", 10, { group: "late" })), []);
    },
  },
  {
    id: "store/key-pile",
    says: "finds what waits behind thousands of messages of one key",
    async prove(bench) {
      const log = await bench.open();
      for (let page = 0; page < 3; page++) await log.append(Array.from({ length: 1_000 }, (_, index) => draft(index, { key: "busy" })));
      await log.append([draft("other", { key: "other" }), draft("free")]);
      equal(claimed(await claimSome(log, "w", 10)), [1, 3_001, 3_002]);
    },
  },
  {
    id: "store/key-restart",
    needs: "durable",
    says: "knows after a restart which message of a key is out, and which one is next",
    async prove(bench) {
      const log = await bench.open();
      await appendKeys(log, "a", "a", "b", "b");
      const [first, second] = await claimSome(log, "w", 10);
      await settle(log, "w", second ? [second] : []);
      await bench.restart();
      const reopened = await bench.open();
      equal(claimed(await claimSome(reopened, "w", 10)), [4]);
      equal(await settle(reopened, "w", first ? [first] : []), ["acknowledged"]);
      equal(claimed(await claimSome(reopened, "w", 10)), [2]);
      await reopened.append([draft(5, { key: "a" })]);
      await bench.restart();
      equal(claimed(await claimSome(await bench.open(), "w", 10)), []);
    },
  },
  {
    id: "store/priority",
    says: "hands out the highest priority first, and the oldest first within it",
    async prove(bench) {
      const log = await bench.open();
      await log.append([{}, { priority: 0 }, { priority: 9 }, { priority: 4 }, { priority: 9 }].map((more, index) => draft(index, more)));
      equal(await rounds(log, 2), [[3, 5], [1, 4], [2]]);
      await log.append([draft(5), draft(6, { priority: 5 })]);
      equal(await rounds(log), [[7, 6]]);
    },
  },
  {
    id: "store/priority-mailbox",
    says: "hands each reader its own messages by their priority",
    async prove(bench) {
      const log = await bench.open("mail", { addressed: true });
      await log.append([
        draft(1, { recipientId: "ann" }),
        draft(2, { recipientId: "ann", priority: 9 }),
        draft(3, { recipientId: "bob", priority: 9, key: "k" }),
        draft(4, { priority: 8, key: "k" }),
      ]);
      equal(claimed(await claimSome(log, "ann", 10, { audience: "ann" })), [2, 1]);
      equal(claimed(await claimSome(log, "bob", 10, { audience: "bob" })), [3]);
    },
  },
  {
    id: "store/priority-returned",
    says: "hands a message that came back out by its own priority",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft(1, { priority: 1 }), draft(2)]);
      const claims = await claimSome(log, "w", 2);
      await release(log, "w", claims);
      equal(claimed(await claimSome(log, "w", 2)), [2, 1]);
    },
  },
];
