import type { ClaimLedger } from "@sssn/core/log-state";
import { sortable, type ChannelKeys } from "./keys.js";

/** Adds what a group's ledger has changed to a commit. */
export function ledgerWrites(keys: ChannelKeys, group: string, ledger: ClaimLedger, puts: [string, string][], deletes: string[]): void {
  const { records, settled } = ledger.takeChanges();
  if (records.size === 0 && settled.size === 0) return;
  const prefix = keys.group(group);
  puts.push([prefix, ""]);
  for (const [sequence, record] of records) {
    const key = `${prefix}u${sortable(sequence)}`;
    if (record === undefined) deletes.push(key);
    else puts.push([key, JSON.stringify(record)]);
  }
  for (const [start, end] of settled) {
    const key = `${prefix}s${sortable(start)}`;
    if (end === undefined) deletes.push(key);
    else puts.push([key, String(end)]);
  }
}
