import { SSSNError, describe } from "../errors.js";
import { validateInteger } from "../identifiers.js";
import type { Backoff } from "../ports/message-store.js";
import { MAX_DELAY_MS } from "./drafts.js";

/** How long to rest between attempts: a time that grows, up to a bound. */
export interface BackoffOptions {
  /** The first rest, in ms. Default 1 000. */
  readonly initialMs?: number;
  /** Each further rest is so many times as long, from 1 to 10. Default 2. */
  readonly factor?: number;
  /** The longest rest, in ms. Default 300 000. */
  readonly maxMs?: number;
}

/** @throws SSSNError `invalid_argument`. */
export function resolveBackoff({ initialMs = 1_000, factor = 2, maxMs = 300_000 }: BackoffOptions = {}): Backoff {
  if (!(factor >= 1 && factor <= 10))
    throw new SSSNError("invalid_argument", `backoff.factor must be from 1 to 10, but is ${describe(factor)}.`);
  return {
    initialMs: validateInteger("backoff.initialMs", initialMs, 0, MAX_DELAY_MS),
    factor,
    maxMs: validateInteger("backoff.maxMs", maxMs, 0, MAX_DELAY_MS),
  };
}
