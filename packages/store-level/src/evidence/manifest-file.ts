import type { LogRecord } from "./log-file.js";
import { readText, readVarint } from "./varint.js";

/** What follows each tag of an edit: numbers, and texts. */
const FIELDS: Readonly<Record<number, readonly ("number" | "text")[]>> = {
  1: ["text"],
  2: ["number"],
  3: ["number"],
  4: ["number"],
  5: ["number", "text"],
  6: ["number", "number"],
  7: ["number", "number", "number", "text", "text"],
  9: ["number"],
};
const [LOG_NUMBER, DELETED_TABLE, NEW_TABLE] = [2, 6, 7];

/** Which files belong to the database. Others are left over from a compaction or a recovery that was cut short. */
export interface DatabaseFiles {
  /** Write-ahead logs from this number on are read at open. LevelDB does not notice when the first one is gone. */
  readonly oldestLog: number;
  readonly tables: ReadonlySet<number>;
}

/** @returns `undefined` when the manifest has an edit that is none. */
export function filesOf(manifest: readonly LogRecord[]): DatabaseFiles | undefined {
  let oldestLog = 0;
  const tables = new Set<number>();
  for (const { content } of manifest) {
    for (let at = 0; at < content.length;) {
      const edit = readEdit(content, at);
      if (!edit) return undefined;
      const [first = 0, second = 0] = edit.numbers;
      if (edit.tag === LOG_NUMBER) oldestLog = first;
      if (edit.tag === DELETED_TABLE) tables.delete(second);
      if (edit.tag === NEW_TABLE) tables.add(second);
      at = edit.end;
    }
  }
  return { oldestLog, tables };
}

function readEdit(
  content: Buffer,
  at: number,
): { readonly tag: number; readonly numbers: readonly number[]; readonly end: number } | undefined {
  const tag = readVarint(content, at);
  const fields = tag && FIELDS[tag.value];
  if (!fields) return undefined;
  const numbers: number[] = [];
  let { end } = tag;
  for (const kind of fields) {
    const field = kind === "number" ? readVarint(content, end) : readText(content, end);
    if (!field) return undefined;
    if ("value" in field) numbers.push(field.value);
    ({ end } = field);
  }
  return { tag: tag.value, numbers, end };
}
