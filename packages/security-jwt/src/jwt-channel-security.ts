import { SignJWT, errors, jwtVerify } from "jose";
import {
  SSSNError,
  describe,
  insufficientRole,
  invalidToken,
  isSSSNError,
  refuseUnknownOptions,
  roleAllows,
  systemClock,
  validateIdentifier,
  validateInteger,
  type ChannelOperation,
  type ChannelSecurity,
  type Clock,
  type Principal,
  type Role,
  type TokenRequest,
} from "@sssn/core";
import { checkRole, readClaims, type ClaimMapping, type TokenClaims } from "./claims.js";
import { makeKeyRing, type Algorithm, type JWKSSource, type JWTKey, type KeyRing } from "./keys.js";
import { makePublishedKeyRing } from "./published-keys.js";
import { RevokedTokens } from "./revoked-tokens.js";
import { roleOn } from "./scope.js";
import { SharedRevocations, type RevocationOptions } from "./shared-revocations.js";
import { isCanonical } from "./token-text.js";
import { VerifiedTokens } from "./verified-tokens.js";

const MOST_TOKEN_CHARACTERS = 16_384;
/** A token, where its id is asked for. */
const WHOLE_TOKEN = /^(?:bearer +)?eyJ[\w-]*\.[\w-]+\.[\w-]*$/i;
const TOKEN_REQUEST: ReadonlySet<string> = new Set<keyof TokenRequest>(["systemId", "role", "channels", "roles", "expiresInSeconds"]);
/** A token that begins so soon has begun: clocks are never quite together. */
const CLOCKS_APART_SECONDS = 5;
/** In 1973: an end that lies before is a number of seconds. */
const EARLIEST_END_MS = 100_000_000_000;
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
  /**
   * How long after its end a token still works, in seconds, from 0 to 5. Default 0. One that begins in up to 5 seconds (`nbf`, `iat`) is
   * taken in any case, because clocks are never quite together.
   */
  readonly clockToleranceSeconds?: number;
  /** Where an identity provider says what is asked for. With it, also `{}`, any subject is let in: see {@link systemIdOf}. Default: as tokens of SSSN have it. */
  readonly claims?: ClaimMapping;
  /**
   * A list of revoked tokens that outlives this process and that all hosts follow: needed wherever several hosts take the same tokens. Default: a list of this object's own,
   * which ends with it.
   */
  readonly revocations?: RevocationOptions;
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock?: Clock;
}

