import { SignJWT, exportJWK, exportPKCS8, exportSPKI, generateKeyPair } from "jose";
import { isSSSNError, type ErrorCode, type Role } from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { describe, expect, it } from "vitest";
import { JWTChannelSecurity, type Algorithm, type JWTKey } from "../src/index.js";

const SECRET = "0123456789abcdef0123456789abcdef";
const clock = new VirtualClock();
const now = Math.floor(clock.now() / 1000);

function secure(more: Partial<ConstructorParameters<typeof JWTChannelSecurity>[0]> = {}): JWTChannelSecurity {
  return new JWTChannelSecurity({ secret: SECRET, clock, ...more });
}

/** A token with any claims, signed with any secret. */
function sign(
  claims: Record<string, unknown>,
  { secret = SECRET, header = { alg: "HS256" } }: { secret?: string; header?: { alg: string; kid?: string } } = {},
): Promise<string> {
  return new SignJWT(claims as never).setProtectedHeader(header).sign(new TextEncoder().encode(secret));
}

async function codeOf(call: Promise<unknown>): Promise<ErrorCode | "allowed" | undefined> {
  return call.then(
    () => "allowed" as const,
    (thrown: unknown) => (isSSSNError(thrown) ? thrown.code : undefined),
  );
}

const claims = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  sub: "s",
  role: "admin",
  channels: "*",
  exp: now + 60,
  ...more,
});

describe("keys", () => {
  it.each<[string, ConstructorParameters<typeof JWTChannelSecurity>[0]]>([
    ["a short secret", { secret: "secret" }],
    ["an empty secret", { secret: "" }],
    ["a secret too short for HS512", { keys: [{ algorithm: "HS512", secret: "x".repeat(63) }] }],
    ["a secret of one character", { secret: "a".repeat(64) }],
    ["a PEM key as secret", { secret: "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ" }],
    ["the algorithm none", { keys: [{ algorithm: "none" as Algorithm, secret: SECRET }] }],
    ["a public key for HS256", { keys: [{ algorithm: "HS256", publicKey: "x" }] }],
    ["a secret for ES256", { keys: [{ algorithm: "ES256", secret: SECRET }] }],
    [
      "several keys without names",
      {
        keys: [
          { algorithm: "HS256", secret: SECRET },
          { algorithm: "HS256", secret: `${SECRET}x` },
        ],
      },
    ],
    ["no key", { keys: [] }],
    ["nothing at all", {}],
    ["shared secrets in a key set", { keySet: { algorithms: ["HS256"], jwks: { keys: [] } } }],
  ])("refuses %s when it is made [X12]", (_what, options) => {
    expect(() => new JWTChannelSecurity(options)).toThrowError(expect.objectContaining({ code: "invalid_argument" }));
  });

  it.each<Algorithm>(["HS256", "HS512", "ES256", "EdDSA", "RS256"])("issues and checks %s", async (algorithm) => {
    const security = secure({ secret: undefined as never, keys: [await keyFor(algorithm)] });
    const token = await security.generateToken({ systemId: "s", role: "write", channels: ["c"] });
    expect(await security.authorizeRequest(token, "c", "write")).toMatchObject({ systemId: "s", role: "write" });
  });

  it("rotate without a refused valid token, and an old key stops working when it goes", async () => {
    const [old, next] = [
      { kid: "old", algorithm: "HS256", secret: SECRET },
      { kid: "new", algorithm: "HS256", secret: `next${SECRET}` },
    ] as const satisfies JWTKey[];
    const security = new JWTChannelSecurity({ keys: [old], clock });
    const before = await security.generateToken({ systemId: "s", role: "read", channels: "*" });
    security.replaceKeys([next, old]);
    const after = await security.generateToken({ systemId: "s", role: "read", channels: "*" });
    for (const token of [before, after]) expect(await codeOf(security.authorizeRequest(token, "c", "read"))).toBe("allowed");
    security.replaceKeys([next]);
    expect([
      await codeOf(security.authorizeRequest(before, "c", "read")),
      await codeOf(security.authorizeRequest(after, "c", "read")),
    ]).toEqual(["token_invalid", "allowed"]);
  });

  it("come from a key set, and then no token is issued", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const security = new JWTChannelSecurity({
      keySet: { algorithms: ["ES256"], jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: "k", alg: "ES256" }] } },
      clock,
    });
    const token = await new SignJWT(claims() as never).setProtectedHeader({ alg: "ES256", kid: "k" }).sign(privateKey);
    expect(await codeOf(security.authorizeRequest(token, "c", "read"))).toBe("allowed");
    expect(await codeOf(security.generateToken({ systemId: "s", role: "read" }))).toBe("invalid_argument");
  });
});

async function keyFor(algorithm: Algorithm): Promise<JWTKey> {
  if (algorithm.startsWith("HS")) return { algorithm, secret: `${SECRET}${SECRET}` };
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return { algorithm, publicKey: await exportSPKI(publicKey), privateKey: await exportPKCS8(privateKey) };
}

