import { MemoryMessageStore, NO_METADATA, SSSNError, isSSSNError, type ChannelLog, type JsonValue, type MessageStore } from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { describe, expect, it } from "vitest";
import { JWTChannelSecurity, type RevocationOptions } from "../src/index.js";

const SECRET = "0123456789abcdef0123456789abcdef";
const LOG = "sssn.revoked-tokens";
const HOUR = 3_600_000;

interface Fault {
  state: "works" | "fails" | "hangs";
  isMute: boolean;
}

/** A host's own way to the store, which fails, hangs and loses wake-ups as a test says. */
function wayTo(store: MemoryMessageStore, fault: Fault): MessageStore {
  const meet = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    if (fault.state === "fails") throw new SSSNError("store_unavailable", "gone");
    return fault.state === "hangs" ? new Promise<Result>(() => {}) : call();
  };
  const faulty = (log: ChannelLog): ChannelLog =>
    new Proxy(log, {
      get: (target, name: keyof ChannelLog) => {
        if (name === "onChange" && fault.isMute) return () => () => {};
        const found = target[name];
        if (typeof found !== "function" || ["now", "onChange", "hasGroup"].includes(name))
          return typeof found === "function" ? (found.bind(target) as unknown) : found;
        return (...input: unknown[]) => meet(() => Reflect.apply(found, target, input) as Promise<unknown>);
      },
    });
  return {
    capabilities: store.capabilities,
    list: () => store.list(),
    delete: (id) => store.delete(id),
    hold: (name, ttlMs) => meet(() => store.hold(name, ttlMs)),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
    open: (id, options) => meet(async () => faulty(await store.open(id, options))),
  };
}

/** Hosts over one memory, each with a way to it of its own. */
function setting() {
  const clock = new VirtualClock(undefined, { io: false });
  const memory = new MemoryMessageStore({ clock });
  const host = (options: Omit<RevocationOptions, "store"> = {}) => {
    const fault: Fault = { state: "works", isMute: false };
    const store = wayTo(new MemoryMessageStore({ clock, beside: memory }), fault);
    return { fault, store, security: new JWTChannelSecurity({ secret: SECRET, clock, revocations: { store, ...options } }) };
  };
  const entries = async (): Promise<readonly JsonValue[]> =>
    (await (await memory.open(LOG, { addressed: true })).read({ after: 0, limit: 1_000 })).messages.map(({ content }) => content);
  return { clock, memory, host, entries };
}

async function tokenOf(security: JWTChannelSecurity, expiresInSeconds = 24 * 3_600): Promise<{ token: string; jti: string; end: number }> {
  const token = await security.generateToken({ systemId: "s", role: "read", channels: "*", expiresInSeconds });
  const { jti, exp } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { jti: string; exp: number };
  return { token, jti, end: exp * 1_000 };
}

const use = (security: JWTChannelSecurity, token: string): Promise<string> =>
  security.authorizeRequest(token, "c", "read").then(
    () => "allowed",
    (thrown: unknown) => (isSSSNError(thrown) ? thrown.code : "no error of ours"),
  );

