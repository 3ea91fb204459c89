import { SSSNError, describe } from "../../errors.js";
import { validateIdentifier, validateInteger } from "../../identifiers.js";
import { freezeJsonWithin } from "../../json.js";
import type { JsonValue } from "../../json-value.js";
import type { Claim, ClaimOptions, ExtendOptions, SettleOptions } from "../../ports/channel-port.js";
import type { ChannelLog, SettleResult, Settlement } from "../../ports/message-store.js";
import type { ChangeSignal } from "../change-signal.js";
import { DEFAULT_GROUP, MAX_CLAIMS, MAX_DELAY_MS, MAX_PROGRESS_BYTES, MAX_WAIT_MS, validateLease } from "./claim-bounds.js";
import type { ResolvedChannelOptions } from "../channel-options.js";

const MAX_REASON_LENGTH = 1_000;

interface ClaimContext {
  readonly log: ChannelLog;
  readonly options: Pick<ResolvedChannelOptions<never>, "id" | "clock" | "claimTimeoutMs" | "groups" | "maxGroups" | "maxPageBytes">;
  readonly changes: ChangeSignal;
}

/** Nobody waits for a wake-up that may have been lost for longer than this. */
const LOOK_AGAIN_MS = 30_000;

interface ClaimCall extends Omit<ClaimOptions, "signal"> {
  readonly readerId: string;
  readonly audience: string | undefined;
  readonly signal: AbortSignal;
}

/** Claims, and waits for a message when there is none and the caller wants to. An aborted wait answers with nothing. */
export async function claimFrom(context: ClaimContext, call: ClaimCall): Promise<readonly Claim<unknown>[]> {
  const { log, changes } = context;
  const { clock, claimTimeoutMs, maxPageBytes: maxBytes } = context.options;
  const group = knownGroup(log, context.options, groupName(call));
  const limit = validateInteger("limit", call.limit ?? 1, 1, MAX_CLAIMS);
  const leaseMs = validateLease(call.leaseMs ?? claimTimeoutMs);
  const working = call.working === undefined ? {} : { working: validateInteger("working", call.working, 0, MAX_CLAIMS) };
  const workerId = call.workerId === undefined ? {} : { workerId: validateIdentifier("worker id", call.workerId) };
  const callId = call.callId === undefined ? {} : { callId: validateIdentifier("call id", call.callId) };
  const waitMs = validateInteger("waitMs", call.waitMs ?? 0, 0, MAX_WAIT_MS);
  const deadline = clock.monotonic() + waitMs;
  for (;;) {
    if (call.signal.aborted) return [];
    const version = changes.version;
    const page = await log.claim({
      group,
      readerId: call.readerId,
      limit,
      leaseMs,
      maxBytes,
      audience: call.audience,
      ...working,
      ...workerId,
      ...callId,
    });
    if (page.claims.length > 0) return page.claims;
    const remaining = deadline - clock.monotonic();
    if (remaining <= 0) return [];
    await changes.wait(version, clock, {
      timeoutMs: Math.max(1, Math.min(remaining, LOOK_AGAIN_MS, page.nextAvailableInMs ?? Infinity)),
      signal: call.signal,
    });
  }
}

/** @throws SSSNError `unknown_group` when the channel declares its groups, or has as many as it may have. */
export function knownGroup(
  log: ChannelLog,
  { id, groups, maxGroups }: Pick<ResolvedChannelOptions<never>, "id" | "groups" | "maxGroups">,
  group: string,
): string {
  if (groups) {
    if (groups.has(group)) return group;
    throw new SSSNError("unknown_group", `Channel ${id} has no group ${describe(group)}. Its groups: ${[...groups].join(", ")}.`, {
      details: { group },
    });
  }
  if (log.hasGroup(group) || log.groupCount < maxGroups) return group;
  throw new SSSNError(
    "unknown_group",
    `Channel ${id} has ${maxGroups} groups already and makes no more. Delete one that nobody needs, declare them with groups, or raise maxGroups.`,
    { details: { group, maxGroups } },
  );
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
  const wrong = (receipts as readonly unknown[]).findIndex((receipt) => typeof receipt !== "string");
  if (wrong >= 0)
    throw new SSSNError("invalid_argument", `A receipt is the text that came with the claim, but this is ${describe(receipts[wrong])}.`);
  const group = groupName(options);
  // What is wrong is told, also where there is nothing to settle.
  checkSettlement(settlementOf(""));
  return receipts.length === 0 ? [] : log.settle(group, readerId, receipts.map(settlementOf));
}

/** How far the work is, as it is stored. @throws SSSNError `invalid_content`, `content_too_large`. */
export function progressOf({ progress }: ExtendOptions): { progress?: JsonValue } {
  return progress === undefined ? {} : { progress: freezeJsonWithin(MAX_PROGRESS_BYTES, progress, "progress") };
}

function checkSettlement(settlement: Settlement): void {
  if (settlement.action === "release" && typeof settlement.delayMs === "number")
    validateInteger("delayMs", settlement.delayMs, 0, MAX_DELAY_MS);
  if (settlement.action === "extend") validateLease(settlement.leaseMs);
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
