import { READER, WRITER, contentsOf, fill, type ChannelGuarantee } from "./channel-guarantee.js";
import { equal, refused } from "./expectations.js";

/** Claims. */
export const channelClaimGuarantees: readonly ChannelGuarantee[] = [
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
      equal(
        (await ann.acknowledge("ann", [receipt, receipt, "made-up"])).map(({ status }) => status),
        ["acknowledged", "already_acknowledged", "unknown"],
      );
      equal(
        (
          await bob.nack(
            "bob",
            rest.map((claim) => claim.receipt),
          )
        ).map(({ status }) => status),
        ["released", "released"],
      );
      const again = await ann.claim("ann", { limit: 5 });
      equal(
        again.map(({ message, deliveries }) => [message.content, deliveries]),
        [
          [2, 2],
          [3, 2],
        ],
      );
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
      equal(
        (await port.deadLetters(READER)).map(({ message, reason }) => [message.content, reason]),
        [["bad", "unreadable"]],
      );
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
      await writer.writeBatch(WRITER, [
        { content: "for ann", recipientId: "ann" },
        { content: "for bob", recipientId: "bob" },
        { content: "for all" },
      ]);
      equal(contentsOf((await ann.read("ann")).messages), ["for ann", "for all"]);
      equal(contentsOf((await bob.read("bob")).messages), ["for bob", "for all"]);
      const streamed: unknown[] = [];
      for await (const { content } of bob.stream("bob", { from: "start" })) if (streamed.push(content) === 2) break;
      equal(streamed, ["for bob", "for all"]);
      equal(
        (await bob.claim("bob", { limit: 10 })).map(({ message }) => message.content),
        ["for bob", "for all"],
      );
      equal(
        (await ann.claim("ann", { limit: 10 })).map(({ message }) => message.content),
        ["for ann"],
      );
    },
  },
];
