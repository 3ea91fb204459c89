import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";

/** What stands in a token's two parts before they are encoded, or text that is to stand there as it is. */
type Part = Readonly<Record<string, unknown>> | string;

/** A token that must not get in, and the code with which it is refused. */
export interface HostileToken {
  readonly what: string;
  readonly token: string;
  readonly refusedWith: "token_invalid" | "token_expired" | "insufficient_scope" | "insufficient_role";
}

export const ISSUER = "https://issuer.example";
export const AUDIENCE = "network";
/** The operation for which the corpus is made takes the role write on this channel. */
export const CHANNEL = "payments";
export const SYSTEM = "attacker";

const encode = (part: Part): string => Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");

/** How tokens are signed for one algorithm. */
export interface Signer {
  readonly algorithm: string;
  readonly sign: (input: string) => Buffer;
  /** What an attacker can know: the public key, as text. */
  readonly publicKey: string;
}

export function hmacSigner(algorithm: "HS256", secret: string): Signer {
  return { algorithm, publicKey: "", sign: (input) => createHmac("sha256", secret).update(input).digest() };
}

function keySigner(algorithm: "RS256" | "ES256" | "EdDSA", privateKey: KeyObject, publicKey: string): Signer {
  const hash = algorithm === "EdDSA" ? undefined : "sha256";
  return {
    algorithm,
    publicKey,
    sign: (input) => sign(hash, Buffer.from(input), algorithm === "ES256" ? { key: privateKey, dsaEncoding: "ieee-p1363" } : privateKey),
  };
}

