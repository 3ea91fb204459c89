import type { MessageDraft, Metadata } from "@sssn/core";
import { equal, readAll, refused } from "./expectations.js";
import type { Guarantee } from "./guarantee.js";
import { draft } from "./harness.js";

/** Writing twice under one id. */
export const idempotenceGuarantees: readonly Guarantee[] = [
  {
    id: "store/idempotent",
    says: "answers a repeated id with the first sequence and stores nothing (W10)",
    async prove(bench) {
      const log = await bench.open();
      const [first] = await log.append([draft({ a: 1, b: 2 }, { id: "x" })]);
      const [again] = await log.append([draft({ b: 2, a: 1 }, { id: "x", timestamp: 5_000 })]);
      equal(again, { ...first, duplicate: true });
      const batch = await log.append([draft("new", { id: "y" }), draft("new", { id: "y" })]);
      equal(
        batch.map(({ sequence, duplicate }) => [sequence, duplicate]),
        [
          [2, false],
          [2, true],
        ],
      );
      equal((await readAll(log)).length, 2);
    },
  },
  {
    id: "store/idempotent-concurrent",
    says: "stores one message when the same id is written many times at once",
    async prove(bench) {
      const log = await bench.open();
      const receipts = await Promise.all(Array.from({ length: 20 }, () => log.append([draft("same", { id: "x" })])));
      equal(receipts.flat().filter(({ duplicate }) => !duplicate).length, 1);
      equal(new Set(receipts.flat().map(({ sequence }) => sequence)).size, 1);
      equal((await readAll(log)).length, 1);
    },
  },
  {
    id: "store/idempotent-own-ids",
    says: "knows the ids that it made itself",
    async prove(bench) {
      const log = await bench.open();
      const [made] = await log.append([draft("a")]);
      const id = made?.id ?? "";
      equal((await log.get(id))?.content, "a");
      equal(await log.append([draft("a", { id })]), [{ ...made, duplicate: true }]);
    },
  },
  {
    id: "store/conflict",
    says: "refuses an id that it holds with other content, and stores nothing of that batch (G5)",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft("a", { id: "x" })]);
      await refused(() => log.append([draft("new"), draft("b", { id: "x" })]), "message_conflict");
      await refused(() => log.append([draft("a", { id: "x", senderId: "somebody else" })]), "message_conflict");
      equal(
        (await readAll(log)).map(({ content }) => content),
        ["a"],
      );
      equal((await log.append([draft("next")]))[0]?.sequence, 2);
    },
  },
  {
    id: "store/ids-outlive-removal",
    says: "knows an id for ten minutes after its write, also when the message is gone",
    async prove(bench) {
      const log = await bench.open();
      await log.append([draft("a", { id: "x", timestamp: bench.clock.now() })]);
      await log.remove(["x"]);
      equal(await log.append([draft("a", { id: "x" })]), [{ id: "x", sequence: 1, duplicate: true }]);
      await bench.clock.advance(600_000);
      await log.evict({});
      equal((await log.append([draft("a", { id: "x" })]))[0]?.duplicate, false);
    },
  },
  {
    id: "store/annotations",
    says: "compares what the writer states, and not what the way to the store added to it",
    async prove(bench) {
      const log = await bench.open();
      const of = (metadata: Metadata): MessageDraft => draft("a", { id: "x", metadata });
      await log.append([of({ order: 1, traceparent: "00-1-1-01", tracestate: "a=1", traceContext: { b3: "1" } })]);
      const [again] = await log.append([of({ order: 1, traceparent: "00-2-2-01", traceContext: { b3: "2" } })]);
      equal(again?.duplicate, true);
      equal((await log.append([of({ order: 1 })]))[0]?.duplicate, true);
      await refused(() => log.append([of({ order: 2, traceparent: "00-1-1-01" })]), "message_conflict");
      equal((await readAll(log))[0]?.metadata["traceparent"], "00-1-1-01");
    },
  },
  {
    id: "store/if-last",
    says: "adds messages only where the log ends as their writer expects, to one of many who expect the same, and knows a repeated write of it",
    async prove(bench) {
      const log = await bench.open();
      const outcomes = await Promise.allSettled(
        ["a", "b", "c"].map((id) => log.append([draft(id, { id }), draft(`${id} too`)], { ifLast: 0 })),
      );
      equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
      const [winner] = (await log.read({ after: 0, limit: 10 })).messages;
      equal((await log.bounds()).last, 2);
      const error = await refused(() => log.append([draft("late")], { ifLast: 0 }), "position_conflict");
      equal(error.details, { last: 2, ifLast: 0 });
      const [again] = await log.append([draft(winner?.content ?? null, { id: winner?.id ?? "" })], { ifLast: 0 });
      equal([again?.sequence, again?.duplicate], [1, true]);
      await log.append([draft("next")], { ifLast: 2 });
      await log.remove([winner?.id ?? ""]);
      equal(
        (await log.append([draft("after a removal")], { ifLast: 3 })).map(({ sequence }) => sequence),
        [4],
      );
    },
  },
];
