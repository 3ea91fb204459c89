import { existsSync, readFileSync } from "node:fs";
import { isSSSNError } from "@sssn/core";
import { compactVerify, importJWK, type JWK } from "jose";
import { describe, expect, it } from "vitest";
import { JWTChannelSecurity, type JWTKey } from "../src/index.js";
import { isCanonical } from "../src/token-text.js";
import { AUDIENCE, CHANNEL, ISSUER, SYSTEM, goodToken, hmacSigner, hostileTokens, keyPair, type Signer } from "./hostile-tokens.js";

const SECRET = "0123456789abcdef0123456789abcdef";

function securities(): readonly { readonly algorithm: string; readonly signer: Signer; readonly key: JWTKey }[] {
  return [
    { algorithm: "HS256", signer: hmacSigner("HS256", SECRET), key: { kid: "main", algorithm: "HS256", secret: SECRET } },
    ...(["RS256", "ES256", "EdDSA"] as const).map((algorithm) => {
      const { signer, publicKey } = keyPair(algorithm);
      return { algorithm, signer, key: { kid: "main", algorithm, publicKey } };
    }),
  ];
}

describe.each(securities())("the corpus of hostile tokens, against $algorithm [G3.2] [W32]", ({ signer, key }) => {
  const security = new JWTChannelSecurity({ keys: [key], issuer: ISSUER, audience: AUDIENCE });
  const now = Math.floor(Date.now() / 1_000);
  const corpus = hostileTokens(signer, now);

  it(`has at least 150 tokens, and a good one gets in`, async () => {
    expect(corpus.length).toBeGreaterThanOrEqual(150);
    expect(new Set(corpus.map(({ what }) => what)).size).toBe(corpus.length);
    expect(await security.authorizeRequest(goodToken(signer, now), CHANNEL, "write")).toMatchObject({ systemId: SYSTEM, role: "write" });
  });

  it.each(corpus)("$what: $refusedWith", async ({ token, refusedWith }) => {
    const error: unknown = await security.authorizeRequest(token, CHANNEL, "write").catch((thrown: unknown) => thrown);
    expect(isSSSNError(error) ? error.code : error).toBe(refusedWith);
    // An error is shown to the caller: it must not repeat what it was given.
    if (token.length > 20) expect(String((error as Error).message)).not.toContain(token.slice(0, 60));
  });

  it("leaves Object.prototype alone", () => {
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>)["role"]).toBeUndefined();
  });
});

interface WycheproofGroup {
  readonly private?: JWK;
  readonly public?: JWK;
  readonly tests: readonly {
    readonly tcId: number;
    readonly comment: string;
    readonly jws: string;
    readonly result: string;
    readonly flags?: readonly string[];
  }[];
}

/** Not part of this repository: the vectors of the Wycheproof project, where they lie beside it. */
const VECTORS = new URL("../../../../shared/vectors/wycheproof_json_web_signature.json", import.meta.url);

describe.skipIf(!existsSync(VECTORS))("Wycheproof's JSON Web Signature vectors (skipped where the file is not there)", () => {
  it("are judged as they say: nothing invalid gets in", async () => {
    const { testGroups } = JSON.parse(readFileSync(VECTORS, "utf8")) as { testGroups: readonly WycheproofGroup[] };
    const unexpected: string[] = [];
    let count = 0;
    // Two of the "invalid" ones are letter for letter the same as a valid one; they can't be told apart.
    const valid = new Set(testGroups.flatMap(({ tests }) => tests.filter(({ result }) => result === "valid").map(({ jws }) => jws)));
    for (const { private: privateKey, public: publicKey, tests } of testGroups) {
      const jwk = publicKey ?? privateKey;
      for (const { tcId, jws, result, comment } of tests) {
        count++;
        const accepted = await accepts(jwk, jws);
        if (accepted !== (result === "valid") && !(accepted && valid.has(jws)))
          unexpected.push(`${tcId} ${result} but ${accepted ? "accepted" : "refused"}: ${comment}`);
      }
    }
    console.log(`${count} vectors, ${unexpected.length} judged otherwise:\n${unexpected.join("\n")}`);
    expect(count).toBeGreaterThan(300);
    expect(unexpected.filter((text) => text.includes("but accepted"))).toEqual([]);
  });
});

/** Verifies with the very library and the very limits that JWTChannelSecurity verifies with: one algorithm, that of the key. */
async function accepts(jwk: JWK | undefined, jws: string): Promise<boolean> {
  try {
    // A key that does not say what it is for is refused, also where the vectors would take it.
    if (!jwk?.alg || !isCanonical(jws)) return false;
    await compactVerify(jws, await importJWK(jwk, jwk.alg), { algorithms: [jwk.alg] });
    return true;
  } catch {
    return false;
  }
}
