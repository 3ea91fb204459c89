import { BaseSystem, MemoryMessageStore, PassthroughChannel, isSSSNError, silentLogger, type Topology } from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { HttpHost, HttpTransport } from "../src/index.js";
import { post, publish, type Answer, type Published } from "./support/published.js";

const logger = silentLogger;
const code = ({ body }: Answer): unknown => (body as { code?: unknown } | undefined)?.code;
const topologyOf = ({ body }: Answer): Topology => body as Topology;

function channelOf(host: Published, id: string, visibility: "public" | "private" = "public"): PassthroughChannel {
  return new PassthroughChannel({ id, store: new MemoryMessageStore(), security: host.security, logger, visibility });
}

/** Asks for another revision than the one that there is, and waits until the host has begun to wait. */
async function ask(
  host: Published,
  clock: VirtualClock,
  token: string,
  init: RequestInit = {},
): Promise<{ known: Topology; answer: Promise<Answer> }> {
  const known = topologyOf(await host.fetch("/topology", token));
  const before = clock.pendingTimers;
  const answer = host.fetch(`/topology?after=${known.revision}&since=${known.since}&waitMs=60000`, token, init);
  answer.catch(() => undefined);
  await expect.poll(() => clock.pendingTimers).toBeGreaterThan(before);
  return { known, answer };
}

