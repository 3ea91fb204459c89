import type { TokenClaims } from "./claims.js";

const MOST_TOKENS = 10_000;

/** Remembers tokens whose signature was checked, because that costs more than all the rest of a request. Bounded; never past a token's end. */
export class VerifiedTokens {
  readonly #claims = new Map<string, TokenClaims>();

  get(token: string, now: number): TokenClaims | undefined {
    const claims = this.#claims.get(token);
    if (!claims) return undefined;
    this.#claims.delete(token);
    if (claims.expiresAt <= now) return undefined;
    // Put back at the end: what was used last is forgotten last.
    this.#claims.set(token, claims);
    return claims;
  }

  set(token: string, claims: TokenClaims): void {
    this.#claims.set(token, claims);
    if (this.#claims.size > MOST_TOKENS) this.#claims.delete(this.#claims.keys().next().value as string);
  }

  clear(): void {
    this.#claims.clear();
  }
}
