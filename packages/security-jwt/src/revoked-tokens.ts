/** Ids of tokens that were ended before their time, each with the moment from which on it may be forgotten. */
export class RevokedTokens {
  readonly #ends = new Map<string, number>();

  has(tokenId: string): boolean {
    return this.#ends.has(tokenId);
  }

  /** @param end in ms since the Unix epoch. An earlier one than is known already changes nothing. */
  add(tokenId: string, end: number): void {
    this.#ends.set(tokenId, Math.max(end, this.#ends.get(tokenId) ?? -Infinity));
  }

  /** Forgets those whose end has come. */
  forget(now: number): void {
    for (const [tokenId, end] of this.#ends) if (end <= now) this.#ends.delete(tokenId);
  }
}
