import type { ClaimBatch, ClaimLedger } from "@sssn/core/log-state";
import { parseSortable, sortable, type ChannelKeys } from "./keys.js";

/** Adds what a group's ledger has changed to a commit. */
export function ledgerWrites(keys: ChannelKeys, group: string, ledger: ClaimLedger, puts: [string, string][], deletes: string[]): void {
  const { records, batches, settled } = ledger.takeChanges();
  if (records.size === 0 && batches.size === 0 && settled.size === 0) return;
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
  reasons?: (string | null)[],
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
  if (working !== undefined || workerId !== undefined || hasReasons) fields.push(working ?? null);
  if (workerId !== undefined || hasReasons) fields.push(workerId ?? null);
  if (hasReasons) fields.push(claims.map(({ reason }) => reason ?? null));
  return JSON.stringify(fields);
}

/** @param entry the part of the key behind the group. */
export function decodeBatch(entry: string, value: string): ClaimBatch {
  const [readerId, leaseMs, expiresAt, token, sequences, deliveries, lanes, working, workerId, reasons] = JSON.parse(value) as BatchFields;
  const claims = sequences.map((sequence, index) => ({
    sequence,
    deliveries: deliveries === 0 ? 1 : (deliveries[index] ?? 1),
    lane: lanes === 0 ? "" : (lanes[index] ?? ""),
    ...reasonAt(reasons?.[index]),
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
