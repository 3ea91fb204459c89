import { SignJWT, errors, jwtVerify } from "jose";
import {
  OPERATION_ROLES,
  SSSNError,
  describe,
  insufficientRole,
  invalidToken,
  roleCovers,
  systemClock,
  validateIdentifier,
  validateInteger,
  type ChannelOperation,
  type ChannelSecurity,
  type Clock,
  type Principal,
  type TokenRequest,
} from "@sssn/core";
import { readClaims, type TokenClaims } from "./claims.js";
import { makeKeyRing, makeRemoteKeyRing, type Algorithm, type JWKSSource, type JWTKey, type KeyRing } from "./keys.js";
import { isCanonical } from "./token-text.js";
import { VerifiedTokens } from "./verified-tokens.js";

const MOST_TOKEN_CHARACTERS = 16_384;
const LONGEST_LIFE_SECONDS = 10 * 366 * 24 * 3600;

/** With which keys tokens are checked and issued, and what they must say. */
export interface JWTSecurityOptions {
  /** The shortest way: one shared secret for HS256, at least 32 bytes. */
  readonly secret?: string | Uint8Array;
  /** Or any keys; the first one that can sign issues tokens. */
  readonly keys?: readonly JWTKey[];
  /** Or keys that are published elsewhere: tokens are checked, not issued. */
  readonly keySet?: JWKSSource;
  /** A token must say exactly this in `iss`. */
  readonly issuer?: string;
  /** A token must name exactly this in `aud`. */
  readonly audience?: string;
  /** How far clocks may be apart, in seconds, from 0 to 5. Default 0. */
  readonly clockToleranceSeconds?: number;
  readonly clock?: Clock;
}

/**
 * Checks JSON Web Tokens, with jose. Over HTTP, signature, algorithm, times, issuer, audience, role and channel scope are checked
 * before anything is dispatched. In process it allows everything: there the topology is the authority.
 *
 * @example
 * ```ts
 * import { JWTChannelSecurity } from "@sssn/security-jwt";
 * const security = new JWTChannelSecurity({ secret: crypto.getRandomValues(new Uint8Array(32)) });
 * const token = await security.generateToken({ systemId: "monitor", role: "read", channels: ["readings"] });
 * const principal = await security.authorizeRequest(token, "readings", "read");
 * if (principal.systemId !== "monitor") throw new Error("the token belongs to the monitor");
 * ```
 */
export class JWTChannelSecurity implements ChannelSecurity {
  readonly strength = "token";
  readonly #options: JWTSecurityOptions;
  readonly #clock: Clock;
  readonly #tolerance: number;
  readonly #verified = new VerifiedTokens();
  /** Revoked token ids, with the moment from which on they may be forgotten. */
  readonly #revoked = new Map<string, number>();
  #keys: KeyRing;

  /** @throws SSSNError `invalid_argument` for a weak or unfit key. */
  constructor(options: JWTSecurityOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#tolerance = validateInteger("clockToleranceSeconds", options.clockToleranceSeconds ?? 0, 0, 5);
    this.#keys = keyRingOf(options);
  }

  /** Changes the keys while everything runs. Tokens of keys that are no longer there stop working at once. @throws SSSNError `invalid_argument`. */
  replaceKeys(keys: readonly JWTKey[]): void {
    this.#keys = makeKeyRing(keys);
    this.#verified.clear();
  }

  /** Which algorithms a token may use. */
  get algorithms(): readonly Algorithm[] {
    return this.#keys.algorithms;
  }

