import { maskedChecksum } from "./checksum.js";
import { GROUP_KEY } from "../keys.js";
import { readText } from "./varint.js";

const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;
const BATCH_HEADER_BYTES = 12;
const PUT = 1;
/** Kinds of fragments; 3 is one in the middle. */
const [FULL, FIRST, LAST] = [1, 2, 4];

/** A record that can be read, and where it ends. */
export interface LogRecord {
  readonly content: Buffer;
  readonly end: number;
}

/** What a file in LevelDB's log format holds: a write-ahead log, or a MANIFEST. */
export interface LogScan {
  readonly records: readonly LogRecord[];
  /** Where the first fragment begins whose checksum or shape is wrong. A last one that was cut short is not damage. */
  readonly damagedAt: number | undefined;
}

/** Reads a whole log; its size is bounded by the write buffer. Goes on behind damage, as LevelDB's own recovery does. */
export function scanLog(log: Buffer): LogScan {
  const records: LogRecord[] = [];
  let damagedAt: number | undefined;
  let fragments: Buffer[] | undefined;
  for (let at = 0; at + HEADER_BYTES <= log.length;) {
    const blockEnd = at - (at % BLOCK_BYTES) + BLOCK_BYTES;
    if (blockEnd - at < HEADER_BYTES) {
      at = blockEnd;
      continue;
    }
    const length = log.readUInt16LE(at + 4);
    const type = log.readUInt8(at + 6);
    const end = at + HEADER_BYTES + length;
    if (end > log.length && end <= blockEnd) break;
    // The rest of a block that was laid out in advance, or of a page that never reached the disk.
    const blank = type === 0 && length === 0;
    if (blank || end > blockEnd || type > LAST || maskedChecksum(log.subarray(at + 6, end)) !== log.readUInt32LE(at)) {
      if (!blank) damagedAt ??= at;
      fragments = undefined;
      at = blockEnd;
      continue;
    }
    if (type === FULL || type === FIRST) fragments = [];
    fragments?.push(log.subarray(at + HEADER_BYTES, end));
    if (fragments && (type === FULL || type === LAST)) {
      records.push({ content: Buffer.concat(fragments), end });
      fragments = undefined;
    }
    at = end;
  }
  return { records, damagedAt };
}

/** The number of the commit group that a record of the write-ahead log holds: its first entry. */
export function groupOf({ content }: LogRecord): number | undefined {
  if (content[BATCH_HEADER_BYTES] !== PUT) return undefined;
  const key = readText(content, BATCH_HEADER_BYTES + 1);
  return key?.text === GROUP_KEY ? Number(readText(content, key.end)?.text) : undefined;
}
