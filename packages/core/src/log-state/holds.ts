import { SSSNError, describe } from "../errors.js";
import { IDENTIFIER, validateInteger } from "../identifiers.js";

const MAX_NAME_LENGTH = 300;
const MAX_TTL_MS = 7 * 24 * 60 * 60 * 1000;

interface Held {
  readonly fence: number;
  until: number;
}

/** Who has which right until when. Pure state without I/O; a store drives it, and keeps the last number of each right. */
export class Holds {
  readonly #now: () => number;
  readonly #held = new Map<string, Held>();
  readonly #fences = new Map<string, number>();

  /** @param now steady time in ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether the last number of a right is known here. */
  knows(name: string): boolean {
    return this.#fences.has(name);
  }

  /** The last number of a right, as a store has kept it. */
  remember(name: string, fence: number): void {
    this.#fences.set(name, Math.max(fence, this.#fences.get(name) ?? 0));
  }

  /** The last number of each right that is known here. */
  numbers(): ReadonlyMap<string, number> {
    return this.#fences;
  }

  /** @returns the number of the right; `undefined`: somebody has it. */
  take(name: string, ttlMs: number): number | undefined {
    const held = this.#held.get(name);
    if (held && held.until > this.#now()) return undefined;
    const fence = (this.#fences.get(name) ?? 0) + 1;
    this.#fences.set(name, fence);
    this.#held.set(name, { fence, until: this.#now() + ttlMs });
    return fence;
  }

  /** @returns whether it was still held under this number. */
  renew(name: string, fence: number, ttlMs: number): boolean {
    const held = this.#held.get(name);
    if (held?.fence !== fence || held.until <= this.#now()) return false;
    held.until = this.#now() + ttlMs;
    return true;
  }

  release(name: string, fence: number): void {
    if (this.#held.get(name)?.fence === fence) this.#held.delete(name);
  }
}

/** @throws SSSNError `invalid_argument`. */
export function checkHold(name: string, ttlMs: number): void {
  if (typeof name !== "string" || name.length > MAX_NAME_LENGTH || !IDENTIFIER.test(name))
    throw new SSSNError(
      "invalid_argument",
      `The name of a right has 1 to ${MAX_NAME_LENGTH} characters out of letters, digits and . _ ~ : @ + = -, but is ${describe(name)}.`,
    );
  validateInteger("ttlMs", ttlMs, 1, MAX_TTL_MS);
}