  async authenticate(credential: string): Promise<Principal | undefined> {
    try {
      return principalOf(await this.#verify(credential));
    } catch {
      return undefined;
    }
  }

  /** Always true: in process the topology is the authority. */
  authorizeRead(): boolean {
    return true;
  }

  /** Always true: in process the topology is the authority. */
  authorizeWrite(): boolean {
    return true;
  }

  /** Always true: in process the topology is the authority. */
  authorizeAdmin(): boolean {
    return true;
  }

  async authorizeRequest(credential: string, channelId: string, operation: ChannelOperation): Promise<Principal> {
    const claims = await this.#verify(credential);
    if (claims.channels !== "*" && !claims.channels.has(channelId)) {
      throw new SSSNError("insufficient_scope", `The token of ${claims.systemId} is not for channel ${channelId}.`, {
        details: { channel: channelId },
      });
    }
    if (!roleCovers(claims.role, OPERATION_ROLES[operation])) throw insufficientRole(claims.systemId, channelId, operation);
    return principalOf(claims);
  }

  /** @throws SSSNError `invalid_argument` when there is no key to sign with; `invalid_identifier`. */
  async generateToken({ systemId, role, channels, expiresInSeconds = 86_400 }: TokenRequest): Promise<string> {
    const signing = await this.#keys.signing();
    if (!signing)
      throw new SSSNError(
        "invalid_argument",
        "This JWTChannelSecurity has no secret or private key: it checks tokens and can't issue any.",
      );
    validateIdentifier("system id", systemId);
    validateInteger("expiresInSeconds", expiresInSeconds, 1, LONGEST_LIFE_SECONDS);
    if (!roleCovers(role, "read")) throw new SSSNError("invalid_argument", `There is no role ${describe(role)}: use read, write or admin.`);
    if (channels !== undefined && channels !== "*") for (const channel of channels) validateIdentifier("channel id", channel);
    const now = Math.floor(this.#clock.now() / 1000);
    const token = new SignJWT({ role, ...(channels === undefined ? {} : { channels }) })
      .setProtectedHeader({ alg: signing.algorithm, typ: "JWT", ...(signing.kid === undefined ? {} : { kid: signing.kid }) })
      .setSubject(systemId)
      .setIssuedAt(now)
      .setExpirationTime(now + expiresInSeconds)
      .setJti(crypto.randomUUID());
    if (this.#options.issuer !== undefined) token.setIssuer(this.#options.issuer);
    if (this.#options.audience !== undefined) token.setAudience(this.#options.audience);
    return token.sign(signing.key);
  }

  /**
   * Ends a token before its time, by its id: the text of a token has several spellings.
   *
   * @param tokenId its `jti`. @param expiresAt its end in ms since the epoch, so that it can be forgotten then. Default: never.
   */
  revoke(tokenId: string, expiresAt: number = Infinity): void {
    const now = this.#clock.now();
    for (const [id, end] of this.#revoked) if (end <= now) this.#revoked.delete(id);
    this.#revoked.set(tokenId, expiresAt);
  }

  async #verify(token: string): Promise<TokenClaims> {
    const now = this.#clock.now();
    const claims = this.#verified.get(token, now) ?? (await this.#verifySignature(token, now));
    if (claims.tokenId !== undefined && this.#revoked.has(claims.tokenId)) throw invalidToken();
    return claims;
  }

  async #verifySignature(token: string, now: number): Promise<TokenClaims> {
    if (token.length > MOST_TOKEN_CHARACTERS || !isCanonical(token)) throw invalidToken();
    const { issuer, audience } = this.#options;
    const keys = this.#keys;
    try {
      const { payload } = await jwtVerify(token, keys.verification, {
        algorithms: [...keys.algorithms],
        requiredClaims: ["exp", "sub"],
        currentDate: new Date(now),
        clockTolerance: this.#tolerance,
        ...(issuer === undefined ? {} : { issuer }),
        ...(audience === undefined ? {} : { audience }),
      });
      const claims = readClaims(payload);
      // Keys may have been replaced while the signature was checked.
      if (keys === this.#keys) this.#verified.set(token, claims);
      return claims;
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw new SSSNError("token_expired", "The token has expired. Get a new one and try again.");
      throw invalidToken();
    }
  }
}

function principalOf({ systemId, role, expiresAt }: TokenClaims): Principal {
  return { systemId, role, expiresAt };
}

function keyRingOf({ secret, keys, keySet }: JWTSecurityOptions): KeyRing {
  const given = [secret, keys, keySet].filter((source) => source !== undefined);
  if (given.length !== 1) throw new SSSNError("invalid_argument", "JWTChannelSecurity takes exactly one of `secret`, `keys` and `keySet`.");
  if (keySet) return makeRemoteKeyRing(keySet);
  return makeKeyRing(keys ?? [{ algorithm: "HS256", secret: secret as string | Uint8Array }]);
}