const OPTIONS: ReadonlySet<string> = new Set<keyof JWTSecurityOptions>([
  "secret",
  "keys",
  "keySet",
  "issuer",
  "audience",
  "clockToleranceSeconds",
  "claims",
  "clock",
  "revocations",
]);

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
  readonly #revoked = new RevokedTokens();
  readonly #shared: SharedRevocations | undefined;
  #keys: KeyRing;

  /** @throws SSSNError `invalid_argument` for a weak or unfit key, and for what else is no option; `invalid_identifier` for the name of a list. */
  constructor(options: JWTSecurityOptions) {
    refuseUnknownOptions("JWTChannelSecurity", options, OPTIONS);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#tolerance = validateInteger("clockToleranceSeconds", options.clockToleranceSeconds ?? 0, 0, 5);
    this.#keys = keyRingOf(options);
    this.#shared = options.revocations && new SharedRevocations(options.revocations, this.#clock);
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

  /** @throws SSSNError `keys_unavailable`, `revocations_unavailable`. */
  async authenticate(credential: string): Promise<Principal | undefined> {
    try {
      const claims = await this.#verify(credential);
      return principalOf(claims, claims.role);
    } catch (error) {
      if (isSSSNError(error) && error.retryable) throw error;
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

  /** Always true: in process the topology is the authority. */
  authorizeRole(): boolean {
    return true;
  }

  async authorizeRequest(credential: string, channelId: string, operation: ChannelOperation): Promise<Principal> {
    const claims = await this.#verify(credential);
    const role = roleOn(claims, channelId);
    if (!role) {
      throw new SSSNError("insufficient_scope", `The token of ${claims.systemId} is not for channel ${channelId}.`, {
        details: { channel: channelId },
      });
    }
    if (!roleAllows(role, operation)) throw insufficientRole(claims.systemId, channelId, operation);
    return principalOf(claims, role);
  }

  /** Whether it can be told now which tokens are revoked. Reads the list where it was not read lately. */
  isReady(): Promise<boolean> {
    return this.#shared ? this.#shared.isReady() : Promise.resolve(true);
  }

  /**
   * @throws SSSNError `invalid_argument` when there is no key to sign with, no role, or more channels than a token can carry;
   * `invalid_identifier`.
   */
  async generateToken(request: TokenRequest): Promise<string> {
    refuseUnknownOptions("generateToken()", request, TOKEN_REQUEST);
    const { systemId, role, channels, roles, expiresInSeconds = 86_400 } = request;
    const signing = await this.#keys.signing();
    if (!signing)
      throw new SSSNError(
        "invalid_argument",
        "This JWTChannelSecurity has no secret or private key: it checks tokens and can't issue any.",
      );
    validateIdentifier("system id", systemId);
    validateInteger("expiresInSeconds", expiresInSeconds, 1, LONGEST_LIFE_SECONDS);
    if (role !== undefined || roles === undefined) checkRole(role);
    for (const [channel, given] of Object.entries(roles ?? {})) {
      checkRole(given);
      if (channel !== "*") validateIdentifier("channel id", channel.replace(/\*$/, ""));
    }
    checkChannels(channels);
    const now = Math.floor(this.#clock.now() / 1000);
    const scope = {
      ...(role === undefined ? {} : { role }),
      ...(channels === undefined ? {} : { channels }),
      ...(roles === undefined ? {} : { roles }),
    };
    const token = new SignJWT(scope)
      .setProtectedHeader({ alg: signing.algorithm, typ: "JWT", ...(signing.kid === undefined ? {} : { kid: signing.kid }) })
      .setSubject(systemId)
      .setIssuedAt(now)
      .setExpirationTime(now + expiresInSeconds)
      .setJti(crypto.randomUUID());
    if (this.#options.issuer !== undefined) token.setIssuer(this.#options.issuer);
    if (this.#options.audience !== undefined) token.setAudience(this.#options.audience);
    const text = await token.sign(signing.key);
    if (text.length <= MOST_TOKEN_CHARACTERS) return text;
    throw new SSSNError(
      "invalid_argument",
      `A token with these channels has ${text.length} characters, and none with more than ${MOST_TOKEN_CHARACTERS} is let in. Name them by how they begin: { roles: { "prefix-*": role } }.`,
    );
  }

  /**
   * Ends a token before its time, by its id: the text of a token has several spellings. Here at once; with the option `revocations` at every host that shares the list, and for good
   * once this has resolved. Doing it twice is safe, and an earlier end than was said before changes nothing.
   *
   * @param tokenId its `jti`. @param expiresAt its end in ms since the epoch (a token's `exp` is in seconds), so that it can be forgotten then. Default: never.
   * @throws SSSNError `invalid_argument`; where the list is shared what its store is refused with, such as `store_unavailable`, `store_full`, `store_closed`. Then it is revoked
   * here only: do it again.
   */
  async revoke(tokenId: string, expiresAt: number = Infinity): Promise<void> {
    checkRevocation(tokenId, expiresAt);
    if (this.#shared) return this.#shared.add(tokenId, expiresAt);
    this.#revoked.forget(this.#clock.now() - this.#tolerance * 1000);
    this.#revoked.add(tokenId, expiresAt);
  }

  async #verify(token: string): Promise<TokenClaims> {
    const now = this.#clock.now();
    if (await this.#keys.haveChanged(now)) this.#verified.clear();
    const claims = this.#verified.get(token, now) ?? (await this.#verifySignature(token, now));
    if (claims.tokenId !== undefined && (await this.#isRevoked(claims.tokenId))) throw invalidToken(new Error("it was revoked"));
    return claims;
  }

  #isRevoked(tokenId: string): boolean | Promise<boolean> {
    return this.#shared ? this.#shared.has(tokenId) : this.#revoked.has(tokenId);
  }

  async #verifySignature(token: string, now: number): Promise<TokenClaims> {
    if (token.length > MOST_TOKEN_CHARACTERS || !isCanonical(token))
      throw invalidToken(new Error("it is too long, or not spelt as a token is"));
    const { issuer, audience } = this.#options;
    const keys = this.#keys;
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keys.verification, {
        algorithms: [...keys.algorithms],
        requiredClaims: ["exp"],
        currentDate: new Date(now),
        clockTolerance: CLOCKS_APART_SECONDS,
        ...(issuer === undefined ? {} : { issuer }),
        ...(audience === undefined ? {} : { audience }),
      });
      if (!isTokenType(protectedHeader.typ)) throw new Error("its typ says that it is something else than a JWT");
      const claims = readClaims(payload, this.#options.claims, now);
      if (claims.expiresAt + this.#tolerance * 1000 <= now) throw tokenExpired();
      // Keys may have been replaced while the signature was checked.
      if (keys === this.#keys) this.#verified.set(token, claims);
      return claims;
    } catch (error) {
      if (isSSSNError(error, "keys_unavailable") || isSSSNError(error, "token_expired")) throw error;
      if (error instanceof errors.JWTExpired) throw tokenExpired();
      throw invalidToken(error);
    }
  }
}

function principalOf({ systemId, expiresAt }: TokenClaims, role: Role | undefined): Principal {
  return { systemId, expiresAt, ...(role === undefined ? {} : { role }) };
}

/** A text in the place of a list would be a token that is let in nowhere. */
function checkChannels(channels: unknown): void {
  if (channels === undefined || channels === "*") return;
  if (!Array.isArray(channels))
    throw new SSSNError("invalid_argument", `channels takes a list of channel ids, or "*" for all, but is ${describe(channels)}.`);
  for (const channel of channels as readonly unknown[]) validateIdentifier("channel id", channel);
}

/**
 * Seconds in the place of milliseconds are refused: the token would be forgotten at once, and let in again. So is the token in the place of its id: nothing would be
 * revoked.
 */
function checkRevocation(tokenId: unknown, expiresAt: unknown): void {
  if (typeof tokenId !== "string" || tokenId.length > MOST_TOKEN_CHARACTERS || WHOLE_TOKEN.test(tokenId))
    throw new SSSNError("invalid_argument", "A token is revoked by its id, the text in its claim jti, and not by its own text.");
  if (typeof expiresAt !== "number" || !(expiresAt > EARLIEST_END_MS))
    throw new SSSNError(
      "invalid_argument",
      `The end of a token is told in ms since 1970, but is ${describe(expiresAt)}. Its exp is in seconds: say exp * 1000.`,
    );
}

function tokenExpired(): SSSNError {
  return new SSSNError("token_expired", "The token has expired. Get a new one and try again.");
}

/** A token that was made for something else, such as one that only identifies a person, is none here. */
function isTokenType(type: unknown): boolean {
  return type === undefined || (typeof type === "string" && /^(?:application\/)?(?:at\+)?jwt$/i.test(type));
}

function keyRingOf({ secret, keys, keySet }: JWTSecurityOptions): KeyRing {
  const given = [secret, keys, keySet].filter((source) => source !== undefined);
  if (given.length !== 1)
    throw new SSSNError(
      "invalid_argument",
      `JWTChannelSecurity takes exactly one of \`secret\`, \`keys\` and \`keySet\`, but got ${given.length === 0 ? "none that is defined" : given.length}.`,
    );
  if (keySet) return makePublishedKeyRing(keySet);
  return makeKeyRing(keys ?? [{ algorithm: "HS256", secret: secret as string | Uint8Array }]);
}
