import type { Guarantee } from "./guarantee.js";
import { equal, ok, readAll, refused, sequences } from "./expectations.js";
import { draft, fill } from "./harness.js";

/** Appending and reading. */
export const logGuarantees: readonly Guarantee[] = [
  {
    id: "store/append-sequences",
    says: "gives sequences 1, 2, 3 in append order and shows what it acknowledged",
    async prove(bench) {
      const log = await bench.open();
      const first = await log.append([draft("a")]);
      const more = await log.append([draft("b"), draft("c")]);
      equal(
        [...first, ...more].map(({ sequence, duplicate }) => [sequence, duplicate]),
        [
          [1, false],
          [2, false],
          [3, false],
        ],
      );
      equal(
        (await readAll(log)).map(({ content }) => content),
        ["a", "b", "c"],
      );
    },
  },
  {
    id: "store/append-concurrent",
    says: "gives concurrent appends distinct, contiguous sequences",
    async prove(bench) {
      const log = await bench.open();
      const receipts = await Promise.all(Array.from({ length: 100 }, (_, index) => log.append([draft(index)])));
      const given = receipts.flat().map(({ sequence }) => sequence);
      equal(
        [...given].sort((a, b) => a - b),
        Array.from({ length: 100 }, (_, index) => index + 1),
      );
      const stored = await readAll(log);
      for (const [index, [receipt]] of receipts.entries()) equal(stored[(receipt?.sequence ?? 0) - 1]?.content, index);
    },
  },
  {
    id: "store/round-trip",
    says: "gives back every field and every JSON value as it was written (W12)",
    async prove(bench) {
      const log = await bench.open();
      const content = {
        text: "äöü 🚀 \u2028\ud800",
        numbers: [0, -1.5, 1e300, 9007199254740991],
        nested: { deep: [null, true, {}] },
        "": [],
      };
      const [receipt] = await log.append([
        draft(content, {
          id: "one",
          timestamp: 42,
          senderId: "s",
          metadata: { m: [1] },
          correlationId: "c",
          replyTo: "r",
          recipientId: "p",
          delayMs: 0,
        }),
      ]);
      const [message] = await readAll(log);
      equal(
        { ...message },
        {
          id: "one",
          sequence: receipt?.sequence,
          timestamp: 42,
          senderId: "s",
          content,
          metadata: { m: [1] },
          correlationId: "c",
          replyTo: "r",
          recipientId: "p",
        },
      );
    },
  },
  {
    id: "store/frozen",
    says: "hands out messages that no reader can change (W31)",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft(Object.freeze({ list: Object.freeze([1]) }))]);
      for (const message of [
        ...(await readAll(log)),
        ...(await log.claim({ group: "g", readerId: "r", limit: 1, leaseMs: 1_000 })).claims.map((claim) => claim.message),
      ]) {
        ok(
          Object.isFrozen(message) &&
            Object.isFrozen(message.content) &&
            Object.isFrozen((message.content as { list: unknown }).list) &&
            Object.isFrozen(message.metadata),
        );
      }
    },
  },
  {
    id: "store/ids-from-elsewhere",
    says: "treats an id that another log made like any other, also when it names the same sequence",
    async prove(bench) {
      const [from, log] = [await bench.open("from"), await bench.open("to")];
      const [made] = await from.append([draft("a")]);
      const id = made?.id ?? "";
      equal((await log.append([draft("a", { id, timestamp: bench.clock.now() })]))[0]?.duplicate, false);
      equal((await log.append([draft("a", { id })]))[0]?.duplicate, true);
      equal(await log.remove([id]), 1);
      equal((await log.append([draft("a", { id })]))[0]?.duplicate, true);
      await bench.clock.advance(600_000);
      await log.evict({});
      equal(
        (await log.append([draft("a", { id })])).map(({ sequence, duplicate }) => [sequence, duplicate]),
        [[2, false]],
      );
    },
  },
  {
    id: "store/read-pages",
    says: "reads in order, page by page, and says where to go on",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 25);
      const first = await log.read({ after: 0, limit: 10 });
      const second = await log.read({ after: first.position, limit: 10 });
      const third = await log.read({ after: second.position, limit: 10 });
      equal(
        [first, second, third].map((page) => [page.messages.length, page.position, page.skipped]),
        [
          [10, 10, 0],
          [10, 20, 0],
          [5, 25, 0],
        ],
      );
      equal(
        sequences([...first.messages, ...second.messages, ...third.messages]),
        Array.from({ length: 25 }, (_, index) => index + 1),
      );
      equal(await log.read({ after: 25, limit: 10 }), { messages: [], position: 25, skipped: 0 });
    },
  },
  {
    id: "store/read-ahead",
    says: "refuses a position behind its end instead of starting over (W07)",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 3);
      const error = await refused(() => log.read({ after: 4, limit: 1 }), "position_ahead");
      equal(error.details["last"], 3);
    },
  },
  {
    id: "store/read-beside-claims",
    says: "shows messages whatever is claimed, given back or settled (W06)",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 4);
      const { claims } = await log.claim({ group: "g", readerId: "w", limit: 3, leaseMs: 1_000 });
      const [first, second] = claims;
      await log.settle("g", "w", [
        { receipt: first?.receipt ?? "", action: "acknowledge" },
        { receipt: second?.receipt ?? "", action: "dead-letter" },
      ]);
      equal(sequences(await readAll(log)), [1, 2, 3, 4]);
    },
  },
  {
    id: "store/channels-apart",
    says: "keeps channels apart, also when one id begins with the other (W28, G3)",
    async prove(bench) {
      const ids = ["a", "a.b", "a~", "A", "_", "a:b@c+d=e-f", "x".repeat(256)];
      const logs = await Promise.all(ids.map((id) => bench.open(id)));
      for (const [index, log] of logs.entries()) await log.append([draft(index, { id: "same" })]);
      for (const [index, log] of logs.entries())
        equal(
          (await readAll(log)).map(({ content }) => content),
          [index],
        );
    },
  },
  {
    id: "store/bad-ids",
    says: "refuses channel ids outside the documented alphabet (W29)",
    async prove(bench) {
      for (const id of ["", "x".repeat(257), "../x", "a/b", "a b", "a\u0000", "a!", "\uff21", ".."])
        await refused(() => bench.open(id), "invalid_identifier");
    },
  },
  {
    id: "store/change",
    says: "wakes listeners after an append is visible, and stops when they leave",
    async prove(bench) {
      const log = await bench.open();
      const seen: Promise<readonly unknown[]>[] = [];
      const cancel = log.onChange(() => seen.push(readAll(log)));
      await log.append([draft("a")]);
      cancel();
      await log.append([draft("b")]);
      equal(
        (await Promise.all(seen)).map((messages) => messages.length >= 1),
        [true],
      );
    },
  },
  {
    id: "store/closed",
    says: "refuses everything once it is closed, and closes twice without harm",
    async prove(bench) {
      const log = await bench.open();
      await bench.store.close();
      await bench.store.close();
      await refused(() => log.append([draft("a")]), "store_closed");
      await refused(() => log.read({ after: 0, limit: 1 }), "store_closed");
      await refused(() => log.claim({ group: "g", readerId: "r", limit: 1, leaseMs: 1_000 }), "store_closed");
      await refused(() => bench.open("other"), "store_closed");
    },
  },
  {
    id: "store/open-twice",
    says: "gives the same log when a channel is opened again",
    async prove(bench) {
      const [one, two] = await Promise.all([bench.open(), bench.open()]);
      await one.append([draft("a")]);
      await two.append([draft("b")]);
      equal(sequences(await readAll(one)), [1, 2]);
    },
  },
  {
    id: "store/read-before",
    says: "reads backwards, page by page, in the order of the sequences, across holes, and says where to go on",
    async prove(bench) {
      const log = await bench.open();
      await log.append(Array.from({ length: 9 }, (_, index) => draft(index + 1, { id: `m${index + 1}` })));
      await log.remove(["m1", "m5", "m9"]);
      const page = await log.readBefore({ before: 100, limit: 3 });
      equal([sequences(page.messages), page.position], [[6, 7, 8], 6]);
      const next = await log.readBefore({ before: page.position, limit: 10 });
      equal([sequences(next.messages), next.position], [[2, 3, 4], 0]);
      equal(await log.readBefore({ before: 0, limit: 10 }), { messages: [], position: 0, skipped: 0 });
      equal(sequences((await log.readBefore({ before: 9, limit: 10, maxBytes: 1 })).messages), [8]);
    },
  },
];
