import { READER, WRITER, contentsOf, fill, type ChannelGuarantee } from "./channel-guarantee.js";
import { equal, ok, refused } from "./expectations.js";

/** Writing and reading. */
export const channelReadGuarantees: readonly ChannelGuarantee[] = [
  {
    id: "channel/round-trip",
    says: "gives back every field as it was written, and who wrote it",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(WRITER);
      const content = { text: "äöü 🚀 \u2028\ud800", numbers: [0, -1.5, 9007199254740991], nested: { "": [], __proto: null } };
      const receipt = await port.write(WRITER, content, { id: "one", correlationId: "c", replyTo: "r", metadata: { m: [1] } });
      const { messages, position, skipped } = await port.read(WRITER);
      equal([position, skipped], [1, 0]);
      const [message] = messages;
      equal(receipt, { id: "one", sequence: 1, duplicate: false, timestamp: message?.timestamp });
      equal(
        { ...message, timestamp: 0 },
        { id: "one", sequence: 1, timestamp: 0, senderId: WRITER, content, metadata: { m: [1] }, correlationId: "c", replyTo: "r" },
      );
      ok(Object.isFrozen(message) && Object.isFrozen(message?.content) && Object.isFrozen(message?.metadata));
    },
  },
  {
    id: "channel/idempotent",
    says: "stores a repeated id once, and refuses it with other content",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(WRITER);
      const first = await port.write(WRITER, { n: 1 }, { id: "x" });
      equal(await port.write(WRITER, { n: 1 }, { id: "x" }), { ...first, duplicate: true });
      equal((await port.write(WRITER, { n: 1 }, { id: "x", metadata: { traceparent: "00-2-2-01" } })).duplicate, true);
      await refused(() => port.write(WRITER, { n: 2 }, { id: "x" }), "message_conflict");
      equal(contentsOf((await port.read(WRITER)).messages), [{ n: 1 }]);
    },
  },
  {
    id: "channel/concurrent-writes",
    says: "keeps the order in which one caller writes, however many writes are under way",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(WRITER);
      const numbers = Array.from({ length: 300 }, (_, index) => index);
      const receipts = await Promise.all(numbers.map((number) => port.write(WRITER, number)));
      equal(
        receipts.map(({ sequence }) => sequence),
        numbers.map((number) => number + 1),
      );
      equal(contentsOf((await port.read(WRITER, { limit: 1_000 })).messages), numbers);
    },
  },
  {
    id: "channel/refused-alone",
    says: "refuses one bad message among many concurrent ones, and no other",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(WRITER);
      await port.write(WRITER, "first", { id: "taken" });
      const outcomes = await Promise.allSettled([
        port.write(WRITER, "a"),
        port.write(WRITER, "other", { id: "taken" }),
        port.write(WRITER, "b"),
        port.write(WRITER, "c", { id: "../x" }),
        port.write(WRITER, "d"),
      ]);
      equal(
        outcomes.map(({ status }) => status),
        ["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"],
      );
      equal(contentsOf((await port.read(WRITER)).messages), ["first", "a", "b", "d"]);
    },
  },
  {
    id: "channel/batch",
    says: "stores a batch whole or not at all",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(WRITER);
      equal(
        (await port.writeBatch(WRITER, [{ content: 1 }, { content: 2, id: "two" }])).map(({ sequence }) => sequence),
        [1, 2],
      );
      await refused(() => port.writeBatch(WRITER, [{ content: 3 }, { content: 4, id: "two" }]), "message_conflict");
      await refused(() => port.writeBatch(WRITER, [{ content: 3 }, { content: undefined }]), "invalid_content");
      equal(await port.writeBatch(WRITER, []), []);
      equal(contentsOf((await port.read(WRITER)).messages), [1, 2]);
    },
  },
  {
    id: "channel/bad-input",
    says: "refuses what is no JSON, no identifier, no number in its range, and stores nothing of it",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(WRITER);
      const circle: Record<string, unknown> = {};
      circle["self"] = circle;
      for (const content of [undefined, Number.NaN, Infinity, () => 1, 1n, new Date(0), circle, { deep: [{ x: undefined }] }])
        await refused(() => port.write(WRITER, content), "invalid_content");
      for (const id of ["", "../x", "a b", "x".repeat(257)]) await refused(() => port.write(WRITER, 1, { id }), "invalid_identifier");
      for (const delayMs of [-1, 0.5, 1e15]) await refused(() => port.write(WRITER, 1, { delayMs }), "invalid_argument");
      for (const limit of [0, -1, 1.5, 10_001]) await refused(() => port.read(WRITER, { limit }), "invalid_argument");
      await refused(() => port.write(WRITER, "x".repeat(1_200_000)), "content_too_large");
      await refused(() => port.read(WRITER, { after: 1 }), "position_ahead");
      await refused(() => port.read(WRITER, { after: 0, commit: 0 }), "invalid_argument");
      equal((await port.read(WRITER, { after: 0 })).messages, []);
    },
  },
  {
    id: "channel/cursors",
    says: "repeats a read until it is committed, and keeps each reader's and each name's place apart",
    kind: "passthrough",
    async prove(channel) {
      const [port, other] = [await channel.as(READER), await channel.as("other")];
      await fill(port, [1, 2, 3, 4]);
      const first = await port.read(READER, { limit: 2 });
      equal((await port.read(READER, { limit: 2 })).messages, first.messages);
      equal(contentsOf((await port.read(READER, { limit: 1, commit: first.position })).messages), [3]);
      equal(contentsOf((await port.read(READER, { cursor: "mine", limit: 1, commit: "on-delivery" })).messages), [1]);
      equal(contentsOf((await port.read(READER, { cursor: "mine", limit: 1 })).messages), [2]);
      equal(contentsOf((await port.read(READER, { after: 3 })).messages), [4]);
      const { log } = await port.read(READER);
      const { now: _now, ...positions } = await port.positions(READER);
      equal(positions, { first: 1, last: 4, cursor: 2, log });
      equal((await other.positions("other")).cursor, undefined);
      equal(await port.commit(READER, 1), 2);
      await refused(() => port.commit(READER, 9), "position_ahead");
    },
  },
  {
    id: "channel/seek",
    says: "moves a cursor to the start, the end, a sequence or a time",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(READER);
      await fill(port, [1, 2, 3]);
      const [message] = (await port.read(READER, { after: 0, limit: 1 })).messages;
      equal(await port.seek(READER, "end"), 3);
      equal(await port.seek(READER, { sequence: 2 }), 2);
      equal(await port.seek(READER, { timestamp: message?.timestamp ?? 0 }), 0);
      equal(await port.seek(READER, "start"), 0);
      equal(contentsOf((await port.read(READER)).messages), [1, 2, 3]);
    },
  },
  {
    id: "channel/host-operations",
    says: "tells an admin everything and removes what it is told to",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as("admin");
      await port.writeBatch(
        WRITER,
        ["a", "b", "c", "d", "e"].map((id) => ({ content: id, id })),
      );
      equal(await port.remove("admin", ["a", "unknown"]), 1);
      equal(await port.evict("admin", { maxCount: 3 }), 1);
      equal(
        (await port.history("admin")).messages.map(({ id }) => id),
        ["c", "d", "e"],
      );
      equal(await port.clear("admin", ({ id }) => id === "d"), 1);
      const { count, first, last } = await port.stats("admin");
      equal([count, first, last], [2, 3, 5]);
      equal(await port.clear("admin"), 2);
      equal((await port.read("admin", { after: 0 })).messages, []);
    },
  },
  {
    id: "channel/if-last",
    says: "writes only where the channel ends as the writer expects, and says where it ends otherwise",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(WRITER);
      await port.writeBatch(WRITER, [{ content: 1 }, { content: 2 }], { ifLast: 0 });
      const error = await refused(() => port.write(WRITER, 3, { ifLast: 1 }), "position_conflict");
      equal(error.details["last"], 2);
      const { last } = await port.positions(WRITER);
      equal((await port.write(WRITER, 3, { ifLast: last })).sequence, 3);
      await refused(() => port.write(WRITER, 4, { ifLast: -1 }), "invalid_argument");
    },
  },
];
