import { SSSNError, describe } from "../../errors.js";
import { validateInteger } from "../../identifiers.js";
import { refuseUnknownOptions } from "../../options.js";
import type { BackoffOptions } from "../../ports/channel-port.js";
import type { Backoff } from "../../ports/message-store.js";
import { MAX_DELAY_MS } from "./claim-bounds.js";

const BACKOFF: ReadonlySet<string> = new Set<keyof BackoffOptions>(["initialMs", "factor", "maxMs"]);

/** @throws SSSNError `invalid_argument`. */
export function resolveBackoff(options: BackoffOptions = {}): Backoff {
  refuseUnknownOptions("backoff", options, BACKOFF);
  const { initialMs = 1_000, factor = 2, maxMs = 300_000 } = options;
  if (!(factor >= 1 && factor <= 10))
    throw new SSSNError("invalid_argument", `backoff.factor must be from 1 to 10, but is ${describe(factor)}.`);
  return {
    initialMs: validateInteger("backoff.initialMs", initialMs, 0, MAX_DELAY_MS),
    factor,
    maxMs: validateInteger("backoff.maxMs", maxMs, 0, MAX_DELAY_MS),
  };
}
