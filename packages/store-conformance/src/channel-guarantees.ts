import type { ChannelHostPort, ChannelMessage, ChannelPort } from "@sssn/core";
import { equal, ok, refused } from "./expectations.js";

/** The kinds of channel that the suite asks for. */
export type TestedKind = "passthrough" | "broadcast" | "work-queue" | "mailbox";

/** How one system reaches a channel. */
export type ReachedChannel = ChannelPort & ChannelHostPort;

/** A new, empty, running channel. */
export interface ChannelUnderTest extends AsyncDisposable {
  /** The port through which a system reaches it, with the role admin. */
  as(systemId: string): Promise<ReachedChannel> | ReachedChannel;
}

/** A promise of every channel port, here or behind a transport, with its proof. */
export interface ChannelGuarantee {
  readonly id: `channel/${string}`;
  readonly says: string;
  readonly kind: TestedKind;
  readonly prove: (channel: ChannelUnderTest) => Promise<void>;
}

const WRITER = "writer";
const READER = "reader";

async function fill(channel: ReachedChannel, contents: readonly unknown[]): Promise<void> {
  await channel.writeBatch(WRITER, contents.map((content) => ({ content })));
}

const contentsOf = (messages: readonly ChannelMessage<unknown>[]): unknown[] => messages.map(({ content }) => content);

/** Waits until something holds, and gives up after five seconds. */
async function eventually(holds: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`It did not come to this within five seconds: ${what}`);
}

/** Writing and reading. */
const sharedGuarantees: readonly ChannelGuarantee[] = [
  {
    id: "channel/round-trip",
    says: "gives back every field as it was written, and who wrote it",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(WRITER);
      const content = { text: "äöü 🚀 \u2028\ud800", numbers: [0, -1.5, 9007199254740991], nested: { "": [], __proto: null } };
      const receipt = await port.write(WRITER, content, { id: "one", correlationId: "c", replyTo: "r", metadata: { m: [1] } });
      equal(receipt, { id: "one", sequence: 1, duplicate: false });
      const { messages, position, skipped } = await port.read(WRITER);
      equal([position, skipped], [1, 0]);
      const [message] = messages;
      equal({ ...message, timestamp: 0 }, { id: "one", sequence: 1, timestamp: 0, senderId: WRITER, content, metadata: { m: [1] }, correlationId: "c", replyTo: "r" });
      ok(Object.isFrozen(message) && Object.isFrozen(message?.content) && Object.isFrozen(message?.metadata));
    },
  },
  {
    id: "channel/idempotent",
    says: "stores a repeated id once, and refuses it with other content",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(WRITER);
      await port.write(WRITER, { n: 1 }, { id: "x" });
      equal(await port.write(WRITER, { n: 1 }, { id: "x" }), { id: "x", sequence: 1, duplicate: true });
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
      equal(receipts.map(({ sequence }) => sequence), numbers.map((number) => number + 1));
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
      const outcomes = await Promise.allSettled([port.write(WRITER, "a"), port.write(WRITER, "other", { id: "taken" }), port.write(WRITER, "b"), port.write(WRITER, "c", { id: "../x" }), port.write(WRITER, "d")]);
      equal(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"]);
      equal(contentsOf((await port.read(WRITER)).messages), ["first", "a", "b", "d"]);
    },
  },
  {
    id: "channel/batch",
    says: "stores a batch whole or not at all",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(WRITER);
      equal((await port.writeBatch(WRITER, [{ content: 1 }, { content: 2, id: "two" }])).map(({ sequence }) => sequence), [1, 2]);
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
      for (const content of [undefined, Number.NaN, Infinity, () => 1, 1n, new Date(0), circle, { deep: [{ x: undefined }] }]) await refused(() => port.write(WRITER, content), "invalid_content");
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
      equal(await port.positions(READER), { first: 1, last: 4, cursor: 2 });
      equal(await other.positions("other"), { first: 1, last: 4 });
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
      await port.writeBatch(WRITER, ["a", "b", "c", "d", "e"].map((id) => ({ content: id, id })));
      equal(await port.remove("admin", ["a", "unknown"]), 1);
      equal(await port.evict("admin", { maxCount: 3 }), 1);
      equal((await port.history("admin")).messages.map(({ id }) => id), ["c", "d", "e"]);
      equal(await port.clear("admin", ({ id }) => id === "d"), 1);
      const { count, first, last } = await port.stats("admin");
      equal([count, first, last], [2, 3, 5]);
      equal(await port.clear("admin"), 2);
      equal((await port.read("admin", { after: 0 })).messages, []);
    },
  },
];

