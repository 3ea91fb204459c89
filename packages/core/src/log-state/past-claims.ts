import type { SettleResult, Settlement } from "../ports/message-store.js";
import { BoundedMemory } from "./bounded-memory.js";
import type { LedgerEntry } from "./claim-record.js";

/** How many settled claims a group remembers, so that an acknowledgement that is repeated gets the same answer. */
const REMEMBERED_RECEIPTS = 10_000;

/** What became of the claims that nobody holds any more. */
export class PastClaims {
  readonly #byReceipt = new BoundedMemory<{ readonly readerId: string; readonly status: SettleResult["status"] }>(REMEMBERED_RECEIPTS);

  remember({ receipt, readerId }: LedgerEntry, status: SettleResult["status"]): void {
    if (receipt !== undefined && readerId !== undefined) this.#byReceipt.set(receipt, { readerId, status });
  }

  /** What its reader is told who settles it now. */
  answer(readerId: string, { receipt, action }: Settlement): SettleResult {
    const past = this.#byReceipt.get(receipt);
    if (past?.readerId !== readerId) return { receipt, status: "unknown" };
    return { receipt, status: past.status === "acknowledged" && action === "acknowledge" ? "already_acknowledged" : "lost" };
  }
}
