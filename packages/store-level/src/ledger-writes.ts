import type { ClaimBatch, ClaimLedger, LedgerChanges } from "@sssn/core/log-state";
import { FORMAT_KEY, FORMAT_WITH_ORDER, parseSortable, sortable, type ChannelKeys } from "./keys.js";

/** Adds what a group's ledger has changed to a commit. */
export function ledgerWrites(keys: ChannelKeys, group: string, ledger: ClaimLedger, puts: [string, string][], deletes: string[]): void {
  if (ledger.hasChanges) changesWrites(keys, group, ledger.takeChanges(), puts, deletes);
}

/** Adds what a group's ledger says has changed to a commit. */
export function changesWrites(
  keys: ChannelKeys,
  group: string,
  { records, batches, settled, grants, regime }: LedgerChanges,
  puts: [string, string][],
  deletes: string[],
): void {
  const prefix = keys.group(group);
  puts.push([prefix, ""]);
  const write = <Value>(kind: string, changes: ReadonlyMap<number, Value | undefined>, encode: (value: Value) => string): void => {
    for (const [number, value] of changes) {
      const key = `${prefix}${kind}${sortable(number)}`;
      if (value === undefined) deletes.push(key);
      else puts.push([key, encode(value)]);
    }
  };
  write("u", records, JSON.stringify);
  write("b", batches, encodeBatch);
  write("s", settled, String);
  write("w", grants, String);
  if (regime) puts.push([`${prefix}r`, JSON.stringify(regime)]);
  if (regime || [...records.values()].some((record) => record?.state === "cancelled" || record?.isBehind))
    puts.push([FORMAT_KEY, FORMAT_WITH_ORDER]);
}

type BatchFields = [
  readerId: string,
  leaseMs: number,
  expiresAt: number,
  token: string,
  sequences: number[],
  deliveries: number[] | 0,
  lanes: string[] | 0,
  working?: number | null,
  workerId?: string | null,
  reasons?: (string | null)[] | null,
  keys?: (string | null)[],
];

/** Most claims are first ones, in logs without recipients: what is the same everywhere is left out. */
function encodeBatch({ readerId, leaseMs, expiresAt, token, claims, working, workerId }: ClaimBatch): string {
  const fields: BatchFields = [
    readerId,
    leaseMs,
    expiresAt,
    token,
    claims.map(({ sequence }) => sequence),
    claims.every(({ deliveries }) => deliveries === 1) ? 0 : claims.map(({ deliveries }) => deliveries),
    claims.every(({ lane }) => lane === "") ? 0 : claims.map(({ lane }) => lane),
  ];
  const hasReasons = claims.some(({ reason }) => reason !== undefined);
  const hasKeys = claims.some(({ key }) => key !== undefined);
  if (working !== undefined || workerId !== undefined || hasReasons || hasKeys) fields.push(working ?? null);
  if (workerId !== undefined || hasReasons || hasKeys) fields.push(workerId ?? null);
  if (hasReasons || hasKeys) fields.push(hasReasons ? claims.map(({ reason }) => reason ?? null) : null);
  if (hasKeys) fields.push(claims.map(({ key }) => key ?? null));
  return JSON.stringify(fields);
}

/** @param entry the part of the key behind the group. */
export function decodeBatch(entry: string, value: string): ClaimBatch {
  const [readerId, leaseMs, expiresAt, token, sequences, deliveries, lanes, working, workerId, reasons, claimKeys] = JSON.parse(
    value,
  ) as BatchFields;
  const claims = sequences.map((sequence, index) => ({
    sequence,
    deliveries: deliveries === 0 ? 1 : (deliveries[index] ?? 1),
    lane: lanes === 0 ? "" : (lanes[index] ?? ""),
    ...reasonAt(reasons?.[index]),
    ...keyAt(claimKeys?.[index]),
  }));
  return {
    number: parseSortable(entry.slice(1)),
    readerId,
    leaseMs,
    expiresAt,
    token,
    claims,
    ...(working == null ? {} : { working }),
    ...(workerId == null ? {} : { workerId }),
  };
}

function reasonAt(reason: string | null | undefined): { reason?: string } {
  return reason == null ? {} : { reason };
}

function keyAt(key: string | null | undefined): { key?: string } {
  return key == null ? {} : { key };
}