/** Following. */
const liveGuarantees: readonly ChannelGuarantee[] = [
  {
    id: "channel/subscribe",
    says: "delivers what is written from then on, in order, also past a subscriber that throws",
    kind: "broadcast",
    async prove(channel) {
      const [writer, port] = [await channel.as(WRITER), await channel.as(READER)];
      await fill(writer, ["before"]);
      const seen: unknown[] = [];
      const subscription = await port.subscribe(READER, ({ content }) => {
        seen.push(content);
        if (content === 1) throw new Error("the subscriber's own");
      });
      for (const content of [1, 2, 3]) await writer.write(WRITER, content);
      await eventually(() => seen.length === 3, "three deliveries");
      equal(seen, [1, 2, 3]);
      await subscription.close();
      await writer.write(WRITER, 4);
      equal(seen, [1, 2, 3]);
    },
  },
  {
    id: "channel/subscribe-from",
    says: "begins where it is told to, and a durable subscription goes on behind what it was done with",
    kind: "broadcast",
    async prove(channel) {
      const [writer, port] = [await channel.as(WRITER), await channel.as(READER)];
      await fill(writer, [1, 2, 3]);
      const seen: unknown[] = [];
      const first = await port.subscribe(READER, ({ content }) => void seen.push(content), { from: "start", cursor: "durable" });
      await eventually(() => seen.length === 3, "the three from the start");
      await first.close();
      await writer.write(WRITER, 4);
      const second = await port.subscribe(READER, ({ content }) => void seen.push(content), { from: "start", cursor: "durable" });
      await eventually(() => seen.length >= 4, "the one behind them");
      equal(seen, [1, 2, 3, 4]);
      await second.close();
      const behind: unknown[] = [];
      const third = await port.subscribe(READER, ({ content }) => void behind.push(content), { from: { after: 2 } });
      await eventually(() => behind.length === 2, "the two behind the second");
      equal(behind, [3, 4]);
      await third.close();
      await refused(() => port.subscribe(READER, () => {}, { from: { after: 99 } }), "position_ahead");
    },
  },
  {
    id: "channel/stream",
    says: "streams until the loop is left or the signal aborts",
    kind: "broadcast",
    async prove(channel) {
      const [writer, port] = [await channel.as(WRITER), await channel.as(READER)];
      await fill(writer, [1, 2]);
      const seen: unknown[] = [];
      const abort = new AbortController();
      for await (const { content } of port.stream(READER, { from: "start", signal: abort.signal })) {
        seen.push(content);
        if (content === 2) void writer.write(WRITER, 3);
        if (content === 3) abort.abort();
      }
      equal(seen, [1, 2, 3]);
      for await (const { content } of port.stream(READER, { from: { after: 1 } })) {
        equal(content, 2);
        break;
      }
    },
  },
  {
    id: "channel/broadcast-claims",
    says: "refuses exclusive claims of a broadcast channel",
    kind: "broadcast",
    async prove(channel) {
      const port = await channel.as(READER);
      await refused(() => port.claim(READER), "unsupported_operation");
      await refused(() => port.acknowledge(READER, ["x"]), "unsupported_operation");
    },
  },
];

