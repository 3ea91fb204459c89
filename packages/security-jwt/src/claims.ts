import { ROLES, validateIdentifier, type Role } from "@sssn/core";
import type { JWTPayload } from "jose";

/** What a valid token says. */
export interface TokenClaims {
  readonly systemId: string;
  readonly role: Role;
  readonly channels: ReadonlySet<string> | "*";
  /** In ms since the Unix epoch. */
  readonly expiresAt: number;
  readonly tokenId: string | undefined;
}

/** The latest moment that a date can hold, in seconds. */
const LATEST_SECONDS = 8_640_000_000_000;

/** Reads the claims strictly: every one of its type, nothing coerced. @throws Error saying which claim is wrong. */
export function readClaims(payload: JWTPayload): TokenClaims {
  const { sub, role, channels, exp, jti } = payload;
  if (typeof exp !== "number" || !(exp >= 0 && exp <= LATEST_SECONDS)) throw new Error("exp");
  if (jti !== undefined && typeof jti !== "string") throw new Error("jti");
  const known = ROLES.find((name) => name === role);
  if (!known) throw new Error("role");
  return { systemId: validateIdentifier("sub", sub), role: known, channels: readChannels(channels), expiresAt: exp * 1000, tokenId: jti };
}

/** A list of whole names, or the text `*`. A name is compared as it stands: no prefix, no pattern, no change of case. */
function readChannels(channels: unknown): ReadonlySet<string> | "*" {
  if (channels === undefined) return new Set();
  if (channels === "*") return "*";
  if (!Array.isArray(channels) || !channels.every((name) => typeof name === "string")) throw new Error("channels");
  return new Set<string>(channels);
}
