import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { SignJWT, exportJWK, generateKeyPair, type JWK } from "jose";
import { isSSSNError, type ChannelOperation } from "@sssn/core";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { JWTChannelSecurity, systemIdOf, type ClaimMapping } from "../src/index.js";

const SECRET = "0123456789abcdef0123456789abcdef";

function sign(claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT({ exp: Math.floor(Date.now() / 1000) + 600, ...claims } as never)
    .setProtectedHeader({ alg: "HS256", ...header })
    .sign(new TextEncoder().encode(SECRET));
}

async function outcome(
  security: JWTChannelSecurity,
  token: string,
  channel = "orders",
  operation: ChannelOperation = "read",
): Promise<string> {
  return security.authorizeRequest(token, channel, operation).then(
    ({ systemId, role }) => `${systemId} ${role}`,
    (error: unknown) => (isSSSNError(error) ? error.code : String(error)),
  );
}

describe("claims of an identity provider", () => {
  it.each<[string, ClaimMapping, Record<string, unknown>, string]>([
    [
      "Auth0",
      { role: "https://sssn/role", channels: "permissions" },
      { sub: "auth0|64f1", "https://sssn/role": "write", permissions: ["orders"] },
      "auth0~7C64f1 write",
    ],
    [
      "Keycloak",
      { role: ({ realm_access }) => (realm_access as { roles: string[] }).roles.find((role) => role === "admin"), channels: () => "*" },
      { sub: "f:1:jane", realm_access: { roles: ["offline", "admin"] } },
      "f:1:jane admin",
    ],
    [
      "Entra ID",
      { systemId: "oid", role: ({ roles }) => (roles as string[])[0], channels: "scp", roles: () => undefined },
      { oid: "b7e2", sub: "x", roles: ["read"], scp: "orders invoices" },
      "b7e2 read",
    ],
    [
      "GitHub Actions",
      { role: () => "write", channels: () => ["orders"] },
      { sub: "repo:acme/shop:ref:refs/heads/main" },
      "repo:acme~2Fshop:ref:refs~2Fheads~2Fmain write",
    ],
  ])("of %s are mapped", async (_provider, claims, said, expected) => {
    expect(await outcome(new JWTChannelSecurity({ secret: SECRET, claims }), await sign(said))).toBe(expected);
  });

  it("spell no two subjects the same way", () => {
    const subjects = ["a|b", "a~7Cb", "a~b", "Zoë", "Zoe", "|", "~", "-x", "_-x", "https://idp.example/users/7"];
    expect(new Set(subjects.map(systemIdOf)).size).toBe(subjects.length);
    expect(() => systemIdOf("\ud800")).toThrow();
    expect(() => systemIdOf("ä".repeat(200))).toThrow();
  });

  it("that are not mapped and no identifier are refused, and the cause says what to do and not what they hold", async () => {
    const security = new JWTChannelSecurity({ secret: SECRET });
    const error: unknown = await security
      .authorizeRequest(await sign({ sub: "auth0|secret", role: "read", channels: "*" }), "c", "read")
      .catch((thrown: unknown) => thrown);
    const cause = (error as Error).cause as Error;
    expect([cause.message.includes("claims"), cause.message.includes("auth0")]).toEqual([true, false]);
  });
});

