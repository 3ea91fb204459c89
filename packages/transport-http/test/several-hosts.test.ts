import {
  BaseSystem,
  BroadcastChannel,
  MemoryMessageStore,
  SSSNError,
  WorkQueueChannel,
  silentLogger,
  type ChannelLog,
  type Role,
} from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { describe, expect, it, onTestFinished } from "vitest";
import { HttpTransport, type HttpTransportOptions, type RequestRecord } from "../src/index.js";
import { SECRET, post } from "./support/published.js";
import { eventsOf } from "./support/events.js";

const logger = silentLogger;

/** The way of a host to the store, and what is wrong with it. */
class HostStore extends MemoryMessageStore {
  isMute = false;
  isGone = false;

  override async open(...input: Parameters<MemoryMessageStore["open"]>): Promise<ChannelLog> {
    this.#check();
    const log = await super.open(...input);
    return new Proxy(log, {
      get: (target, name: keyof ChannelLog) => {
        if (name === "onChange" && this.isMute) return () => () => {};
        if (["append", "read", "get", "bounds", "remove"].includes(name)) this.#check();
        const found = target[name];
        return typeof found === "function" ? (found.bind(target) as unknown) : found;
      },
    });
  }

  #check(): void {
    if (this.isGone) throw new SSSNError("store_unavailable", "the store can't be reached");
  }
}

interface Host {
  readonly url: string;
  readonly security: JWTChannelSecurity;
  readonly transport: HttpTransport;
  /** Where the list of revoked tokens and the tickets are. The channels are in a store of their own, which always works. */
  readonly store: HostStore;
  token(role?: Role): Promise<string>;
  ask(path: string, token?: string, init?: RequestInit): Promise<Response>;
  close(): Promise<unknown>;
}

/** Two hosts over one memory, behind what would be a load balancer. */
async function hosts(
  clock: VirtualClock,
  options: (store: HostStore) => HttpTransportOptions = () => ({}),
): Promise<readonly [Host, Host]> {
  const [shared, channels] = [new MemoryMessageStore({ clock }), new MemoryMessageStore({ clock })];
  const host = async (): Promise<Host> => {
    const store = new HostStore({ clock, beside: shared });
    const security = new JWTChannelSecurity({ secret: SECRET, clock, revocations: { store } });
    const system = new BaseSystem({ id: "host", logger, clock });
    const common = { store: new MemoryMessageStore({ clock, beside: channels }), security, logger, clock, visibility: "public" } as const;
    system.addChannel(new BroadcastChannel({ id: "news", ...common }));
    system.addChannel(new WorkQueueChannel({ id: "jobs", ...common }));
    const transport = new HttpTransport({ port: 0, logger, clock, lameDuckMs: 0, ...options(store) });
    const running = await system.publish({ transport });
    const [url = ""] = running.addresses;
    let closing: Promise<unknown> | undefined;
    return {
      url,
      security,
      transport,
      store,
      token: (role = "read") => security.generateToken({ systemId: "caller", role, channels: "*" }),
      ask: (path, token, init = {}) =>
        fetch(`${url}${path}`, {
          ...init,
          headers: {
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...(init.body ? { "content-type": "application/json" } : {}),
            ...init.headers,
          },
        }),
      close: () => (closing ??= running.close()),
    };
  };
  const both = [await host(), await host()] as const;
  onTestFinished(async () => {
    const closing = Promise.all(both.map((each) => each.close()));
    await clock.advance(60_000);
    await closing;
  });
  return both;
}

const idOf = (token: string): string => (JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { jti: string }).jti;
const codeOf = async (answer: Response): Promise<unknown> => [answer.status, ((await answer.json()) as { code?: unknown }).code];

