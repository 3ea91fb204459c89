import {
  READER,
  WRITER,
  contentsOf,
  eventually,
  fill,
  type ChannelGuarantee,
  type ReachedChannel,
  type TestedKind,
} from "./channel-guarantee.js";
import { equal, ok } from "./expectations.js";

const claimedBy = async (port: ReachedChannel, limit = 10): Promise<unknown[]> =>
  (await port.claim(READER, { limit })).map(({ message }) => message.content);

/** The options of work are the same on every kind of channel that allows claims. */
function workOptions(kind: TestedKind): ChannelGuarantee {
  return {
    id: `channel/work-options-${kind}`,
    says: `counts deliveries, rests and buries on a ${kind} channel as on any other that allows claims`,
    kind,
    options: { maxDeliveries: 2, backoff: { initialMs: 600_000, maxMs: 600_000 }, claimTimeoutMs: 60_000 },
    async prove(channel) {
      const port = await channel.as(READER);
      equal((await port.info(READER)).backoff, { initialMs: 600_000, factor: 2, maxMs: 600_000 });
      await fill(port, ["poison", "slow"]);
      const [first, second] = await port.claim(READER, { limit: 2 });
      ok((first?.leaseMs ?? 0) > 50_000 && (first?.leaseMs ?? 0) <= 60_000, `a lease of ${first?.leaseMs} ms instead of the channel's`);
      await port.nack(READER, [first?.receipt ?? ""], { delayMs: 0, reason: "first" });
      await port.nack(READER, [second?.receipt ?? ""]);
      const [again, none] = await port.claim(READER, { limit: 2 });
      equal([again?.message.content, again?.deliveries, none], ["poison", 2, undefined]);
      await port.nack(READER, [again?.receipt ?? ""], { reason: "last" });
      equal(
        (await port.deadLetters(READER)).map(({ message, deliveries, reason }) => [message.content, deliveries, reason]),
        [["poison", 2, "last"]],
      );
      const [group] = (await port.stats(READER)).groups;
      equal([group?.ready, group?.delayed, group?.dead], [0, 1, 1]);
    },
  };
}

/** Deliveries, dead letters and time to live. */
export const channelDeliveryGuarantees: readonly ChannelGuarantee[] = [
  ...(["passthrough", "work-queue", "mailbox"] as const).map(workOptions),
  {
    id: "channel/deliveries",
    says: "counts what was worked on when a claim lapses, and nothing that was only fetched",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(READER);
      await fill(port, [1, 2, 3]);
      await port.claim(READER, { limit: 3, leaseMs: 20, working: 1, workerId: "of-a-process-that-is-gone" });
      equal(
        (await port.claim(READER, { limit: 3, waitMs: 5_000 })).map(({ deliveries }) => deliveries),
        [2, 1, 1],
      );
    },
  },
  {
    id: "channel/claim-repeated",
    says: "answers a claim that is repeated under its name with what it was granted",
    kind: "work-queue",
    async prove(channel) {
      const port = await channel.as(READER);
      await fill(port, [1, 2]);
      const [claim] = await port.claim(READER, { callId: "call-1" });
      const [again] = await port.claim(READER, { callId: "call-1" });
      equal([again?.message.content, again?.receipt, again?.deliveries], [1, claim?.receipt, 1]);
      equal(await claimedBy(port), [2]);
    },
  },
  {
    id: "channel/shared-queue",
    says: "lets a work queue be read, followed and worked off at once where it is shared, and says so",
    kind: "work-queue",
    options: { shared: true },
    async prove(channel) {
      const port = await channel.as(READER);
      equal((await port.info(READER)).shared, true);
      const heard: unknown[] = [];
      const subscription = await port.subscribe(READER, ({ content }) => void heard.push(content));
      await fill(port, [1, 2]);
      const claims = await port.claim(READER, { limit: 1 });
      await port.acknowledge(
        READER,
        claims.map(({ receipt }) => receipt),
      );
      equal(contentsOf((await port.read(READER)).messages), [1, 2]);
      const streamed: unknown[] = [];
      for await (const { content } of port.stream(READER, { from: "start" })) if (streamed.push(content) === 2) break;
      equal(streamed, [1, 2]);
      await eventually(() => heard.length === 2, "a subscriber of a shared queue hears what is written");
      await subscription.close();
      equal(await claimedBy(port), [2]);
    },
  },
  {
    id: "channel/ttl",
    says: "delivers nothing after its time to live through any door, and keeps it for the admin",
    kind: "passthrough",
    async prove(channel) {
      const port = await channel.as(READER);
      await port.write(WRITER, "short", { ttlMs: 1 });
      const [, last] = await port.writeBatch(WRITER, [
        { content: "short too", ttlMs: 1 },
        { content: "long", ttlMs: 60_000 },
      ]);
      const past = (last?.timestamp ?? 0) + 1;
      while ((await port.positions(READER)).now < past) await new Promise((resolve) => setTimeout(resolve, 5));
      const page = await port.read(READER);
      equal([contentsOf(page.messages), page.position], [["long"], 3]);
      const streamed: unknown[] = [];
      for await (const { content } of port.stream(READER, { from: "start" })) {
        streamed.push(content);
        break;
      }
      equal([streamed, await claimedBy(port)], [["long"], ["long"]]);
      equal(contentsOf((await port.history(READER)).messages), ["short", "short too", "long"]);
    },
  },
];
