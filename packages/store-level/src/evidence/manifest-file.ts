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
const LOG_NUMBER = 2;

/**
 * The number of the oldest write-ahead log that recovery needs. LevelDB does not notice when it is gone.
 *
 * @returns `undefined` when the manifest can't be read to its end: LevelDB itself reports that.
 */
export function oldestLogNumber(manifest: readonly LogRecord[]): number | undefined {
  let oldest: number | undefined;
  for (const { content } of manifest) {
    for (let at = 0; at < content.length; ) {
      const tag = readVarint(content, at);
      const fields = tag && FIELDS[tag.value];
      if (!fields) return undefined;
      at = tag.end;
      for (const kind of fields) {
        const field = kind === "number" ? readVarint(content, at) : readText(content, at);
        if (!field) return undefined;
        if (tag.value === LOG_NUMBER && "value" in field) oldest = field.value;
        at = field.end;
      }
    }
  }
  return oldest;
}