describe("a token that is revoked at one of two hosts", () => {
  it("ends its streams and waiting claims at both within a second, and opens nothing any more", async () => {
    const clock = new VirtualClock();
    const [here, there] = await hosts(clock);
    const [token, other] = [await here.token(), await here.token()];
    const streams = await Promise.all([here, there].map((host) => host.ask("/channels/news/stream", token)));
    const kept = await there.ask("/channels/news/stream", other);
    const claim = there.ask("/channels/jobs/claims", token, post({ waitMs: 30_000 }));
    expect([...streams, kept].map(({ status }) => status)).toEqual([200, 200, 200]);
    await here.security.revoke(idOf(token));
    expect(await codeOf(await there.ask("/channels/news", token))).toEqual([401, "token_invalid"]);
    await clock.advance(1_000);
    for (const stream of streams) expect(await stream.text()).toMatch(/^event: position\n[^\n]*\n[^\n]*\n\n$/);
    expect(await codeOf(await claim)).toEqual([401, "token_invalid"]);
    expect((await there.ask("/channels/news", other)).status).toBe(200);
    await there.ask("/channels/news/messages", await there.token("write"), post({ content: "still here" }));
    const reader = (kept.body as ReadableStream<Uint8Array>).getReader();
    let text = "";
    while (!text.includes("still here")) text += new TextDecoder().decode((await reader.read()).value);
    await reader.cancel();
  });

  it("ends its stream at a host to which the wake-up is lost within two seconds", async () => {
    const clock = new VirtualClock();
    const [here, deaf] = await hosts(clock);
    deaf.store.isMute = true;
    const token = await here.token();
    const stream = await deaf.ask("/channels/news/stream", token);
    expect(stream.status).toBe(200);
    await here.security.revoke(idOf(token));
    await clock.advance(2_000);
    expect(await stream.text()).toMatch(/^event: position\n/);
    expect((await deaf.ask("/channels/news", token)).status).toBe(401);
  });

  it("is not known to a host that can't read the list, which says so to its load balancer, and in its log", async () => {
    const clock = new VirtualClock();
    const records: RequestRecord[] = [];
    const [, host] = await hosts(clock);
    host.transport.events.on("request", (record) => records.push(record));
    const ready = async (): Promise<unknown> => (await host.ask("/readyz")).json();
    host.store.isGone = true;
    expect(await ready()).toEqual({ status: "not ready", failing: ["security"] });
    expect((await host.ask("/channels/news", await host.token())).status).toBe(503);
    await expect.poll(() => records.at(-1)?.reason).toContain("the store can't be reached");
    host.store.isGone = false;
    await clock.advance(1_000);
    expect(await ready()).toEqual({ status: "ready" });
    host.store.isGone = true;
    await clock.advance(29_000);
    expect(await ready()).toEqual({ status: "ready" });
    await clock.advance(1_000);
    expect(await ready()).toEqual({ status: "not ready", failing: ["security"] });
  });

  it("is let in nowhere by a host that has not read the list, nor by one that is cut off from it for half a minute, where streams end too", async () => {
    const clock = new VirtualClock();
    const [here, there] = await hosts(clock);
    const token = await here.token();
    there.store.isGone = true;
    const refused = await there.ask("/channels/news", token);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await codeOf(refused)).toEqual([503, "revocations_unavailable"]);
    there.store.isGone = false;
    await clock.advance(1_000);
    const stream = await there.ask("/channels/news/stream", token);
    there.store.isGone = true;
    await here.security.revoke(idOf(token));
    await clock.advance(29_000);
    expect((await there.ask("/channels/news", token)).status).toBe(200);
    await clock.advance(2_000);
    expect(await stream.text()).toMatch(/^event: position\n/);
    expect(await codeOf(await there.ask("/channels/news", token))).toEqual([503, "revocations_unavailable"]);
    there.store.isGone = false;
    await clock.advance(1_000);
    expect(await codeOf(await there.ask("/channels/news", token))).toEqual([401, "token_invalid"]);
  });
});