describe("what a token may do", () => {
  it("is one role for all its channels, or a role a channel, by name or by how it begins", async () => {
    const security = new JWTChannelSecurity({ secret: SECRET });
    const token = await security.generateToken({
      systemId: "s",
      role: "watch",
      channels: ["news"],
      roles: { orders: "write", "orders-*": "read", "orders-eu-*": "observe" },
    });
    const asked: readonly (readonly [string, ChannelOperation])[] = [
      ["news", "read"],
      ["news", "claim"],
      ["orders", "write"],
      ["orders-us", "claim"],
      ["orders-us", "write"],
      ["orders-eu-1", "stats"],
      ["orders-eu-1", "info"],
      ["orders-eu-1", "read"],
      ["order", "read"],
    ];
    expect(await Promise.all(asked.map(([channel, operation]) => outcome(security, token, channel, operation)))).toEqual([
      "s watch",
      "insufficient_role",
      "s write",
      "s read",
      "insufficient_role",
      "s observe",
      "s observe",
      "insufficient_role",
      "insufficient_scope",
    ]);
  });

  it.each<[string, object]>([
    ["no role at all", { systemId: "s" }],
    ["a role that does not exist", { systemId: "s", role: "root" }],
    ["such a role for one channel", { systemId: "s", roles: { orders: "root" } }],
    ["a channel that is no name", { systemId: "s", roles: { "a/b": "read" } }],
    [
      "more channels than a token can carry",
      { systemId: "s", role: "read", channels: Array.from({ length: 1_000 }, (_, index) => `tenant-42.device-${index}`) },
    ],
  ])("is refused when it is made with %s", async (_what, request) => {
    await expect(new JWTChannelSecurity({ secret: SECRET }).generateToken(request as never)).rejects.toSatisfy((error) =>
      isSSSNError(error),
    );
  });

  it("is nothing, when the token is of another type, or not begun by more than clocks are apart", async () => {
    const security = new JWTChannelSecurity({ secret: SECRET });
    const said = { sub: "s", role: "read", channels: "*" };
    const now = Math.floor(Date.now() / 1000);
    const types = await Promise.all(
      ["JWT", "at+jwt", "application/at+jwt", "logout+jwt", "dpop+jwt", ""].map(async (typ) =>
        outcome(security, await sign(said, { typ })),
      ),
    );
    expect(types).toEqual(["s read", "s read", "s read", "token_invalid", "token_invalid", "token_invalid"]);
    const times = [{ nbf: now + 2 }, { iat: now + 2 }, { nbf: now + 60 }, { iat: now + 60 }];
    expect(await Promise.all(times.map(async (more) => outcome(security, await sign({ ...said, ...more }))))).toEqual([
      "s read",
      "s read",
      "token_invalid",
      "token_invalid",
    ]);
  });
});

describe("keys that are published elsewhere", () => {
  /** A key set at an address that can be taken down, and changed. */
  async function published() {
    const pairs = await Promise.all(
      ["old", "new"].map(async (kid) => ({ kid, pair: await generateKeyPair("ES256", { extractable: true }) })),
    );
    const jwk = async (index: number): Promise<JWK> => ({
      ...(await exportJWK(pairs[index]?.pair.publicKey as CryptoKey)),
      kid: pairs[index]?.kid ?? "",
      alg: "ES256",
    });
    const state: { keys: JWK[]; isUp: boolean; asked: number } = { keys: [await jwk(0)], isUp: true, asked: 0 };
    const server = createServer((_request, response) => {
      state.asked++;
      if (state.isUp) response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: state.keys }));
      else response.writeHead(503).end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const tokenOf = (index: number): Promise<string> =>
      new SignJWT({ sub: "s", role: "read", channels: "*", exp: Math.floor(Date.now() / 1000) + 86_400 })
        .setProtectedHeader({ alg: "ES256", kid: pairs[index]?.kid ?? "" })
        .sign(pairs[index]?.pair.privateKey as CryptoKey);
    const jwks = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`);
    return { state, tokenOf, jwk, security: new JWTChannelSecurity({ keySet: { algorithms: ["ES256"], jwks } }) };
  }

  it("and can't be had make a caller wait, and never its token invalid", async () => {
    const { state, tokenOf, security } = await published();
    state.isUp = false;
    const token = await tokenOf(0);
    await expect(security.authorizeRequest(token, "c", "read")).rejects.toMatchObject({
      code: "keys_unavailable",
      retryable: true,
      status: 503,
    });
    await expect(security.authenticate(token)).rejects.toMatchObject({ code: "keys_unavailable" });
    state.isUp = true;
    expect(await outcome(security, token)).toBe("s read");
  });

  it("and were withdrawn are good for nothing, whatever was verified with them before", async () => {
    const { state, tokenOf, jwk, security } = await published();
    const [old, fresh] = [await tokenOf(0), await tokenOf(1)];
    expect(await outcome(security, old)).toBe("s read");
    state.keys = [await jwk(1)];
    const now = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 11 * 60_000);
    onTestFinished(() => now.mockRestore());
    expect([await outcome(security, old), await outcome(security, fresh)]).toEqual(["token_invalid", "s read"]);
  });

  it("are asked for once by many callers", async () => {
    const { state, tokenOf, security } = await published();
    const token = await tokenOf(0);
    expect(new Set(await Promise.all(Array.from({ length: 50 }, () => outcome(security, token))))).toEqual(new Set(["s read"]));
    expect(state.asked).toBe(1);
  });
});
