import type { ClaimBatch } from "../ledger/claim-batches.js";
import type { ClaimRecord } from "../ledger/claim-record.js";
import type { LogPart, PortableMessage } from "./log-part.js";

/** What becomes of a moment on the clock of leases and delays. */
type Mapping = (at: number) => number;

/**
 * A part with its moments on the clock of leases and delays changed, always in the same order. Timestamps, times to live and the times of cursors are by the log's clock, which follows the wall clock wherever it
 * is: they stay.
 */
export function mapSteadyTimes(part: LogPart, map: Mapping): LogPart {
  if (part.part === "messages") return { ...part, messages: part.messages.map((portable) => mapMessage(portable, map)) };
  if (part.part !== "group") return part;
  const { kept } = part;
  const records = kept.records.map((record) => mapRecord(record, map));
  const batches = kept.batches.map((batch): ClaimBatch => ({ ...batch, expiresAt: map(batch.expiresAt) }));
  return { ...part, kept: { ...kept, records, batches, grants: kept.grants.map(([at, count]) => [map(at), count]) } };
}

function mapMessage(portable: PortableMessage, map: Mapping): PortableMessage {
  const { message } = portable;
  if (message.availableAt === undefined) return portable;
  return { ...portable, message: Object.freeze({ ...message, availableAt: map(message.availableAt) }) };
}

const RECORD_TIMES = ["expiresAt", "availableAt", "cancelledAt", "diedAt"] as const;

function mapRecord(record: ClaimRecord, map: Mapping): ClaimRecord {
  const times = RECORD_TIMES.flatMap((name) => (record[name] === undefined ? [] : [[name, map(record[name])] as const]));
  return { ...record, ...Object.fromEntries(times) };
}
