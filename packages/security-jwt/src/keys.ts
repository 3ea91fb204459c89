import { importPKCS8, importSPKI, type CryptoKey, type JWTVerifyGetKey, type KeyObject } from "jose";
import { SSSNError, describe } from "@sssn/core";
import type { ImportedKey, PublishedKeySet } from "./key-types.js";

/** Algorithms that a key may be used with. There is no "none", and a token never chooses. */
export const ALGORITHMS = [
  "HS256",
  "HS384",
  "HS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
] as const;
/** A name from {@link ALGORITHMS}. */
export type Algorithm = (typeof ALGORITHMS)[number];

/** How many bytes a secret needs at least, by algorithm. */
const SECRET_BYTES: Partial<Record<Algorithm, number>> = { HS256: 32, HS384: 48, HS512: 64 };

/** One key. Several of them, told apart by `kid`, make a rotation. */
export interface JWTKey {
  /** Names the key in a token's header. Needed as soon as there are several. */
  readonly kid?: string;
  readonly algorithm: Algorithm;
  /** For HS256/384/512: the shared secret, at least 32/48/64 bytes; a text counts as UTF-8. */
  readonly secret?: string | Uint8Array;
  /** For the others: the public key, as PEM (SPKI) or already imported. */
  readonly publicKey?: string | ImportedKey;
  /** For the others, where tokens are issued: the private key, as PEM (PKCS #8) or already imported. */
  readonly privateKey?: string | ImportedKey;
}

/** Keys that are published elsewhere. */
export interface JWKSSource {
  readonly algorithms: readonly Algorithm[];
  /** Where the key set is fetched from (cached, with a cooldown against forged key ids), or the key set itself. */
  readonly jwks: URL | PublishedKeySet;
}

type UsableKey = CryptoKey | KeyObject | Uint8Array;

/** The keys that tokens are checked and issued with. */
export interface KeyRing {
  readonly algorithms: readonly Algorithm[];
  /** The key that a token's header asks for, provided that it is for the token's algorithm. */
  readonly verification: JWTVerifyGetKey;
  /** Whether other keys are good than when it was asked last: then what was verified with the old ones counts no more. */
  haveChanged(now: number): boolean | Promise<boolean>;
  /** The first key that can sign; `undefined` when this side only checks. */
  signing(): Promise<{ readonly key: UsableKey; readonly algorithm: Algorithm; readonly kid: string | undefined } | undefined>;
}

/** @throws SSSNError `invalid_argument` for a weak secret, a missing key, an unknown algorithm, or keys that can't be told apart. */
export function makeKeyRing(keys: readonly JWTKey[]): KeyRing {
  if (keys.length === 0) throw new SSSNError("invalid_argument", "JWTChannelSecurity needs at least one key.");
  for (const key of keys) checkKey(key);
  const kids = keys.map(({ kid }) => kid);
  if (keys.length > 1 && (kids.includes(undefined) || new Set(kids).size < keys.length)) {
    throw new SSSNError("invalid_argument", "Several keys need a distinct `kid` each, so that a token can say which one it is for.");
  }
  return {
    algorithms: [...new Set(keys.map(({ algorithm }) => algorithm))],
    verification: async ({ alg, kid }) => {
      const found = keys.length === 1 && (kid === undefined || keys[0]?.kid === undefined) ? keys[0] : keys.find((key) => key.kid === kid);
      if (!found || found.algorithm !== alg) throw new Error("no key for this token");
      return verificationKey(found);
    },
    haveChanged: () => false,
    async signing() {
      const key = keys.find(({ secret, privateKey }) => secret !== undefined || privateKey !== undefined);
      return key && { key: await signingKey(key), algorithm: key.algorithm, kid: key.kid };
    },
  };
}

/** @throws SSSNError `invalid_argument`. */
export function checkAlgorithm(algorithm: unknown): void {
  if (ALGORITHMS.includes(algorithm as Algorithm)) return;
  throw new SSSNError("invalid_argument", `There is no algorithm ${describe(algorithm)} here: use one of ${ALGORITHMS.join(", ")}.`);
}

function checkKey({ algorithm, secret, publicKey, privateKey }: JWTKey): void {
  checkAlgorithm(algorithm);
  const needed = SECRET_BYTES[algorithm];
  if (needed === undefined) {
    if (secret !== undefined || (publicKey === undefined && privateKey === undefined)) {
      throw new SSSNError(
        "invalid_argument",
        `${algorithm} takes a publicKey to check tokens, and a privateKey to issue them, but no secret.`,
      );
    }
    if (publicKey === undefined)
      throw new SSSNError("invalid_argument", `${algorithm} needs the publicKey as well: tokens are checked with it.`);
    return;
  }
  if (secret === undefined || publicKey !== undefined || privateKey !== undefined)
    throw new SSSNError("invalid_argument", `${algorithm} takes a secret and nothing else.`);
  const bytes = secretBytes(secret);
  if (bytes.length < needed) {
    throw new SSSNError(
      "invalid_argument",
      `The secret for ${algorithm} has ${bytes.length} bytes and needs at least ${needed}. Make one with: openssl rand -hex ${needed}`,
    );
  }
  if (new TextDecoder().decode(bytes).includes("-----BEGIN"))
    throw new SSSNError("invalid_argument", `The secret for ${algorithm} is a PEM key. A key pair goes with ES256, EdDSA or RS256.`);
  if (new Set(bytes).size < 8)
    throw new SSSNError(
      "invalid_argument",
      `The secret for ${algorithm} repeats a few characters and can be guessed. Make one with: openssl rand -hex ${needed}`,
    );
}

function secretBytes(secret: string | Uint8Array): Uint8Array {
  return typeof secret === "string" ? new TextEncoder().encode(secret) : secret;
}

async function verificationKey({ algorithm, secret, publicKey }: JWTKey): Promise<UsableKey> {
  if (secret !== undefined) return secretBytes(secret);
  return typeof publicKey === "string" ? importSPKI(publicKey, algorithm) : (publicKey as UsableKey);
}

async function signingKey({ algorithm, secret, privateKey }: JWTKey): Promise<UsableKey> {
  if (secret !== undefined) return secretBytes(secret);
  return typeof privateKey === "string" ? importPKCS8(privateKey, algorithm) : (privateKey as UsableKey);
}
