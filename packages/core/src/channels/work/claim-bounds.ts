import { validateInteger } from "../../identifiers.js";

/** The group of whoever names none. */
export const DEFAULT_GROUP = "default";

/** Most messages of one claim, and most receipts that are settled at once. */
export const MAX_CLAIMS = 1_000;
/** The longest wait of a claim, in ms. */
export const MAX_WAIT_MS = 60_000;
/** The shortest lease, in ms. */
export const MIN_LEASE_MS = 10;
/** The longest lease: a week. */
export const MAX_LEASE_MS = 7 * 24 * 60 * 60 * 1000;
/** The most that is kept of how far a job is, in bytes of JSON. */
export const MAX_PROGRESS_BYTES = 16 * 1024;
/** The longest delay of a message or a nack: ten years. */
export const MAX_DELAY_MS = 10 * 366 * 24 * 60 * 60 * 1000;

/** @throws SSSNError `invalid_argument`. */
export function validateLease(leaseMs: unknown, what = "leaseMs"): number {
  return validateInteger(what, leaseMs, MIN_LEASE_MS, MAX_LEASE_MS);
}