describe("a shared list of revoked tokens", () => {
  it("ends a token at every host, and others go on", async () => {
    const { host } = setting();
    const [here, there] = [host(), host()];
    const [token, other] = [await tokenOf(here.security), await tokenOf(here.security)];
    expect([await use(here.security, token.token), await use(there.security, token.token)]).toEqual(["allowed", "allowed"]);
    await here.security.revoke(token.jti, token.end);
    expect([await use(here.security, token.token), await use(there.security, token.token)]).toEqual(["token_invalid", "token_invalid"]);
    expect(await there.security.authenticate(token.token)).toBeUndefined();
    expect([await use(here.security, other.token), await use(there.security, other.token)]).toEqual(["allowed", "allowed"]);
  });

  it("outlives the hosts: one that starts later takes no token before it has read it", async () => {
    const { clock, host } = setting();
    const first = host();
    const { token, jti, end } = await tokenOf(first.security);
    await first.security.revoke(jti, end);
    const later = host();
    later.fault.state = "fails";
    expect(await use(later.security, token)).toBe("revocations_unavailable");
    await expect(later.security.authenticate(token)).rejects.toMatchObject({
      code: "revocations_unavailable",
      status: 503,
      retryable: true,
    });
    later.fault.state = "works";
    await clock.advance(1_000);
    expect(await use(later.security, token)).toBe("token_invalid");
  });

  it("reaches a host to which the wake-up is lost within a second", async () => {
    const { clock, host } = setting();
    const [here, deaf] = [host(), host()];
    deaf.fault.isMute = true;
    const { token, jti } = await tokenOf(here.security);
    expect(await use(deaf.security, token)).toBe("allowed");
    await here.security.revoke(jti);
    await clock.advance(1_000);
    expect(await use(deaf.security, token)).toBe("token_invalid");
  });

  it.each(["fails", "hangs"] as const)(
    "while the store %s is good for 30 seconds, and then nobody is let in until it is read again",
    async (state) => {
      const { clock, host } = setting();
      const { security, fault } = host();
      const [good, bad] = [await tokenOf(security), await tokenOf(security)];
      await security.revoke(bad.jti);
      expect(await use(security, good.token)).toBe("allowed");
      fault.state = state;
      const soon = async (token: string): Promise<string> => {
        const answer = use(security, token);
        await clock.advance(1_000);
        return answer;
      };
      await clock.advance(28_000);
      expect(await soon(good.token)).toBe("allowed");
      await clock.advance(1_000);
      expect(await soon(good.token)).toBe("revocations_unavailable");
      // What is known to be revoked is refused for good, and nobody is asked for it.
      expect(await use(security, bad.token)).toBe("token_invalid");
      fault.state = "works";
      await clock.advance(10_000);
      expect([await use(security, good.token), await use(security, bad.token)]).toEqual(["allowed", "token_invalid"]);
    },
  );

  it("may be older where that is said, and not longer", async () => {
    const { clock, host } = setting();
    const { security, fault } = host({ maxStaleMs: 300_000 });
    const { token } = await tokenOf(security);
    await use(security, token);
    fault.state = "fails";
    await clock.advance(299_999);
    expect(await use(security, token)).toBe("allowed");
    await clock.advance(1);
    expect(await use(security, token)).toBe("revocations_unavailable");
  });

  it("does not matter to tokens that can't be on it, and says nothing about those that are not valid", async () => {
    const { clock, host } = setting();
    const { security, fault } = host();
    fault.state = "fails";
    const { token } = await tokenOf(security, 10);
    expect([await use(security, `${token.slice(0, -4)}AAAA`), await use(security, "a.b.c")]).toEqual(["token_invalid", "token_invalid"]);
    await clock.advance(10_000);
    expect(await use(security, token)).toBe("token_expired");
  });

  it("is what a revocation waits for: one that could not be written is said so, holds here, and is safe to repeat", async () => {
    const { clock, host, entries } = setting();
    const [here, there] = [host(), host()];
    const { token, jti, end } = await tokenOf(here.security);
    await use(here.security, token);
    here.fault.state = "fails";
    await expect(here.security.revoke(jti, end)).rejects.toMatchObject({ code: "store_unavailable" });
    expect([await use(here.security, token), await use(there.security, token)]).toEqual(["token_invalid", "allowed"]);
    here.fault.state = "works";
    await here.security.revoke(jti, end);
    await here.security.revoke(jti, end);
    await clock.advance(1_000);
    expect([await use(there.security, token), await entries()]).toEqual(["token_invalid", [{ tokenId: jti, expiresAt: end }]]);
  });

  it("takes ids of any kind, and is never shortened", async () => {
    const { clock, host } = setting();
    const [here, there] = [host(), host()];
    const jti = "../ \u0000 überlong|id".repeat(100);
    await here.security.revoke(jti);
    await here.security.revoke(jti, clock.now() + 1_000);
    const { SignJWT } = await import("jose");
    await clock.advance(2 * HOUR);
    const token = await new SignJWT({ sub: "s", role: "read", channels: "*", jti, exp: clock.now() / 1_000 + 60 })
      .setProtectedHeader({ alg: "HS256" })
      .sign(new TextEncoder().encode(SECRET));
    expect([await use(here.security, token), await use(there.security, token)]).toEqual(["token_invalid", "token_invalid"]);
  });

  it("loses entries an hour after their tokens have ended, and at one host at a time", async () => {
    const { clock, memory, host, entries } = setting();
    const { security } = host();
    const { jti, end } = await tokenOf(security, 60);
    await security.revoke(jti, end);
    await security.revoke("for ever");
    const { token } = await tokenOf(security, 24 * 3_600);
    const look = async (): Promise<number> => {
      await use(security, token);
      await clock.advance(0);
      return (await entries()).length;
    };
    await clock.advance(HOUR + 59_999);
    expect(await look()).toBe(2);
    await clock.advance(600_000);
    const other = await memory.hold(`clean-up:${LOG}`, HOUR);
    expect(await look()).toBe(2);
    await other?.release();
    await clock.advance(600_000);
    expect([await look(), await entries()]).toEqual([1, [{ tokenId: "for ever" }]]);
  });

  it("loses nothing to a host whose clock is ahead", async () => {
    const { clock, host, entries, memory } = setting();
    const { security } = host();
    const { jti, end } = await tokenOf(security);
    await security.revoke(jti, end);
    const ahead = new VirtualClock(clock.now() + 72 * HOUR, { io: false });
    const early = new JWTChannelSecurity({ secret: SECRET, clock: ahead, revocations: { store: memory } });
    const { token } = await tokenOf(early);
    expect(await use(early, token)).toBe("allowed");
    await ahead.advance(600_000);
    expect(await use(early, token)).toBe("allowed");
    await ahead.advance(0);
    expect(await entries()).toHaveLength(1);
  });

  it("passes over what is no revocation, and takes one without a proper end for endless", async () => {
    const { clock, memory, host } = setting();
    const log = await memory.open(LOG, { addressed: true });
    const contents: JsonValue[] = [null, 7, "x", [], {}, { tokenId: 7 }, { expiresAt: 1 }, { tokenId: "one", expiresAt: "soon" }];
    await log.append(contents.map((content) => ({ senderId: "anybody", content, metadata: NO_METADATA })));
    const { security } = host();
    const { token } = await tokenOf(security);
    expect(await use(security, token)).toBe("allowed");
    const { SignJWT } = await import("jose");
    await clock.advance(24 * HOUR);
    const one = await new SignJWT({ sub: "s", role: "read", channels: "*", jti: "one", exp: clock.now() / 1_000 + 60 })
      .setProtectedHeader({ alg: "HS256" })
      .sign(new TextEncoder().encode(SECRET));
    expect(await use(security, one)).toBe("token_invalid");
  });

  it("forgets nothing that it knew when its log is deleted", async () => {
    const { clock, memory, host } = setting();
    const { security } = host();
    const [before, after] = [await tokenOf(security), await tokenOf(security)];
    await security.revoke(before.jti);
    await use(security, after.token);
    await memory.delete(LOG);
    await clock.advance(1_000);
    await use(security, after.token);
    await clock.advance(1_000);
    expect([await use(security, before.token), await use(security, after.token)]).toEqual(["token_invalid", "allowed"]);
    await security.revoke(after.jti);
    expect(await use(security, after.token)).toBe("token_invalid");
  });

  it("needs no timer, so that nothing is to be closed but the store", async () => {
    const { clock, host } = setting();
    const { security, store } = host();
    const { token, jti } = await tokenOf(security);
    await use(security, token);
    await security.revoke(jti);
    await store.close();
    expect([clock.pendingTimers, await use(security, token)]).toEqual([0, "token_invalid"]);
    await expect(security.revoke("more")).rejects.toMatchObject({ code: "store_closed" });
  });

  it("is refused with options that do not exist, and what is no id or no end is refused with or without one", async () => {
    const { host, memory } = setting();
    const make = (revocations: object) => () => new JWTChannelSecurity({ secret: SECRET, revocations: revocations as RevocationOptions });
    expect(make({})).toThrowError(expect.objectContaining({ code: "invalid_argument" }));
    expect(make({ store: memory, maxAge: 1 })).toThrowError(expect.objectContaining({ code: "invalid_argument" }));
    expect(make({ store: memory, maxStaleMs: 999 })).toThrowError(expect.objectContaining({ code: "invalid_argument" }));
    expect(make({ store: memory, log: "a/b" })).toThrowError(expect.objectContaining({ code: "invalid_identifier" }));
    for (const security of [host().security, new JWTChannelSecurity({ secret: SECRET })]) {
      const { jti, end } = await tokenOf(security);
      await expect(security.revoke(jti, end / 1_000)).rejects.toMatchObject({ code: "invalid_argument" });
      await expect(security.revoke(jti, NaN)).rejects.toMatchObject({ code: "invalid_argument" });
      await expect(security.revoke(undefined as unknown as string)).rejects.toMatchObject({ code: "invalid_argument" });
      const token = await security.generateToken({ systemId: "s", role: "read", channels: "*" });
      for (const whole of [token, `Bearer ${token}`])
        await expect(security.revoke(whole)).rejects.toMatchObject({
          code: "invalid_argument",
          message: expect.not.stringContaining(token) as string,
        });
    }
  });
});
