import type { Guarantee } from "./guarantee.js";
import { claimSome, claimed, equal, ok, readAll, refused, sequences, settle } from "./expectations.js";
import { draft, fill } from "./harness.js";

/** Who is handed what: claims, groups, delays and addresses. */
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
