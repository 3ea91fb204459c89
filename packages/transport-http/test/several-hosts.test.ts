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
import { HttpTransport, type HttpTransportOptions } from "../src/index.js";
import { SECRET, post } from "./support/published.js";

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
    const running = await system.publish({ transport: new HttpTransport({ port: 0, logger, clock, lameDuckMs: 0, ...options(store) }) });
    const [url = ""] = running.addresses;
    let closing: Promise<unknown> | undefined;
    return {
      url,
      security,
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
