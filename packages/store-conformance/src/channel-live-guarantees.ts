import { READER, WRITER, eventually, fill, type ChannelGuarantee } from "./channel-guarantee.js";
import { equal, refused } from "./expectations.js";

/** Following. */
export const channelLiveGuarantees: readonly ChannelGuarantee[] = [
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