describe("a token", () => {
  it.each<[string, Record<string, unknown>, ErrorCode | "allowed"]>([
    ["that is good", claims(), "allowed"],
    ["without exp", claims({ exp: undefined }), "token_invalid"],
    ["that expires now", claims({ exp: now }), "token_expired"],
    ["that has expired", claims({ exp: now - 1 }), "token_expired"],
    ["with exp as text", claims({ exp: String(now + 60) }), "token_invalid"],
    ["with an endless exp", claims({ exp: 1e300 }), "token_invalid"],
    ["that is not valid yet", claims({ nbf: now + 6 }), "token_invalid"],
    ["that was issued in the future", claims({ iat: now + 6 }), "token_invalid"],
    ["without sub", claims({ sub: undefined }), "token_invalid"],
    ["with a sub that is no identifier", claims({ sub: "../root" }), "token_invalid"],
    ["without role", claims({ role: undefined }), "token_invalid"],
    ["with an unknown role", claims({ role: "root" }), "token_invalid"],
    ["with a role in capitals", claims({ role: "ADMIN" }), "token_invalid"],
    ["with a list of roles", claims({ role: ["admin"] }), "token_invalid"],
    ["with a role from the prototype", claims({ role: "constructor" }), "token_invalid"],
    ["without channels", claims({ channels: undefined }), "insufficient_scope"],
    ["with an empty list of channels", claims({ channels: [] }), "insufficient_scope"],
    ["with channels as a text that contains the name", claims({ channels: "payments" }), "token_invalid"],
    ["with a longer name", claims({ channels: ["payments-readonly"] }), "insufficient_scope"],
    ["with a shorter name", claims({ channels: ["payment"] }), "insufficient_scope"],
    ["with the name in capitals", claims({ channels: ["PAYMENTS"] }), "insufficient_scope"],
    ["with a pattern in the list", claims({ channels: ["*"] }), "insufficient_scope"],
    ["with the name among others", claims({ channels: ["orders", "payments"] }), "allowed"],
    ["with an id that is no text", claims({ jti: 7 }), "token_invalid"],
  ])("%s [W32] [G3.2]", async (_what, payload, expected) => {
    expect(await codeOf(secure().authorizeRequest(await sign(payload), "payments", "read"))).toBe(expected);
  });

  it("of another key, algorithm or issuer is not valid", async () => {
    const strict = secure({ issuer: "us", audience: "network" });
    const good = claims({ iss: "us", aud: "network" });
    const [head, body] = (await sign(good)).split(".");
    const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${body}.`;
    const tokens = [
      await sign(good, { secret: `${SECRET}x` }),
      await sign(good, { secret: `${SECRET}${SECRET}`, header: { alg: "HS512" } }),
      await sign(claims({ iss: "them", aud: "network" })),
      await sign(claims({ iss: "us", aud: "networks" })),
      await sign(claims()),
      none,
      `${head}.${body}.`,
      `${head}.${body}`,
      "",
      "a.b.c",
      "x".repeat(1_000_000),
    ];
    for (const token of tokens) expect(await codeOf(strict.authorizeRequest(token, "c", "read"))).toBe("token_invalid");
    expect(await codeOf(strict.authorizeRequest(await sign(good), "c", "read"))).toBe("allowed");
  });

  it.each<[Role, string[]]>([
    ["read", ["read", "claim", "acknowledge", "stream", "info"]],
    ["write", ["read", "write"]],
    ["admin", ["read", "write", "history", "clear", "remove"]],
  ])("with the role %s may do what that role may", async (role, allowed) => {
    const security = secure();
    const token = await security.generateToken({ systemId: "s", role, channels: ["c"] });
    for (const operation of ["read", "claim", "acknowledge", "stream", "info", "write", "history", "clear", "remove"] as const) {
      const expected =
        allowed.includes(operation) || (role !== "read" && ["claim", "acknowledge", "stream", "info"].includes(operation))
          ? "allowed"
          : "insufficient_role";
      expect([operation, await codeOf(security.authorizeRequest(token, "c", operation))]).toEqual([operation, expected]);
    }
  });

  it("is remembered as verified, but neither past its end nor past its revocation", async () => {
    const own = new VirtualClock();
    const security = new JWTChannelSecurity({ secret: SECRET, clock: own });
    const token = await security.generateToken({ systemId: "s", role: "read", channels: "*", expiresInSeconds: 10 });
    const use = (): Promise<unknown> => codeOf(security.authorizeRequest(token, "c", "read"));
    expect([await use(), await use()]).toEqual(["allowed", "allowed"]);
    await own.advance(10_000);
    expect(await use()).toBe("token_expired");
    const another = await security.generateToken({ systemId: "s", role: "read", channels: "*" });
    expect(await codeOf(security.authorizeRequest(another, "c", "read"))).toBe("allowed");
    const { jti } = JSON.parse(Buffer.from(another.split(".")[1] ?? "", "base64url").toString()) as { jti: string };
    await security.revoke(jti);
    expect(await codeOf(security.authorizeRequest(another, "c", "read"))).toBe("token_invalid");
    expect(await security.authenticate(another)).toBeUndefined();
  });

  it("stands in no error message", async () => {
    const token = await sign(claims({ exp: now - 1 }));
    const error: unknown = await secure()
      .authorizeRequest(token, "c", "read")
      .catch((thrown: unknown) => thrown);
    expect(JSON.stringify([error, String(error), (error as Error).cause])).not.toContain(token.slice(0, 20));
  });
});

describe("in process", () => {
  it("everything is allowed: there the topology is the authority [N1]", () => {
    const security = secure();
    expect([security.authorizeRead(), security.authorizeWrite(), security.authorizeAdmin()]).toEqual([true, true, true]);
  });
});