/** Builds every token of the corpus for one algorithm. @param now in seconds. */
export function hostileTokens(signer: Signer, now: number): readonly HostileToken[] {
  const header = { alg: signer.algorithm, typ: "JWT" };
  const claims = { sub: SYSTEM, role: "write", channels: [CHANNEL], iat: now, exp: now + 600, iss: ISSUER, aud: AUDIENCE, jti: "j" };
  const signed = (head: Part, body: Part): string => {
    const input = `${encode(head)}.${encode(body)}`;
    return `${input}.${signer.sign(input).toString("base64url")}`;
  };
  const unsigned = (head: Part, body: Part, signature = ""): string => `${encode(head)}.${encode(body)}.${signature}`;
  const good = signed(header, claims);
  const [goodHead = "", goodBody = "", goodSignature = ""] = good.split(".");
  const invalid = (what: string, token: string): HostileToken => ({ what, token, refusedWith: "token_invalid" });
  const withHeader = (what: string, more: Part): HostileToken =>
    invalid(`header: ${what}`, signed(typeof more === "string" ? more : { ...header, ...more }, claims));
  const withClaims = (
    what: string,
    more: Readonly<Record<string, unknown>>,
    refusedWith: HostileToken["refusedWith"] = "token_invalid",
  ): HostileToken => ({ what: `claims: ${what}`, token: signed(header, { ...claims, ...more }), refusedWith });
  const without = (claim: keyof typeof claims, refusedWith: HostileToken["refusedWith"] = "token_invalid"): HostileToken => {
    const { [claim]: _left, ...rest } = claims;
    return { what: `claims: no ${claim}`, token: signed(header, rest), refusedWith };
  };
  const bytes = Buffer.from(goodSignature, "base64url");
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const forged = (alg: string, secret: string): string => {
    const input = `${encode({ ...header, alg })}.${encode(claims)}`;
    return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
  };
  const esInput = `${encode({ ...header, alg: "ES256" })}.${encode(claims)}`;
  const jwk = other.publicKey.export({ format: "jwk" });

  return [
    // No algorithm, however it is spelt.
    ...["none", "None", "NONE", "nOnE", "none ", " none", "none\0", "\u043Eone", "", "null"].flatMap((alg) => [
      invalid(`alg ${JSON.stringify(alg)} without a signature`, unsigned({ ...header, alg }, claims)),
      invalid(`alg ${JSON.stringify(alg)} with a good signature`, signed({ ...header, alg }, claims)),
    ]),
    ...[null, 1, true, [signer.algorithm], { alg: signer.algorithm }].map((alg) => withHeader(`alg ${JSON.stringify(alg)}`, { alg })),
    invalid("header: no alg", signed({ typ: "JWT" }, claims)),
    // Another algorithm than the key's.
    ...[
      "HS256",
      "HS384",
      "HS512",
      "RS256",
      "RS384",
      "RS512",
      "PS256",
      "ES256",
      "ES384",
      "ES512",
      "ES256K",
      "EdDSA",
      "Ed25519",
      "Ed448",
      "A128KW",
      "dir",
      signer.algorithm.toLowerCase(),
    ]
      .filter((alg) => alg !== signer.algorithm && !(signer.algorithm === "EdDSA" && alg === "Ed25519"))
      .map((alg) => withHeader(`alg ${alg} over this key's signature`, { alg })),
    ...[
      "",
      "secret",
      "password",
      "0123456789",
      "\0",
      signer.publicKey,
      signer.publicKey.trim(),
      signer.publicKey.replaceAll("\n", "\r\n"),
      signer.publicKey.split("\n").slice(1, -2).join(""),
    ].map((secret, index) => invalid(`HMAC with a guessable or public secret (${index})`, forged("HS256", secret))),
    invalid(
      "signed with another key",
      `${esInput}.${sign("sha256", Buffer.from(esInput), { key: other.privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`,
    ),
    // Keys that the token brings along.
    withHeader("kid that is not there", { kid: "another" }),
    ...[
      "../../dev/null",
      "/dev/null",
      "' OR 1=1 --",
      "key\0",
      "__proto__",
      "constructor",
      "x".repeat(5_000),
      "file:///etc/passwd",
      "http://127.0.0.1:1/key",
      "| id",
      "${jndi:ldap://127.0.0.1}",
    ].map((kid) =>
      invalid(
        `header: kid ${kid.slice(0, 30)} with a forged signature`,
        unsigned({ ...header, kid }, claims, forged("HS256", "x").split(".")[2]),
      ),
    ),
    invalid(
      "jwk of the attacker",
      `${encode({ ...header, alg: "ES256", jwk })}.${encode(claims)}.${sign("sha256", Buffer.from(`${encode({ ...header, alg: "ES256", jwk })}.${encode(claims)}`), { key: other.privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`,
    ),
    ...["jku", "x5u"].map((name) =>
      invalid(
        `${name} of the attacker`,
        unsigned({ ...header, [name]: "http://127.0.0.1:1/keys.json" }, claims, forged("HS256", "x").split(".")[2]),
      ),
    ),
    invalid(
      "x5c of the attacker",
      unsigned({ ...header, x5c: [signer.publicKey] }, claims, forged("HS256", signer.publicKey).split(".")[2]),
    ),
    // Extensions that change what a token means.
    withHeader("crit that nobody knows", { crit: ["x"], x: 1 }),
    withHeader("crit that is empty", { crit: [] }),
    withHeader("crit that is no list", { crit: "exp" }),
    withHeader("crit naming what is not there", { crit: ["b64"] }),
    withHeader("b64 false", { b64: false, crit: ["b64"] }),
    withHeader("zip", { zip: "DEF", crit: ["zip"] }),
    // Broken signatures.
    invalid("empty signature", `${goodHead}.${goodBody}.`),
    invalid("no signature at all", `${goodHead}.${goodBody}`),
    invalid("half a signature", `${goodHead}.${goodBody}.${bytes.subarray(0, bytes.length / 2).toString("base64url")}`),
    invalid("signature without its last byte", `${goodHead}.${goodBody}.${bytes.subarray(0, -1).toString("base64url")}`),
    invalid("signature with a byte too many", `${goodHead}.${goodBody}.${Buffer.concat([bytes, Buffer.alloc(1)]).toString("base64url")}`),
    invalid("signature of zeros", `${goodHead}.${goodBody}.${Buffer.alloc(bytes.length).toString("base64url")}`),
    invalid("signature of ones", `${goodHead}.${goodBody}.${Buffer.alloc(bytes.length, 255).toString("base64url")}`),
    invalid(
      "one bit of the signature flipped",
      `${goodHead}.${goodBody}.${Buffer.from(bytes.map((byte, index) => (index === 3 ? byte ^ 1 : byte))).toString("base64url")}`,
    ),
    invalid("ECDSA r and s of zero", `${esInput}.${Buffer.alloc(64).toString("base64url")}`),
    invalid("ECDSA in DER", `${esInput}.${sign("sha256", Buffer.from(esInput), other.privateKey).toString("base64url")}`),
    invalid("signature in base64 with padding", `${goodHead}.${goodBody}.${goodSignature}==`),
    invalid("signature with a space", `${goodHead}.${goodBody}.${goodSignature.slice(0, 5)} ${goodSignature.slice(5)}`),
    // Another body under a good signature.
    invalid("another body", `${goodHead}.${encode({ ...claims, role: "admin" })}.${goodSignature}`),
    invalid("another header", `${encode({ ...header, kid: "k" })}.${goodBody}.${goodSignature}`),
    // Shapes.
    ...[
      "",
      ".",
      "..",
      "...",
      "a.b.c",
      "a.b.c.d",
      "a.b.c.d.e",
      "null",
      "undefined",
      "{}",
      "[]",
      "Bearer",
      "\0",
      `${good}.`,
      `.${good}`,
      `${good}.${goodSignature}`,
      good.toUpperCase(),
      good.split("").reverse().join(""),
    ].map((token) => invalid(`shape: ${JSON.stringify(token.slice(0, 20))} (${token.length})`, token)),
    ...["null", "1", '"text"', "[]", "{", "", "\uFEFF{}", "{}{}", "true"].flatMap((text) => [
      invalid(`header is ${JSON.stringify(text)}`, signed(text, claims)),
      invalid(`claims are ${JSON.stringify(text)}`, signed(header, text)),
    ]),
    invalid("a token in a token", signed({ ...header, cty: "JWT" }, good)),
    invalid("an encrypted token", `${encode({ alg: "dir", enc: "A256GCM" })}..${encode("iv")}.${encode("text")}.${encode("tag")}`),
    invalid("a token as JSON", JSON.stringify({ payload: goodBody, signatures: [{ protected: goodHead, signature: goodSignature }] })),
    invalid("a token of a megabyte", signed(header, { ...claims, filling: "x".repeat(1_000_000) })),
    invalid("a header of a megabyte", signed({ ...header, filling: "x".repeat(1_000_000) }, claims)),
    // Times.
    withClaims("expired", { exp: now - 1 }, "token_expired"),
    withClaims("expires now", { exp: now }, "token_expired"),
    withClaims("expired long ago", { exp: 0 }, "token_expired"),
    withClaims("expired before the epoch", { exp: -1 }, "token_expired"),
    withClaims("not yet valid", { nbf: now + 60 }),
    without("exp"),
    ...[null, "9999999999", `${now + 600}`, [now + 600], { value: now + 600 }, true].map((exp) =>
      withClaims(`exp ${JSON.stringify(exp)}`, { exp }),
    ),
    invalid("claims: exp infinite", signed(header, JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e400'))),
    invalid("claims: exp beyond any date", signed(header, JSON.stringify(claims).replace(/"exp":\d+/, '"exp":99999999999999999'))),
    ...["1", null, [1], {}].map((nbf) => withClaims(`nbf ${JSON.stringify(nbf)}`, { nbf })),
    // Issuer and audience.
    without("iss"),
    without("aud"),
    ...[`${ISSUER}/`, ISSUER.toUpperCase(), "https://issuer.example.evil.example", [ISSUER], null, 1, "", "https://evil.example"].map(
      (iss) => withClaims(`iss ${JSON.stringify(iss)}`, { iss }),
    ),
    ...["networks", "Network", "network ", "net", "", null, 1, {}, [], ["other"], [["network"]], "*"].map((aud) =>
      withClaims(`aud ${JSON.stringify(aud)}`, { aud }),
    ),
    // Who.
    without("sub"),
    ...[
      null,
      1,
      "",
      " ",
      ["root"],
      { id: "root" },
      "../root",
      "a b",
      "root\n",
      "a\0b",
      "x".repeat(257),
      "\u0430dmin",
      "<script>",
      "\u202Eroot",
    ].map((sub) => withClaims(`sub ${JSON.stringify(sub).slice(0, 30)}`, { sub })),
    // Roles.
    without("role"),
    ...[
      "Write",
      "WRITE",
      "write ",
      " write",
      "writer",
      "root",
      "superuser",
      "",
      "admin,write",
      "*",
      "__proto__",
      "constructor",
      "toString",
      "hasOwnProperty",
      "read\0",
      "\u0440ead",
    ].map((role) => withClaims(`role ${JSON.stringify(role)}`, { role })),
    ...[null, 2, true, ["write"], ["admin"], { admin: true }, {}].map((role) => withClaims(`role ${JSON.stringify(role)}`, { role })),
    withClaims("role read for a write", { role: "read" }, "insufficient_role"),
    // Scope.
    without("channels", "insufficient_scope"),
    withClaims("channels empty", { channels: [] }, "insufficient_scope"),
    ...[
      "Payments",
      "PAYMENTS",
      "payments ",
      " payments",
      "payment",
      "payments2",
      "payments-readonly",
      "pay*",
      "payments/*",
      "**",
      "*",
      ".*",
      "%70ayments",
      "payments%00",
      "p\u0430yments",
      "\uFF50ayments",
      "payments\0",
      "./payments",
      "payments/.",
      "",
      "__proto__",
    ].map((name) => withClaims(`channels [${JSON.stringify(name)}]`, { channels: [name] }, "insufficient_scope")),
    ...[
      "payments",
      "payments-readonly",
      "payments,orders",
      "**",
      " *",
      "",
      { payments: true },
      1,
      true,
      null,
      ["payments", 1],
      [["payments"]],
      [null],
      { 0: "payments", length: 1 },
    ].map((channels) => withClaims(`channels ${JSON.stringify(channels)}`, { channels })),
    ...[1, null, {}, ["j"]].map((jti) => withClaims(`jti ${JSON.stringify(jti)}`, { jti })),
    // A member that stands there twice: what counts is the last, as everywhere else.
    {
      what: "claims: role twice, the last one is read",
      token: signed(header, JSON.stringify(claims).replace('"role":"write"', '"role":"write","role":"read"')),
      refusedWith: "insufficient_role",
    },
    {
      what: "claims: exp twice, the last one is over",
      token: signed(header, JSON.stringify(claims).replace(/"exp":\d+/, `$&,"exp":${now - 5}`)),
      refusedWith: "token_expired",
    },
    invalid("header: alg twice, the last one is none", signed(JSON.stringify(header).replace(/"alg":"[^"]+"/, '$&,"alg":"none"'), claims)),
  ];
}

/** A token that gets in, so that the corpus is not refused for a reason of its own. */
export function goodToken(signer: Signer, now: number): string {
  const input = `${encode({ alg: signer.algorithm, typ: "JWT" })}.${encode({ sub: SYSTEM, role: "write", channels: [CHANNEL], iat: now, exp: now + 600, iss: ISSUER, aud: AUDIENCE, jti: "j" })}`;
  return `${input}.${signer.sign(input).toString("base64url")}`;
}

/** Key pairs for the three kinds of public key. */
export function keyPair(algorithm: "RS256" | "ES256" | "EdDSA"): { readonly signer: Signer; readonly publicKey: string } {
  const pair =
    algorithm === "RS256"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : algorithm === "ES256"
        ? generateKeyPairSync("ec", { namedCurve: "P-256" })
        : generateKeyPairSync("ed25519");
  const publicKey = String(pair.publicKey.export({ type: "spki", format: "pem" }));
  return { signer: keySigner(algorithm, pair.privateKey, publicKey), publicKey };
}
