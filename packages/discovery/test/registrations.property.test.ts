import { MemoryMessageStore, silentLogger, type ChannelInfo, type ChannelMessage } from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DiscoveryChannel, checkRegistration, type Registration } from "../src/index.js";
import { RegistrationIndex } from "../src/registration-index.js";

const HOSTS = ["h1", "h2", "h3"] as const;
const REGISTRANTS = ["a", "b"] as const;
const IDS = ["orders", "prices"] as const;

const info = (id: string, url: string): ChannelInfo => ({
  id,
  name: id,
  description: "",
  kind: "passthrough",
  visibility: "public",
  endpoints: [{ transport: "http", url }],
});

const urlsOf = (channel: ChannelInfo | undefined): readonly string[] => channel?.endpoints.map(({ url }) => url) ?? [];

interface Registered {
  readonly id: string;
  readonly host: string;
  readonly registrant: string;
  readonly url: string;
  readonly expiresAt: number;
}

describe("an index of registrations", () => {
  const step = fc.record({
    afterMs: fc.integer({ min: 0, max: 40 }),
    id: fc.constantFrom(...IDS),
    host: fc.constantFrom(...HOSTS),
    registrant: fc.constantFrom(...REGISTRANTS),
    does: fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 100, max: 300 }) },
      fc.constantFrom("withdrawn" as const, "withdrawn everywhere" as const),
    ),
  });

  it("answers with the live hosts of the newest registrant, the newest first, also when it is made of nothing but what still holds", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 0, max: 400 }), (steps, restMs) => {
        const index = new RegistrationIndex();
        const messages: ChannelMessage<Registration>[] = [];
        let model: readonly Registered[] = [];
        let now = 1_000;
        for (const [number, { afterMs, id, host, registrant, does }] of steps.entries()) {
          now += afterMs;
          const url = `http://${host}.example/${number}`;
          const content: Registration =
            typeof does === "number"
              ? { type: "channel", id, host, ttlMs: does, channel: info(id, url) }
              : { type: "withdrawn", of: "channel", id, ...(does === "withdrawn" ? { host } : {}) };
          const others = model.filter((one) => one.id !== id || (one.host !== host && does !== "withdrawn everywhere"));
          model = typeof does === "number" ? [{ id, host, registrant, url, expiresAt: now + does }, ...others] : others;
          messages.push({ id: `m${number}`, sequence: number + 1, senderId: registrant, timestamp: now, content, metadata: {} });
          index.apply(messages.at(-1) as ChannelMessage);
        }
        now += restMs;
        const expected = IDS.map((id) => {
          const live = model.filter((one) => one.id === id && one.expiresAt > now);
          return live.filter(({ registrant }) => registrant === live[0]?.registrant).map(({ url }) => url);
        });
        const answers = (of: RegistrationIndex): readonly (readonly string[])[] => {
          const found = of.channels({}, now);
          return IDS.map((id) => urlsOf(found.find((channel) => channel.id === id)));
        };
        expect(answers(index)).toEqual(expected);
        const live = index.liveSequences(now);
        const tidied = new RegistrationIndex();
        for (const message of messages) if (live.has(message.sequence)) tidied.apply(message);
        expect(answers(tidied)).toEqual(expected);
        index.prune(now);
        expect(answers(index)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});

/** Ids that two registrants have had at once, as the log tells it. */
function sharedIds(messages: readonly ChannelMessage[]): readonly string[] {
  const live = new Map<string, Map<string, { readonly registrant: string; readonly expiresAt: number }>>();
  return messages.flatMap(({ content, senderId, timestamp }) => {
    const registration = checkRegistration(content);
    const { id, host = "" } = registration;
    const hosts = live.get(id) ?? new Map<string, { readonly registrant: string; readonly expiresAt: number }>();
    live.set(id, hosts);
    const others = [...hosts.values()].filter(({ registrant, expiresAt }) => registrant !== senderId && expiresAt > timestamp);
    if (registration.type === "withdrawn") hosts.delete(host);
    else hosts.set(host, { registrant: senderId, expiresAt: timestamp + registration.ttlMs });
    return others.length > 0 ? [id] : [];
  });
}

describe("hosts that register, withdraw, remove and clean up at once", () => {
  const call = fc.record({
    at: fc.integer({ min: 0, max: 2 }),
    id: fc.constantFrom(...IDS),
    host: fc.constantFrom(...HOSTS),
    registrant: fc.constantFrom(...REGISTRANTS),
    ttlMs: fc.constantFrom(200, 600_000),
    does: fc.constantFrom("register", "register", "register", "withdraw", "maintain", "clear"),
  });
  const round = fc.record({ calls: fc.array(call, { minLength: 1, maxLength: 8 }), restMs: fc.constantFrom(0, 100, 300) });

  it("agree, as does one that begins then, and no id has two registrants", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 6 }), async (rounds) => {
        const clock = new VirtualClock(undefined, { io: false });
        const store = new MemoryMessageStore({ clock });
        const begin = async (): Promise<DiscoveryChannel> => {
          const options = { id: "discovery", store: new MemoryMessageStore({ beside: store }), clock, logger: silentLogger };
          const discovery = new DiscoveryChannel(options);
          await discovery.start();
          return discovery;
        };
        const hosts = await Promise.all([begin(), begin(), begin()]);
        const log = await store.open("discovery");
        for (const { calls, restMs } of rounds) {
          const under = calls.map(async ({ at, id, host, registrant, ttlMs, does }) => {
            const discovery = hosts[at] as DiscoveryChannel;
            const channel = info(id, `http://${registrant}-${host}.example/`);
            if (does === "register") await discovery.write(registrant, { type: "channel", id, host, ttlMs, channel });
            else if (does === "withdraw") await discovery.write(registrant, { type: "withdrawn", of: "channel", id, host });
            else if (does === "maintain") await discovery.maintain();
            else await discovery.clear("admin", ({ content }) => content.id === id);
          });
          const ended = Promise.allSettled(under);
          // Those that were in each other's way try again.
          await clock.advance(200);
          await ended;
          await clock.advance(restMs);
          expect(sharedIds((await log.read({ after: 0, limit: 1_000 })).messages)).toEqual([]);
        }
        // So long until what was removed elsewhere is noticed.
        await clock.advance(5_000);
        const answers = [...hosts, await begin()].map((discovery) => IDS.map((id) => discovery.getChannel(id)));
        for (const answer of answers) expect(answer).toEqual(answers[0]);
        await Promise.all(hosts.map((host) => host.drain({ timeoutMs: 0 })));
      }),
      { numRuns: 100 },
    );
  });
});
