import type { GroupRegime, Settlement } from "../../ports/message-store.js";
import type { BatchCall, LiveBatch } from "./claim-batches.js";
import type { ClaimLedger } from "./claim-ledger.js";
import type { LedgerMessage } from "./ledger-orders.js";

/**
 * What was done to a ledger, as JSON: whoever does the same to a copy has the same ledger. Only what changes it is told. That a message waits is
 * derived from the message, and so is not.
 */
export type LedgerCall =
  | readonly [name: "open", call: BatchCall, now: number, token: string]
  | readonly [name: "grant", batch: number, sequence: number, lane: string, key?: string]
  | readonly [name: "close", batch: number, now: number]
  | readonly [name: "repeat", readerId: string, callId: string]
  | readonly [name: "take-back", sequence: number, now: number]
  | readonly [name: "settle", readerId: string, settlement: Settlement, now: number, token: string]
  | readonly [name: "refresh", now: number, token: string]
  | readonly [name: "line-up", message: LedgerMessage, now: number]
  | readonly [name: "bound", regime: GroupRegime]
  | readonly [name: "most", maxDeliveries: number | null, now: number, token: string]
  | readonly [name: "forwarded", sequence: number]
  | readonly [name: "forget-dead", before: number]
  | readonly [name: "forget-ended", now: number]
  | readonly [name: "told", claims: number]
  | readonly [name: "expire" | "supersede" | "remove", message: Pick<LedgerMessage, "sequence" | "key">, now: number]
  | readonly [name: "cancel", message: LedgerMessage, reason: string | null, now: number]
  | readonly [name: "move", message: LedgerMessage, now: number]
  | readonly [name: "revive", sequence: number, now: number];

/** Where a ledger tells what is done to it, as long as somebody listens. */
export interface LedgerTrail {
  tell: ((call: LedgerCall) => void) | undefined;
}

/** Does to a ledger what was done to another one: everything, and in the same order. A batch ends with the calls that it began with. */
export function replayCalls(ledger: ClaimLedger, calls: readonly LedgerCall[]): void {
  const batches = new Map<number, LiveBatch>();
  for (const call of calls) replayCall(ledger, call, batches);
}

function replayCall(ledger: ClaimLedger, call: LedgerCall, batches: Map<number, LiveBatch>): void {
  switch (call[0]) {
    case "open": {
      const batch = ledger.openBatch(call[1], { now: call[2], token: call[3] });
      batches.set(batch.number, batch);
      return;
    }
    case "grant":
      return replayGrant(ledger, call, batches.get(call[1]));
    case "close": {
      const batch = batches.get(call[1]);
      return batch && ledger.closeBatch(batch, timeOf(call[2]));
    }
    case "repeat":
      return void ledger.grantedTo({ readerId: call[1], callId: call[2] });
    case "take-back":
      return ledger.takeBack(call[1], timeOf(call[2]));
    case "settle":
      return void ledger.settle(call[1], call[2], { now: call[3], token: call[4] });
    case "refresh":
      return ledger.refresh({ now: call[1], token: call[2] });
    case "line-up":
      return ledger.lineUp(call[1], timeOf(call[2]));
    case "bound":
      return ledger.setRegime(call[1]);
    case "most":
      return ledger.setMaxDeliveries(call[1] ?? Infinity, { now: call[2], token: call[3] });
    case "forwarded":
      return ledger.forwarded(call[1]);
    case "forget-dead":
      return ledger.forgetDead(call[1]);
    case "forget-ended":
      return ledger.forgetEnded(timeOf(call[1]));
    case "told":
      return ledger.told(call[1]);
    case "expire":
      return ledger.orders.expire(call[1], timeOf(call[2]));
    case "supersede":
      return void ledger.orders.supersede(call[1], timeOf(call[2]));
    case "remove":
      return ledger.orders.remove(call[1], timeOf(call[2]));
    case "cancel":
      return void ledger.orders.cancel(call[1], call[2] ?? undefined, timeOf(call[3]));
    case "move":
      return void ledger.orders.reschedule(call[1], timeOf(call[2]));
    case "revive":
      return void ledger.orders.revive(call[1], timeOf(call[2]));
  }
}

/** Whoever granted it had looked for the next message of its key; here nobody may have. */
function replayGrant(
  ledger: ClaimLedger,
  [, , sequence, lane, key]: Extract<LedgerCall, readonly ["grant", ...unknown[]]>,
  batch: LiveBatch | undefined,
): void {
  if (!batch) return;
  if (key !== undefined && !ledger.entry(sequence)) ledger.lineUp({ sequence, lane, key }, timeOf(batch.openedAt));
  ledger.grant(sequence, lane, batch);
}

/** Steps that give no names. */
function timeOf(now: number): { readonly now: number; readonly token: string } {
  return { now, token: "" };
}

/** Without what a caller's request holds besides. */
export function callOf({ readerId, leaseMs, working, workerId, callId }: BatchCall): BatchCall {
  return { readerId, leaseMs, working, workerId, callId };
}

/** Whether a message may die of a settlement: its death has a name. */
export function givesNames({ action }: Settlement): boolean {
  return action === "release" || action === "dead-letter";
}