/** Claims. */
const claimGuarantees: readonly ChannelGuarantee[] = [
  {
    id: "channel/claims",
    says: "hands each message to one worker at a time, oldest first, and settles it for its holder only",
    kind: "work-queue",
    async prove(channel) {
      const [ann, bob] = [await channel.as("ann"), await channel.as("bob")];
      await fill(ann, [1, 2, 3]);
      const [first] = await ann.claim("ann");
      const rest = await bob.claim("bob", { limit: 5 });
      equal([first?.message.content, first?.deliveries, rest.map(({ message }) => message.content)], [1, 1, [2, 3]]);
      const receipt = first?.receipt ?? "";
      equal((await bob.acknowledge("bob", [receipt]))[0]?.status, "unknown");
      equal((await ann.extend("ann", [receipt], { leaseMs: 90_000 }))[0]?.status, "extended");
      equal((await ann.acknowledge("ann", [receipt, receipt, "made-up"])).map(({ status }) => status), ["acknowledged", "already_acknowledged", "unknown"]);
      equal((await bob.nack("bob", rest.map((claim) => claim.receipt))).map(({ status }) => status), ["released", "released"]);
      const again = await ann.claim("ann", { limit: 5 });
      equal(again.map(({ message, deliveries }) => [message.content, deliveries]), [[2, 2], [3, 2]]);
    },
  },
  {
    id: "channel/lease-ends",
    says: "hands a message on once its lease has ended, and refuses the one who had it",
    kind: "work-queue",
    async prove(channel) {
      const [ann, bob] = [await channel.as("ann"), await channel.as("bob")];
      await fill(ann, ["job"]);
      const [late] = await ann.claim("ann", { leaseMs: 20 });
      const [next] = await bob.claim("bob", { waitMs: 5_000 });
      equal([next?.message.content, next?.deliveries], ["job", 2]);
      equal((await ann.acknowledge("ann", [late?.receipt ?? ""]))[0]?.status, "lost");
      equal((await bob.acknowledge("bob", [next?.receipt ?? ""]))[0]?.status, "acknowledged");
    },
  },
  {
    id: "channel/waiting-claim",
    says: "waits for a message, and stops waiting when told to",
    kind: "work-queue",
    async prove(channel) {
      const port = await channel.as(READER);
      const waiting = port.claim(READER, { waitMs: 10_000 });
      await port.write(WRITER, "one");
      equal((await waiting)[0]?.message.content, "one");
      const abort = new AbortController();
      const stopped = port.claim(READER, { waitMs: 10_000, signal: abort.signal });
      abort.abort();
      equal(await stopped, []);
      equal(await port.claim(READER, { waitMs: 10 }), []);
    },
  },
  {
    id: "channel/groups",
    says: "lets each group work every message off once",
    kind: "work-queue",
    async prove(channel) {
      const port = await channel.as(READER);
      await fill(port, [1]);
      for (const group of ["billing", "shipping"]) {
        const [claim] = await port.claim(READER, { group });
        equal((await port.acknowledge(READER, [claim?.receipt ?? ""], { group }))[0]?.status, "acknowledged");
        equal(await port.claim(READER, { group }), []);
      }
    },
  },
  {
    id: "channel/dead-letters",
    says: "keeps dead letters with their reason, and makes them available again",
    kind: "work-queue",
    async prove(channel) {
      const port = await channel.as(READER);
      await fill(port, ["bad"]);
      const [claim] = await port.claim(READER);
      equal((await port.deadLetter(READER, [claim?.receipt ?? ""], { reason: "unreadable" }))[0]?.status, "dead_lettered");
      equal((await port.deadLetters(READER)).map(({ message, reason }) => [message.content, reason]), [["bad", "unreadable"]]);
      equal(await port.claim(READER), []);
      equal(await port.requeue(READER), 1);
      equal((await port.claim(READER))[0]?.message.content, "bad");
    },
  },
  {
    id: "channel/queue-reads",
    says: "refuses shared reads of a work queue",
    kind: "work-queue",
    async prove(channel) {
      const port = await channel.as(READER);
      await refused(() => port.read(READER), "unsupported_operation");
      await refused(() => port.subscribe(READER, () => {}), "unsupported_operation");
    },
  },
  {
    id: "channel/mail",
    says: "shows a reader its own mail and what is for everybody, through every door",
    kind: "mailbox",
    async prove(channel) {
      const [writer, ann, bob] = [await channel.as(WRITER), await channel.as("ann"), await channel.as("bob")];
      await writer.writeBatch(WRITER, [{ content: "for ann", recipientId: "ann" }, { content: "for bob", recipientId: "bob" }, { content: "for all" }]);
      equal(contentsOf((await ann.read("ann")).messages), ["for ann", "for all"]);
      equal(contentsOf((await bob.read("bob")).messages), ["for bob", "for all"]);
      const streamed: unknown[] = [];
      for await (const { content } of bob.stream("bob", { from: "start" })) if (streamed.push(content) === 2) break;
      equal(streamed, ["for bob", "for all"]);
      equal((await bob.claim("bob", { limit: 10 })).map(({ message }) => message.content), ["for bob", "for all"]);
      equal((await ann.claim("ann", { limit: 10 })).map(({ message }) => message.content), ["for ann"]);
    },
  },
];

/** Every rule that a channel port keeps, as a sentence with its proof. */
export const channelGuarantees: readonly ChannelGuarantee[] = [...sharedGuarantees, ...liveGuarantees, ...claimGuarantees];