describe("a ticket that was got at one of two hosts", () => {
  /** Two hosts that share tickets. */
  async function sharing() {
    const clock = new VirtualClock();
    const [here, there] = await hosts(clock, (store) => ({ tickets: { store } }));
    const token = await here.token();
    const ticketOf = async (host: Host = here, channel = "news"): Promise<string> => {
      const answer = await host.ask(`/channels/${channel}/stream/ticket`, token, post({}));
      expect(answer.status).toBe(201);
      return ((await answer.json()) as { ticket: string }).ticket;
    };
    const open = (host: Host, ticket: string, more = ""): Promise<Response> => host.ask(`/channels/news/stream?ticket=${ticket}${more}`);
    /** The client's side of a connection goes, and the host has seen it. */
    const hangUp = async (stream: Response): Promise<void> => {
      await stream.body?.cancel();
      await clock.advance(0);
    };
    const log = await new MemoryMessageStore({ clock, beside: here.store }).open("sssn.tickets", { addressed: true });
    return { clock, here, there, token, ticketOf, open, hangUp, log };
  }

  it("opens a stream at the other one, and carries it on at any of them from where it was", async () => {
    const { here, there, ticketOf, open } = await sharing();
    const ticket = await ticketOf();
    await here.ask("/channels/news/messages", await here.token("write"), post({ content: "hello" }));
    const first = await open(there, ticket, "&from=start");
    expect(await eventsOf(first, 2)).toContain('"content":"hello"');
    for (const host of [here, there, here]) {
      const again = await host.ask(`/channels/news/stream?ticket=${ticket}`, undefined, { headers: { "last-event-id": "0" } });
      expect(await eventsOf(again, 2)).toContain('"content":"hello"');
    }
  });

  it("is one connection's at a time over both: the newer one ends the older one, at once, and within a second where the wake-up is lost", async () => {
    const { here, there, ticketOf, open } = await sharing();
    const ticket = await ticketOf();
    const older = await open(here, ticket);
    const newer = await open(there, ticket);
    expect([older.status, newer.status]).toEqual([200, 200]);
    expect(await older.text()).toMatch(/^event: position\n/);
    const newest = await open(here, ticket);
    expect(await newer.text()).toMatch(/^event: position\n/);
    const same = await open(here, ticket);
    expect(await newest.text()).toMatch(/^event: position\n/);
    expect(same.status).toBe(200);

    const deaf = await sharing();
    deaf.here.store.isMute = true;
    const unheard = await deaf.ticketOf();
    const old = await deaf.open(deaf.here, unheard);
    expect((await deaf.open(deaf.there, unheard)).status).toBe(200);
    await deaf.clock.advance(1_000);
    expect(await old.text()).toMatch(/^event: position\n/);
  });

  it("is good for 30 seconds at both, for the first connection and after each", async () => {
    const { clock, here, there, ticketOf, open, hangUp } = await sharing();
    const [unused, used] = [await ticketOf(), await ticketOf()];
    await clock.advance(29_900);
    const stream = await open(there, used);
    expect(stream.status).toBe(200);
    await clock.advance(100);
    expect([(await open(here, unused)).status, (await open(there, unused)).status]).toEqual([401, 401]);
    // Held for longer, by a host that says now and then that it is there.
    await clock.advance(40_000);
    await hangUp(stream);
    const again = await open(here, used);
    expect(again.status).toBe(200);
    await hangUp(again);
    await clock.advance(30_000);
    expect([(await open(here, used)).status, (await open(there, used)).status]).toEqual([401, 401]);
  });

  it("goes on elsewhere when the host that has it is gone without a word", async () => {
    const { clock, here, there, ticketOf, open } = await sharing();
    const ticket = await ticketOf();
    expect((await open(here, ticket)).status).toBe(200);
    await clock.advance(10_000);
    here.store.isGone = true;
    await clock.advance(20_000);
    expect((await open(there, ticket)).status).toBe(200);
  });

  it("goes on elsewhere after an orderly end of the host that has it", async () => {
    const { clock, here, there, ticketOf, open } = await sharing();
    const ticket = await ticketOf();
    const stream = await open(here, ticket);
    const closing = here.close();
    await clock.advance(1_000);
    await closing;
    expect(await stream.text()).toMatch(/^event: position\n/);
    expect((await open(there, ticket)).status).toBe(200);
  });

  it("is good for what its token is good for at each moment, and for its channel only", async () => {
    const { clock, here, there, token, ticketOf, open } = await sharing();
    const ticket = await ticketOf();
    expect((await there.ask(`/channels/jobs/stream?ticket=${ticket}`)).status).toBe(401);
    expect((await there.ask(`/channels/news/messages?ticket=${ticket}`)).status).toBe(401);
    const stream = await open(there, ticket);
    expect(stream.status).toBe(200);
    await here.security.revoke(idOf(token));
    await clock.advance(1_000);
    expect(await stream.text()).toMatch(/^event: position\n/);
    expect([(await open(there, ticket)).status, (await open(here, ticket)).status]).toEqual([401, 401]);
  });

  it("stands nowhere in the store, and neither does its token", async () => {
    const { there, token, ticketOf, open, log } = await sharing();
    const ticket = await ticketOf();
    expect((await open(there, ticket)).status).toBe(200);
    const { messages } = await log.read({ after: 0, limit: 1_000 });
    const text = JSON.stringify(messages);
    expect(messages.length).toBeGreaterThanOrEqual(2);
    for (const secret of [ticket, Buffer.from(ticket, "hex").toString("base64url"), token, token.split(".")[1] ?? "", "news"])
      expect(text).not.toContain(secret);
  });

  it("is answered 503 while the store can't be reached: it can't be told then", async () => {
    const { clock, there, token, ticketOf, open } = await sharing();
    const ticket = await ticketOf();
    await there.ask("/channels/news", token);
    there.store.isGone = true;
    expect(await codeOf(await open(there, ticket))).toEqual([503, "store_unavailable"]);
    expect(await codeOf(await there.ask("/channels/news/stream/ticket", token, post({})))).toEqual([503, "store_unavailable"]);
    there.store.isGone = false;
    await clock.advance(1_000);
    expect((await open(there, ticket)).status).toBe(200);
  });
});