describe("the topology of a host", () => {
  it("tells who may observe everything what runs there, and nothing of what is private", async () => {
    const host = await publish();
    const answer = await host.fetch("/topology", await host.token("observe"));
    expect(answer.status).toBe(200);
    const local = host.system.topology();
    const { revision, since, ...told } = topologyOf(answer);
    expect([revision >= 1, since <= Date.now()]).toEqual([true, true]);
    expect(told).toEqual({
      systems: local.systems,
      channels: local.channels.filter(({ id }) => id !== "secret"),
      wires: local.wires.filter(({ channel }) => channel !== "secret"),
      endpoints: local.endpoints,
    });
    expect([told.channels.length, told.endpoints.length, JSON.stringify(answer.body).includes("secret")]).toEqual([4, 4, false]);
  });

  it("tells a token of the channels on which it observes, of the systems that these lead to, and of no other", async () => {
    const host = await publish();
    const roles = { news: "observe", orders: "write", "ma*": "admin" } as const;
    const token = await host.security.generateToken({ systemId: "some", roles });
    const { systems, channels, wires, endpoints } = topologyOf(await host.fetch("/topology", token));
    expect([
      systems.map(({ id }) => id),
      channels.map(({ id }) => id),
      wires.map(({ channel }) => channel),
      endpoints.map(({ channel }) => channel),
    ]).toEqual([["host"], ["news", "mail"], ["news", "mail"], ["news", "mail"]]);
  });

  it.each([
    [undefined, 401, "token_missing"],
    ["garbage", 401, "token_invalid"],
    ["watch", 403, "insufficient_role"],
    ["read", 403, "insufficient_role"],
    ["write", 403, "insufficient_role"],
    ["observe", 200, undefined],
    ["admin", 200, undefined],
  ] as const)("is told to those who observe and to nobody else: %s", async (who, status, problem) => {
    const host = await publish();
    const token = who === undefined || who === "garbage" ? who : await host.token(who);
    const answer = await host.fetch("/topology", token);
    expect([answer.status, code(answer)]).toEqual([status, problem]);
    expect(JSON.stringify(answer.body).includes("orders")).toBe(status === 200);
  });

  it("is asked for with GET, and is no channel's: a channel may have its name", async () => {
    const host = await publish();
    const admin = await host.token("admin");
    const posted = await host.fetch("/topology", admin, post({}));
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET"]);
    await host.system.startChannel(channelOf(host, "topology"));
    expect((await host.fetch("/channels/topology", admin)).body).toMatchObject({ id: "topology" });
    expect((await host.fetch("/topology/x", admin)).status).toBe(404);
  });

  it("is not there where channels were attached to a transport without a system", async () => {
    const transport = new HttpTransport({ port: 0, logger });
    const channel = new PassthroughChannel({ id: "c", store: new MemoryMessageStore(), logger, visibility: "public" });
    await channel.start();
    transport.attach(channel);
    const [url = ""] = await transport.start();
    onTestFinished(async () => {
      await transport.stop({ timeoutMs: 1_000 });
      await channel.stop();
    });
    expect((await fetch(`${url}/topology`, { headers: { authorization: "Bearer me" } })).status).toBe(404);
  });

  it("is answered at once unless what is known is what there is: another revision, or one with another beginning", async () => {
    const clock = new VirtualClock();
    const host = await publish({ clock });
    const observer = await host.token("observe");
    const { revision, since } = topologyOf(await host.fetch("/topology", observer));
    // The clock stands still: whoever waited would wait for ever.
    for (const query of [
      `after=${revision + 1}`,
      `after=${revision - 1}`,
      `after=${revision}&since=${since - 1}`,
      `after=${revision}&waitMs=0`,
      "",
    ]) {
      const answer = await host.fetch(`/topology?${query}${query.includes("waitMs") ? "" : "&waitMs=60000"}`.replace("?&", "?"), observer);
      expect([query, topologyOf(answer).revision]).toEqual([query, revision]);
    }
  });

  it("is told to who waits when something changes, and as it is when the time is up", async () => {
    const clock = new VirtualClock();
    const host = await publish({ clock });
    const observer = await host.token("observe");
    const timers = clock.pendingTimers;
    const first = await ask(host, clock, observer);
    host.system.pause();
    const changed = topologyOf(await first.answer);
    expect([changed.revision, changed.systems]).toEqual([first.known.revision + 1, [{ id: "host", name: "host", state: "paused" }]]);
    const second = await ask(host, clock, observer);
    await clock.advance(60_000);
    expect(topologyOf(await second.answer)).toEqual(changed);
    await expect.poll(() => clock.pendingTimers).toBe(timers);
  });

  it("wakes nobody for what is private", async () => {
    const clock = new VirtualClock();
    const host = await publish({ clock });
    const { known, answer } = await ask(host, clock, await host.token("observe"));
    let isAnswered = false;
    void answer.then(() => (isAnswered = true));
    await host.system.startChannel(channelOf(host, "more-secret", "private"));
    await host.fetch("/healthz");
    expect(isAnswered).toBe(false);
    host.system.pause();
    expect(topologyOf(await answer).revision).toBe(known.revision + 1);
  });

  it("misses nothing that changes while it is found out what the token may see", async () => {
    const clock = new VirtualClock();
    const host = await publish({ clock });
    const observer = await host.token("observe");
    const known = topologyOf(await host.fetch("/topology", observer));
    const authorize = host.security.authorizeRequest.bind(host.security);
    let asked = 0;
    host.security.authorizeRequest = (...request) => {
      // The first look at the rights goes before the look at the topology, the second one after it.
      if (++asked === 2 * known.channels.length) host.system.pause();
      return authorize(...request);
    };
    const answer = await host.fetch(`/topology?after=${known.revision}&since=${known.since}&waitMs=60000`, observer);
    expect(topologyOf(answer).revision).toBe(known.revision + 1);
  });

  it("is kept from a token that is revoked while it waits", async () => {
    const clock = new VirtualClock();
    const host = await publish({ clock });
    const token = await host.token("observe");
    const { answer } = await ask(host, clock, token);
    const { jti } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { jti: string };
    host.security.revoke(jti);
    await clock.advance(1_000);
    expect([(await answer).status, code(await answer)]).toEqual([401, "token_invalid"]);
  });

  it("is waited for by nobody who has hung up", async () => {
    const clock = new VirtualClock();
    const host = await publish({ clock });
    const timers = clock.pendingTimers;
    const leaving = new AbortController();
    const { answer } = await ask(host, clock, await host.token("observe"), { signal: leaving.signal });
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await expect.poll(() => clock.pendingTimers).toBe(timers);
  });

  it("is told as it is to who waits when the host stops, which does not wait for that", async () => {
    const clock = new VirtualClock();
    const host = await publish({ clock, lameDuckMs: 0 });
    const { known, answer } = await ask(host, clock, await host.token("observe"));
    // The transport's clock stands still: a shutdown that waited for the end of the wait would be cut, and not clean.
    const report = await host.system.drain({ timeoutMs: 20_000 });
    expect([(await answer).status, topologyOf(await answer).revision, report.clean]).toEqual([200, known.revision, true]);
  });
});

