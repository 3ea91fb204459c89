import type { Clock } from "../clock.js";
import { SSSNError, describe } from "../errors.js";
import { validateIdentifier, validateInteger } from "../identifiers.js";
import type { Claim, ClaimOptions, SettleOptions } from "../ports/channel-port.js";
import type { ChannelLog, SettleResult, Settlement } from "../ports/message-store.js";
import type { ChangeSignal } from "./change-signal.js";
import { MAX_DELAY_MS } from "./drafts.js";

/** The group of whoever names none. */
const DEFAULT_GROUP = "default";

/** Most messages of one claim, and most receipts that are settled at once. */
export const MAX_CLAIMS = 1_000;
/** The longest wait of a claim, in ms. */
export const MAX_WAIT_MS = 60_000;
/** The shortest lease, in ms. */
export const MIN_LEASE_MS = 10;
/** The longest lease: a week. */
export const MAX_LEASE_MS = 7 * 24 * 60 * 60 * 1000;
const MAX_REASON_LENGTH = 1_000;

interface ClaimContext {
  readonly log: ChannelLog;
  readonly clock: Clock;
  readonly changes: ChangeSignal;
  readonly leaseMs: number;
  vet(group: string, claims: readonly Claim<unknown>[]): Promise<readonly Claim<unknown>[]>;
}

interface ClaimCall extends Omit<ClaimOptions, "signal"> {
  readonly readerId: string;
  readonly audience: string | undefined;
  readonly signal: AbortSignal;
}

/** Claims, and waits for a message when there is none and the caller wants to. An aborted wait answers with nothing. */
export async function claimFrom(context: ClaimContext, call: ClaimCall): Promise<readonly Claim<unknown>[]> {
  const { log, clock, changes } = context;
  const group = groupName(call);
  const limit = validateInteger("limit", call.limit ?? 1, 1, MAX_CLAIMS);
  const leaseMs = validateLease(call.leaseMs ?? context.leaseMs);
  const waitMs = validateInteger("waitMs", call.waitMs ?? 0, 0, MAX_WAIT_MS);
  const deadline = clock.monotonic() + waitMs;
  for (;;) {
    if (call.signal.aborted) return [];
    const version = changes.version;
    const page = await log.claim({ group, readerId: call.readerId, limit, leaseMs, audience: call.audience });
    const claims = await context.vet(group, page.claims);
    if (claims.length > 0) return claims;
    if (page.claims.length > 0) continue;
    const remaining = deadline - clock.monotonic();
    if (remaining <= 0) return [];
    await changes.wait(version, clock, {
      timeoutMs: Math.max(1, Math.min(remaining, page.nextAvailableInMs ?? Infinity)),
      signal: call.signal,
    });
  }
}

/** Settles claims, one result for each receipt in its order. */
export async function settleWith(
  log: ChannelLog,
  readerId: string,
  receipts: readonly string[],
  options: SettleOptions,
  settlementOf: (receipt: string) => Settlement,
): Promise<readonly SettleResult[]> {
  if (!Array.isArray(receipts) || receipts.length > MAX_CLAIMS) {
    throw new SSSNError(
      "invalid_argument",
      `Settling takes a list of at most ${MAX_CLAIMS} receipts, but got ${Array.isArray(receipts) ? receipts.length : describe(receipts)}.`,
    );
  }
  const settlements = receipts.map((receipt): Settlement => {
    if (typeof receipt !== "string")
      throw new SSSNError("invalid_argument", `A receipt is the text that came with the claim, but this is ${describe(receipt)}.`);
    const settlement = settlementOf(receipt);
    if (settlement.action === "release" && typeof settlement.delayMs === "number")
      validateInteger("delayMs", settlement.delayMs, 0, MAX_DELAY_MS);
    if (settlement.action === "extend") validateLease(settlement.leaseMs);
    return settlement;
  });
  return settlements.length === 0 ? [] : log.settle(groupName(options), readerId, settlements);
}

/** A reason as it is stored: bounded, and absent when there is none. @throws SSSNError `invalid_argument`. */
export function reasonOf({ reason }: { readonly reason?: string }): { reason?: string } {
  if (reason !== undefined && typeof reason !== "string")
    throw new SSSNError("invalid_argument", `A reason is a text, but this is ${describe(reason)}.`);
  return reason === undefined ? {} : { reason: reason.slice(0, MAX_REASON_LENGTH) };
}

export function groupName({ group }: SettleOptions): string {
  return group === undefined ? DEFAULT_GROUP : validateIdentifier("group name", group);
}

export function validateLease(leaseMs: unknown): number {
  return validateInteger("leaseMs", leaseMs, MIN_LEASE_MS, MAX_LEASE_MS);
}
