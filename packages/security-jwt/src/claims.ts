import { ROLES, SSSNError, describe, validateIdentifier, type Role } from "@sssn/core";
import type { JWTPayload } from "jose";
import { scopeOf, type Scope } from "./scope.js";

/** What a valid token says. */
export interface TokenClaims extends Scope {
  readonly systemId: string;
  /** In ms since the Unix epoch. */
  readonly expiresAt: number;
  readonly tokenId: string | undefined;
}

/** Finds something in a token's claims: the name of a claim, or a function of all of them. */
export type ClaimSource<Value> = string | ((claims: Readonly<Record<string, unknown>>) => Value | undefined);

/** Where the claims of an identity provider say what SSSN asks for. */
export interface ClaimMapping {
  /** The caller's name. Default `sub`. What is no system id by itself becomes one: see {@link systemIdOf}. */
  readonly systemId?: ClaimSource<string>;
  /** One of the roles. Default `role`. */
  readonly role?: ClaimSource<string>;
  /** A list of channel ids, `"*"`, or a text with channel ids between spaces. Default `channels`. */
  readonly channels?: ClaimSource<readonly string[] | string>;
  /** A role a channel, as an object. Default `roles`. */
  readonly roles?: ClaimSource<Readonly<Record<string, string>>>;
}

/** The latest moment that a date can hold, in seconds. */
const LATEST_SECONDS = 8_640_000_000_000;
/** Clocks that are apart by less than this are nobody's fault. */
const CLOCKS_APART_SECONDS = 5;

/**
 * Reads the claims strictly: every one of its type, nothing coerced.
 *
 * @throws Error saying which claim is wrong, and never what it holds.
 */
export function readClaims(payload: JWTPayload, mapping: ClaimMapping | undefined, nowMs: number): TokenClaims {
  const { exp, iat, jti } = payload;
  if (typeof exp !== "number" || !(exp >= 0 && exp <= LATEST_SECONDS)) throw new Error("its claim exp is no time");
  if (jti !== undefined && typeof jti !== "string") throw new Error("its claim jti is no text");
  if (iat !== undefined && !(typeof iat === "number" && iat <= nowMs / 1000 + CLOCKS_APART_SECONDS))
    throw new Error("its claim iat is no time, or lies in the future");
  const subject = find(payload, mapping?.systemId ?? "sub");
  if (typeof subject !== "string" || subject === "")
    throw new Error("it does not say whom it is for (claim sub, or where the option claims.systemId looks)");
  const role = find(payload, mapping?.role ?? "role");
  const known = ROLES.find((name) => name === role);
  if (role !== undefined && !known)
    throw new Error("its role is none of those that exist (claim role, or where the option claims.role looks)");
  const channels = find(payload, mapping?.channels ?? "channels");
  const listed =
    mapping?.channels !== undefined && typeof channels === "string" && channels !== "*" ? channels.split(" ").filter(Boolean) : channels;
  return {
    systemId: mapping ? systemIdOf(subject) : ownSystemId(subject),
    ...scopeOf(known, listed, find(payload, mapping?.roles ?? "roles")),
    expiresAt: exp * 1000,
    tokenId: jti,
  };
}

function find(payload: JWTPayload, source: ClaimSource<unknown>): unknown {
  if (typeof source === "function") return source(payload);
  return Object.hasOwn(payload, source) ? payload[source] : undefined;
}

function ownSystemId(subject: string): string {
  try {
    return validateIdentifier("sub", subject);
  } catch {
    throw new Error(
      "its subject is no system id by itself; give JWTChannelSecurity the option claims, such as { claims: {} }, and it is spelt as one",
    );
  }
}

const LEAVES_AS_IT_IS = /^[A-Za-z0-9._:@+=-]$/;
const BEGINS = /^[A-Za-z0-9]/;

/**
 * Spells any subject as a system id: `auth0|64f1` becomes `auth0~7C64f1`. Characters that an identifier does not take, and `~` itself, become
 * `~` and the two digits of each of their bytes, so that no two subjects have one spelling.
 *
 * @throws SSSNError `invalid_identifier` when it is empty, or longer than an identifier.
 *
 * @example
 * ```ts
 * import { systemIdOf } from "@sssn/security-jwt";
 * if (systemIdOf("auth0|64f1") !== "auth0~7C64f1") throw new Error("a bar is 7C");
 * ```
 */
export function systemIdOf(subject: string): string {
  if (/\p{Surrogate}/u.test(subject)) throw new SSSNError("invalid_identifier", `The subject ${describe(subject)} is no well-formed text.`);
  const spelt = Array.from(subject, (character) => (LEAVES_AS_IT_IS.test(character) ? character : bytesOf(character))).join("");
  return validateIdentifier("system id of a subject", spelt === "" || BEGINS.test(spelt) ? spelt : `_${spelt}`);
}

function bytesOf(character: string): string {
  return Array.from(new TextEncoder().encode(character), (byte) => `~${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

/** One of the roles, for a token that is being made. @throws SSSNError `invalid_argument`. */
export function checkRole(role: unknown): Role {
  const known = ROLES.find((name) => name === role);
  if (known) return known;
  throw new SSSNError("invalid_argument", `There is no role ${describe(role)}: use one of ${ROLES.join(", ")}.`);
}