describe("a host seen from another process", () => {
  it("tells its topology, and takes no unknown option and no address that is none", async () => {
    const host = await publish();
    const remote = new HttpHost({ url: `${host.url}/`, token: await host.token("observe") });
    const topology = await remote.topology();
    expect(topology).toEqual(topologyOf(await host.fetch("/topology", await host.token("observe"))));
    expect(Object.isFrozen(topology.channels)).toBe(true);
    const stranger = new HttpHost({ url: host.url, token: await host.token("write") });
    await expect(stranger.topology()).rejects.toMatchObject({ code: "insufficient_role" });
    await expect(remote.topology({ waitMs: 60_001 })).rejects.toMatchObject({ code: "invalid_argument" });
    expect(() => new HttpHost({ url: "nowhere", token: "t" })).toThrow(expect.objectContaining({ code: "invalid_argument" }) as Error);
    expect(() => new HttpHost({ url: host.url, token: "t", id: "c" } as never)).toThrow(/id/);
  });

  it("sends its token to no address that somebody else has said, unless its origin was allowed", async () => {
    const { ForeignAddress } = await import("@sssn/core");
    const host = await publish();
    const [url, token] = [new ForeignAddress(host.url), await host.token("observe")];
    await expect(new HttpHost({ url, token }).topology()).rejects.toMatchObject({ code: "origin_not_allowed" });
    await expect(new HttpHost({ url, token, origins: [host.url] }).topology()).resolves.toMatchObject({ systems: [{ id: "host" }] });
  });

  it("tells each change to who follows it, also of the host that comes in its place, until they have had enough", async () => {
    const make = (): BaseSystem => {
      const system = new BaseSystem({ id: "host", logger });
      system.addChannel(new PassthroughChannel({ id: "c", store: new MemoryMessageStore(), logger, visibility: "public" }));
      return system;
    };
    const first = make();
    const running = await first.publish({ transport: new HttpTransport({ port: 0, logger, lameDuckMs: 0 }) });
    const port = Number(new URL(running.addresses[0] ?? "").port);
    const enough = new AbortController();
    const seen: string[] = [];
    const remote = new HttpHost({ url: `http://127.0.0.1:${port}`, token: "me" });
    const following = (async () => {
      for await (const { systems, channels } of remote.topologies({ signal: enough.signal }))
        seen.push(`${systems[0]?.state} ${channels.map(({ id }) => id).join()}`);
    })();
    await expect.poll(() => seen.at(-1)).toBe("running c");
    first.pause();
    await expect.poll(() => seen.at(-1)).toBe("paused c");
    await first.startChannel(new PassthroughChannel({ id: "d", store: new MemoryMessageStore(), logger, visibility: "public" }));
    await expect.poll(() => seen.at(-1)).toBe("paused c,d");
    await running.close({ timeoutMs: 2_000 });
    await using _again = await make().publish({ transport: new HttpTransport({ port, logger }) });
    await expect.poll(() => seen.at(-1), { timeout: 10_000 }).toBe("running c");
    enough.abort();
    await following;
    expect(seen.slice(0, 2)).toEqual(["running c", "paused c"]);
  });

  it("is not asked for again and again where an answer comes at once, whatever it is", async () => {
    const answers: Record<string, (asked: number) => unknown> = {
      same: () => ({ revision: 1, since: 1 }),
      "those of two hosts": (asked) => ({ revision: asked % 2, since: 1 }),
      none: () => ({}),
    };
    const asked: Record<string, number> = {};
    const seen: Record<string, number> = {};
    for (const [name, answer] of Object.entries(answers)) {
      const clock = new VirtualClock();
      const enough = new AbortController();
      [asked[name], seen[name]] = [0, 0];
      const host = new HttpHost({
        url: "http://host:1",
        token: "t",
        clock,
        fetch: async () => Response.json(answer((asked[name] = (asked[name] ?? 0) + 1))),
      });
      const following = (async () => {
        for await (const _topology of host.topologies({ signal: enough.signal })) seen[name] = (seen[name] ?? 0) + 1;
      })();
      await clock.advance(10_000);
      enough.abort();
      await following;
    }
    expect(seen["same"]).toBe(1);
    expect(asked["same"]).toBeLessThanOrEqual(13);
    expect(asked["those of two hosts"]).toBeLessThanOrEqual(102);
    expect([seen["none"], (asked["none"] ?? 0) < 100]).toEqual([0, true]);
  });

  it("ends following with what trying again can't help against", async () => {
    const host = await publish();
    const remote = new HttpHost({ url: host.url, token: await host.token("read") });
    const first = await remote
      .topologies()
      .next()
      .catch((error: unknown) => error);
    expect(isSSSNError(first, "insufficient_role")).toBe(true);
  });
});
