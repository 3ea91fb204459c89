// Each refusal says what is wrong and what to do, in a text that never holds what it was given.
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { SignJWT, exportJWK, exportPKCS8, exportSPKI, generateKeyPair } from "jose";
import fc from "fast-check";
import { isSSSNError, type SSSNError, type TokenRequest } from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { ALGORITHMS, JWTChannelSecurity, systemIdOf, type Algorithm, type JWTKey, type JWTSecurityOptions } from "../src/index.js";
import { scopeOf, roleOn } from "../src/scope.js";
import { isCanonical } from "../src/token-text.js";
import { VerifiedTokens } from "../src/verified-tokens.js";

const SECRET = "0123456789abcdef0123456789abcdef";
const clock = new VirtualClock();
const now = Math.floor(clock.now() / 1000);
const good = { sub: "s", role: "write", channels: ["c"], exp: now + 60 };

function sign(claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT(claims as never).setProtectedHeader({ alg: "HS256", ...header }).sign(new TextEncoder().encode(SECRET));
}

function thrownBy(call: () => unknown): SSSNError {
  try {
    call();
  } catch (error) {
    if (isSSSNError(error)) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

async function refusalOf(call: Promise<unknown>): Promise<SSSNError> {
  const error: unknown = await call.catch((thrown: unknown) => thrown);
  if (isSSSNError(error)) return error;
  throw new Error(`not refused: ${JSON.stringify(error)}`);
}

/** What the host's log tells of a refused token. */
async function causeOf(security: JWTChannelSecurity, token: string): Promise<string> {
  const error = await refusalOf(security.authorizeRequest(token, "c", "read"));
  expect(error.code).toBe("token_invalid");
  return (error.cause as Error).message;
}

describe("a refused token, in the host's log", () => {
  it.each<[string, Record<string, unknown>, RegExp]>([
    ["exp as text", { exp: "soon" }, /exp/],
    ["exp beyond any date", { exp: 8_640_000_000_001 }, /exp is no time/],
    ["jti that is no text", { jti: 7 }, /jti is no text/],
    ["iat in the future", { iat: now + 6 }, /iat is no time, or lies in the future/],
    ["iat that is no number", { iat: "now" }, /iat/],
    ["no sub", { sub: undefined }, /whom it is for \(claim sub/],
    ["an empty sub", { sub: "" }, /whom it is for/],
    ["a sub that is a number", { sub: 7 }, /whom it is for/],
    ["a sub that is no identifier", { sub: "a|b" }, /no system id by itself; give JWTChannelSecurity the option claims/],
    ["an unknown role", { role: "root" }, /role is none of those that exist \(claim role/],
    ["no role", { role: undefined }, /it has no role/],
    ["roles that are a list", { roles: ["read"] }, /roles a channel are no object/],
    ["roles that are null", { roles: null }, /roles a channel are no object/],
    ["roles that are a text", { roles: "read" }, /roles a channel are no object/],
    ["an unknown role for a channel", { roles: { c: "root" } }, /one of its roles a channel is none/],
    ["channels as a text", { channels: "c d" }, /channels are no list of names/],
    ["channels with a number among them", { channels: ["c", 1] }, /channels are no list of names/],
  ])("with %s says what is wrong", async (_what, claims, expected) => {
    const security = new JWTChannelSecurity({ secret: SECRET, clock });
    expect(await causeOf(security, await sign({ ...good, ...claims }))).toMatch(expected);
  });

  it("of another type, too long, not spelt as a token is, of another key, or revoked says so", async () => {
    const security = new JWTChannelSecurity({ secret: SECRET, clock });
    const fine = await sign(good);
    expect(await causeOf(security, await sign(good, { typ: "logout+jwt" }))).toMatch(/typ/);
    expect(await causeOf(security, await sign(good, { typ: "x-jwt" }))).toMatch(/typ/);
    expect(await causeOf(security, await sign(good, { typ: "jwt-x" }))).toMatch(/typ/);
    expect(await causeOf(security, `${fine}=`)).toMatch(/too long, or not spelt/);
    expect(await causeOf(security, await sign({ ...good, filling: "x".repeat(16_384) }))).toMatch(/too long/);
    const revoked = await sign({ ...good, jti: "one" });
    await security.revoke("one");
    expect(await causeOf(security, revoked)).toMatch(/revoked/);
    const named = new JWTChannelSecurity({ keys: [{ kid: "k", algorithm: "HS256", secret: SECRET }], clock });
    expect(await causeOf(named, await sign(good, { kid: "other" }))).toMatch(/no key for this token/);
  });

  it("may begin, and be made, up to five seconds ahead, and end on the second", async () => {
    const security = new JWTChannelSecurity({ secret: SECRET, clock });
    const tolerant = new JWTChannelSecurity({ secret: SECRET, clock, clockToleranceSeconds: 5 });
    const admitted = async (by: JWTChannelSecurity, claims: Record<string, unknown>): Promise<string> =>
      by.authorizeRequest(await sign({ ...good, ...claims }), "c", "read").then(
        () => "in",
        (error: SSSNError) => error.code,
      );
    expect([await admitted(security, { iat: now + 5 }), await admitted(security, { nbf: now + 5 })]).toEqual(["in", "in"]);
    expect([await admitted(security, { exp: now }), await admitted(security, { exp: now + 1 })]).toEqual(["token_expired", "in"]);
    expect([await admitted(tolerant, { exp: now - 4 }), await admitted(tolerant, { exp: now - 5 })]).toEqual(["in", "token_expired"]);
    expect([await admitted(tolerant, { exp: 0 }), await admitted(security, { exp: -1 })]).toEqual(["token_expired", "token_expired"]);
  });

  it("that has expired, is for another channel, or has too small a role is told what to do", async () => {
    const security = new JWTChannelSecurity({ secret: SECRET, clock });
    const refused = async (claims: Record<string, unknown>, operation: "read" | "write" = "read"): Promise<SSSNError> =>
      refusalOf(security.authorizeRequest(await sign({ ...good, ...claims }), "c", operation));
    expect((await refused({ exp: now - 9 })).message).toBe("The token has expired. Get a new one and try again.");
    expect(await refused({ channels: ["d"] })).toMatchObject({
      code: "insufficient_scope",
      message: "The token of s is not for channel c.",
      details: { channel: "c" },
    });
    expect(await refused({ role: "read" }, "write")).toMatchObject({ code: "insufficient_role", status: 403 });
  });
});

describe("claims that are mapped", () => {
  const principalOf = async (claims: JWTSecurityOptions["claims"], said: Record<string, unknown>): Promise<string> =>
    new JWTChannelSecurity({ secret: SECRET, clock, ...(claims ? { claims } : {}) })
      .authorizeRequest(await sign({ exp: now + 60, ...said }), "c", "read")
      .then(
        ({ systemId, role, expiresAt }) => `${systemId} ${role} ${expiresAt === (now + 60) * 1000}`,
        (error: SSSNError) => error.code,
      );

  it("may hold their channels as a text with spaces, or the star, and only where that was said", async () => {
    const said = { sub: "s", role: "read", scp: " c  d ", channels: "c d" };
    expect(await principalOf({ channels: "scp" }, said)).toBe("s read true");
    expect(await principalOf({ channels: "scp" }, { ...said, scp: "*" })).toBe("s read true");
    expect(await principalOf({ channels: "scp" }, { ...said, scp: "d e" })).toBe("insufficient_scope");
    expect(await principalOf({}, said)).toBe("token_invalid");
  });

  it("are the token's own, and never what every object has", async () => {
    expect(await principalOf({ systemId: "constructor" }, { role: "read", channels: ["c"] })).toBe("token_invalid");
    expect(await principalOf({ roles: "perms" }, { sub: "s", perms: { c: "admin" } })).toBe("s admin true");
  });
});

describe("a subject", () => {
  it.each([
    ["auth0|64f1", "auth0~7C64f1"],
    ["Zoë", "Zo~C3~AB"],
    ["|x", "_~7Cx"],
    ["-x", "_-x"],
    ["a~b", "a~7Eb"],
    ["plain.Name:1@x+y=z-_", "plain.Name:1@x+y=z-_"],
    ["\n", "_~0A"],
  ])("%j is spelt %s", (subject, spelt) => {
    expect(systemIdOf(subject)).toBe(spelt);
  });

  it.each(["", "\ud800", "x\udfff", "ä".repeat(200)])("%j is refused", (subject) => {
    expect(thrownBy(() => systemIdOf(subject)).code).toBe("invalid_identifier");
  });
});

describe("keys that are refused say which, and what to do", () => {
  const many = "0123456789abcdef".repeat(4);
  it.each<[string, JWTSecurityOptions, RegExp]>([
    ["nothing", {}, /exactly one of `secret`, `keys` and `keySet`/],
    ["two sources", { secret: SECRET, keys: [{ algorithm: "HS256", secret: SECRET }] }, /exactly one/],
    ["no keys", { keys: [] }, /at least one key/],
    [
      "no algorithm",
      { keys: [{ algorithm: "none" as Algorithm, secret: SECRET }] },
      /There is no algorithm "none" here: use one of HS256, HS384,/,
    ],
    ["31 bytes", { secret: "0123456789abcdef0123456789abcde" }, /has 31 bytes and needs at least 32. Make one with: openssl rand -hex 32/],
    ["47 bytes for HS384", { keys: [{ algorithm: "HS384", secret: many.slice(0, 47) }] }, /HS384 has 47 bytes and needs at least 48/],
    ["63 bytes for HS512", { keys: [{ algorithm: "HS512", secret: many.slice(0, 63) }] }, /HS512 has 63 bytes and needs at least 64/],
    ["a PEM key", { secret: "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ" }, /is a PEM key. A key pair goes with ES256, EdDSA or RS256/],
    ["seven characters", { secret: "abcdefg".repeat(8) }, /repeats a few characters/],
    ["a private key alone", { keys: [{ algorithm: "ES256", privateKey: "x" }] }, /ES256 needs the publicKey as well/],
    ["a private key beside the secret", { keys: [{ algorithm: "HS256", secret: SECRET, privateKey: "x" }] }, /HS256/],
    ["no secret for HS256", { keys: [{ algorithm: "HS256" }] }, /HS256/],
    ["a public key beside the secret", { keys: [{ algorithm: "HS256", secret: SECRET, publicKey: "x" }] }, /HS256/],
    ["a secret for ES256", { keys: [{ algorithm: "ES256", secret: SECRET, publicKey: "x" }] }, /ES256 takes a publicKey .* but no secret/],
    ["no key for ES256", { keys: [{ algorithm: "ES256" }] }, /ES256 takes a publicKey/],
    [
      "several without kid",
      { keys: [{ algorithm: "HS256", secret: SECRET }, { kid: "k", algorithm: "HS256", secret: SECRET }] }, // prettier-ignore
      /need a distinct `kid` each/,
    ],
    [
      "two of one kid",
      { keys: [{ kid: "k", algorithm: "HS256", secret: SECRET }, { kid: "k", algorithm: "HS256", secret: `${SECRET}x` }] }, // prettier-ignore
      /need a distinct `kid` each/,
    ],
    [
      "a shared secret that is published",
      { keySet: { algorithms: ["HS384"], jwks: { keys: [] } } },
      /HS384 takes a shared secret, which is never published/,
    ],
    [
      "an unknown algorithm that is published",
      { keySet: { algorithms: ["x" as Algorithm], jwks: { keys: [] } } },
      /There is no algorithm "x"/,
    ],
    ["too much tolerance", { secret: SECRET, clockToleranceSeconds: 6 }, /clockToleranceSeconds/],
  ])("%s", (_what, options, expected) => {
    const error = thrownBy(() => new JWTChannelSecurity(options));
    expect([error.code, error.message]).toEqual(["invalid_argument", expect.stringMatching(expected)]);
    expect(error.message).not.toContain(SECRET);
  });

  it("and just enough is enough", () => {
    const secrets = [SECRET, many.slice(0, 48), many, "abcdefgh".repeat(4)];
    const algorithms = ["HS256", "HS384", "HS512", "HS256"] as const;
    for (const [index, algorithm] of algorithms.entries()) {
      const key = { algorithm, secret: new TextEncoder().encode(secrets[index]) };
      expect(new JWTChannelSecurity({ keys: [key] }).algorithms).toEqual([algorithm]);
    }
  });
});

describe("keys", () => {
  const pairOf = async (algorithm: Algorithm) => {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    return { publicKey, privateKey, algorithm };
  };

  it.each(ALGORITHMS.filter((name) => !name.startsWith("HS")))(
    "of %s are taken as PEM and imported, to check and to sign",
    async (algorithm) => {
      const { publicKey, privateKey } = await pairOf(algorithm);
      const pem: JWTKey = { algorithm, publicKey: await exportSPKI(publicKey), privateKey: await exportPKCS8(privateKey) };
      const [signer, checker] = [new JWTChannelSecurity({ keys: [pem] }), new JWTChannelSecurity({ keys: [{ algorithm, publicKey }] })];
      const token = await signer.generateToken({ systemId: "s", role: "read", channels: "*" });
      expect(await checker.authorizeRequest(token, "c", "read")).toMatchObject({ systemId: "s" });
      expect((await refusalOf(checker.generateToken({ systemId: "s", role: "read" }))).message).toMatch(
        /checks tokens and can't issue any/,
      );
      expect(signer.algorithms).toEqual([algorithm]);
    },
  );

  it("of several the first that can sign does, names itself, and a token finds its own by name and algorithm", async () => {
    const { publicKey, algorithm } = await pairOf("ES256");
    const keys: JWTKey[] = [
      { kid: "a", algorithm, publicKey },
      { kid: "b", algorithm: "HS256", secret: SECRET },
      { kid: "c", algorithm: "HS384", secret: SECRET.repeat(2) },
    ];
    const security = new JWTChannelSecurity({ keys, clock, issuer: "us", audience: "them" });
    const token = await security.generateToken({ systemId: "s", role: "read", channels: "*", expiresInSeconds: 7 });
    const [header = "", body = ""] = token.split(".").map((part) => Buffer.from(part, "base64url").toString("latin1"));
    expect(JSON.parse(header)).toEqual({ alg: "HS256", typ: "JWT", kid: "b" });
    expect(JSON.parse(body)).toEqual({
      ...{ sub: "s", role: "read", channels: "*", iss: "us", aud: "them", iat: now, exp: now + 7 },
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
    expect(security.algorithms).toEqual(["ES256", "HS256", "HS384"]);
    expect(await causeOf(security, await sign({ ...good, iss: "us", aud: "them" }, { kid: "c" }))).toMatch(/no key for this token/);
    expect(await causeOf(security, await sign({ ...good, iss: "us", aud: "them" }))).toMatch(/no key for this token/);
  });

  it("a single one takes tokens that name none, or name it, and a nameless one takes any name", async () => {
    const admitted = async (kid: string | undefined, named: string | undefined): Promise<boolean> =>
      new JWTChannelSecurity({ keys: [{ ...(kid ? { kid } : {}), algorithm: "HS256", secret: SECRET }], clock })
        .authorizeRequest(await sign(good, named ? { kid: named } : {}), "c", "read")
        .then(
          () => true,
          () => false,
        );
    expect([await admitted("k", undefined), await admitted("k", "k"), await admitted(undefined, "x"), await admitted("k", "x")]).toEqual([
      ...[true, true, true, false],
    ]);
  });

  it("that are replaced at any moment of a check leave nothing behind that was checked with the old ones", async () => {
    const token = await sign(good);
    for (let moment = 0; moment < 20; moment++) {
      const security = new JWTChannelSecurity({ secret: SECRET, clock });
      const checking = security.authorizeRequest(token, "c", "read").catch(() => {});
      for (let passed = 0; passed < moment; passed++) await Promise.resolve();
      security.replaceKeys([{ algorithm: "HS256", secret: `${SECRET}x` }]);
      await checking;
      expect((await refusalOf(security.authorizeRequest(token, "c", "read"))).code).toBe("token_invalid");
    }
  });

  it("in a key set that is given check the tokens of each", async () => {
    const pairs = await Promise.all((["ES256", "EdDSA"] as const).map(pairOf));
    const published = await Promise.all(
      pairs.map(async ({ publicKey, algorithm }, index) => ({ ...(await exportJWK(publicKey)), kid: `k${index}`, alg: algorithm })),
    );
    const security = new JWTChannelSecurity({ keySet: { algorithms: ["ES256", "EdDSA"], jwks: { keys: published } } });
    for (const [index, { privateKey, algorithm }] of pairs.entries()) {
      const token = await new SignJWT({ sub: "s", role: "read", channels: "*", exp: 4e9 })
        .setProtectedHeader({ alg: algorithm, kid: `k${index}` })
        .sign(privateKey);
      expect(await security.authorizeRequest(token, "c", "read")).toMatchObject({ systemId: "s" });
    }
    expect(security.algorithms).toEqual(["ES256", "EdDSA"]);
  });
});

describe("a key set at an address", () => {
  it("is left alone for a second after three failures, tells where and why, and then asked again", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
    const state = { asked: 0, isUp: false };
    const body = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "k", alg: "ES256" }] });
    const server = createServer((_request, response) => {
      state.asked++;
      if (state.isUp) response.setHeader("content-type", "application/json").end(body);
      else response.writeHead(500).end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const jwks = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-path`);
    const security = new JWTChannelSecurity({ keySet: { algorithms: ["ES256"], jwks } });
    const token = await new SignJWT({ sub: "s", role: "read", channels: "*", exp: 4e9 })
      .setProtectedHeader({ alg: "ES256", kid: "k" })
      .sign(privateKey);
    const call = (): Promise<unknown> => security.authorizeRequest(token, "c", "read");
    const first = await refusalOf(call());
    expect([first.message, first.cause !== undefined]).toEqual([expect.stringContaining(`the keys at ${jwks.origin} can't be had`), true]);
    expect(first.message).not.toContain("secret-path");
    await refusalOf(call());
    await refusalOf(call());
    const asked = state.asked;
    const left = await refusalOf(call());
    expect([state.asked, left.code, left.cause]).toEqual([asked, "keys_unavailable", undefined]);
    state.isUp = true;
    await expect.poll(() => call().then(() => "in", () => "out"), { timeout: 10_000 }).toBe("in"); // prettier-ignore
    expect(state.asked).toBe(asked + 1);
  });
});

describe("a token that is asked for", () => {
  const security = new JWTChannelSecurity({ secret: SECRET, clock });
  it.each<[string, TokenRequest, string, RegExp]>([
    ["no role", { systemId: "s" } as TokenRequest, "invalid_argument", /There is no role undefined: use one of/],
    ["an unknown role", { systemId: "s", role: "root" as "read" }, "invalid_argument", /There is no role "root": use one of .*admin/],
    ["an unknown role for a channel", { systemId: "s", roles: { c: "root" as "read" } }, "invalid_argument", /There is no role "root"/],
    ["no system id", { systemId: "", role: "read" }, "invalid_identifier", /system id/],
    ["a bad channel", { systemId: "s", role: "read", channels: ["a/b"] }, "invalid_identifier", /channel id/],
    ["a bad channel among the roles", { systemId: "s", roles: { "a/b": "read" } }, "invalid_identifier", /channel id/],
    [
      "a text in the place of channels",
      { systemId: "s", role: "read", channels: "c" as "*" },
      "invalid_argument",
      /list of channel ids, .* but is "c"/,
    ],
    [
      "an option that there is none of",
      { systemId: "s", role: "read", expiresIn: 60 } as TokenRequest,
      "invalid_argument",
      /has no option "expiresIn"/,
    ],
    ["no time", { systemId: "s", role: "read", expiresInSeconds: 0 }, "invalid_argument", /expiresInSeconds/],
    ["more than ten years", { systemId: "s", role: "read", expiresInSeconds: 316_224_001 }, "invalid_argument", /expiresInSeconds/],
    [
      "more than a token holds",
      { systemId: "s", role: "read", channels: Array.from({ length: 1_000 }, (_, index) => `tenant-42.device-${index}`) },
      "invalid_argument",
      /has \d+ characters, and none with more than 16384 is let in. Name them by how they begin/,
    ],
  ])("with %s is not made", async (_what, request, code, expected) => {
    const error = await refusalOf(security.generateToken(request));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(expected)]);
  });

  it.each<[string, TokenRequest]>([
    ["the star as a role's channel", { systemId: "s", roles: { "*": "read" } }],
    ["a prefix", { systemId: "s", roles: { "c*": "read" } }],
    ["the longest time", { systemId: "s", role: "read", channels: "*", expiresInSeconds: 316_224_000 }],
  ])("with %s is made and works", async (_what, request) => {
    expect(await security.authorizeRequest(await security.generateToken(request), "c", "read")).toMatchObject({ role: "read" });
  });
});

describe("a token that is to be revoked", () => {
  it("is named by its id: its own text in the place of that is refused, because nothing would be revoked", async () => {
    const security = new JWTChannelSecurity({ secret: SECRET });
    const token = await security.generateToken({ systemId: "s", role: "read", channels: ["c"] });
    for (const text of [token, `Bearer ${token}`]) {
      const error = await refusalOf(security.revoke(text));
      expect([error.code, error.message]).toEqual(["invalid_argument", expect.stringMatching(/claim jti, and not by its own text/)]);
    }
  });
});

describe("a token's text", () => {
  const token = fc.tuple(...[1, 2, 3].map(() => fc.uint8Array({ minLength: 1, maxLength: 40 })));
  const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

  it("is taken when it is what an encoder makes", () => {
    fc.assert(fc.property(token, (parts) => isCanonical(parts.map(encode).join("."))));
  });

  it("has one spelling: a text that decodes to the same bytes and is another is not taken", () => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    fc.assert(
      fc.property(token, fc.nat(2), fc.constantFrom(...alphabet), (parts, index, last) => {
        const texts = parts.map(encode);
        const altered = texts.map((text, at) => (at === index ? text.slice(0, -1) + last : text));
        const isAnother = altered.join(".") !== texts.join(".");
        const isSame = altered.every((text, at) => Buffer.from(text, "base64url").equals(Buffer.from(parts[at] ?? [])));
        if (isAnother && isSame) expect(isCanonical(altered.join("."))).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(["", "a.b.c", "AA.AA", "AA.AA.AA.AA", "AA..AA", "AA.AA.AAAAA", " AA.AA.AA", "AA.AA.AA ", "AA.AA.AA=", "AB.AA.AA", "AA.AAB.AA"])(
    "%j is none",
    (text) => {
      expect(isCanonical(text)).toBe(false);
    },
  );

  it.each(["AA.AA.AA", "AAA.AAAA.AA", "Ag.AAA.Aw", "AAE.AA0.AA8"])("%j is one", (text) => {
    expect(isCanonical(text)).toBe(true);
  });
});

describe("a scope", () => {
  it("knows whole names before beginnings, the longest beginning first, and then its one role", () => {
    const scope = scopeOf("watch", ["news"], { "a*": "read", "a-b*": "write", "a-b-c": "admin" });
    expect(["a-b-c", "a-b-d", "a-x", "news", "b", "a-b-c*"].map((id) => roleOn(scope, id))).toEqual([
      ...["admin", "write", "read", "watch", undefined, "write"],
    ]);
    expect(roleOn(scopeOf("watch", "*", undefined), "anything")).toBe("watch");
    expect(roleOn(scopeOf(undefined, undefined, { c: "read" }), "d")).toBeUndefined();
  });
});

describe("verified tokens", () => {
  const claims = (expiresAt: number) => ({ ...scopeOf("read", "*", undefined), systemId: "s", expiresAt, tokenId: undefined });

  it("are remembered until they end, and are bounded: what was used longest ago is forgotten first", () => {
    const verified = new VerifiedTokens();
    for (let index = 0; index < 10_000; index++) verified.set(`t${index}`, claims(10));
    expect(verified.get("t0", 9)?.systemId).toBe("s");
    verified.set("one more", claims(10));
    expect(["t0", "t1", "t2"].map((token) => verified.get(token, 0) !== undefined)).toEqual([true, false, true]);
    expect([verified.get("t0", 10), verified.get("t0", 9)]).toEqual([undefined, undefined]);
    verified.clear();
    expect(verified.get("t2", 0)).toBeUndefined();
  });

  it("that were revoked are forgotten when they end, and not before", async () => {
    const own = new VirtualClock();
    const security = new JWTChannelSecurity({ secret: SECRET, clock: own });
    const token = await sign({ ...good, exp: Math.floor(own.now() / 1000) + 3_600, jti: "one" });
    await security.revoke("one", own.now() + 1_000);
    await security.revoke("two", own.now() + 2_000);
    const refused = (): Promise<boolean> => security.authorizeRequest(token, "c", "read").then(() => false, () => true); // prettier-ignore
    expect(await refused()).toBe(true);
    await own.advance(1_000);
    await security.revoke("three");
    expect(await refused()).toBe(false);
  });
});
