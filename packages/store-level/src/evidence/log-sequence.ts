import { existsSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { groupOf, scanLog } from "./log-file.js";

/** Where the commits in the logs stop following each other. */
interface Breach {
  readonly path: string;
  /** How much of that file is sound. */
  readonly soundBytes: number;
  /** The commit before it, where one can be read, and the one behind it. */
  readonly after: number | undefined;
  readonly next: number;
  readonly damaged: string | undefined;
}

/** What the logs say together. */
export interface LogSequence {
  /** A log that is needed and not there. */
  readonly missing?: string;
  /** The last commit before a breach or the end; 0: none can be read. */
  readonly last: number;
  readonly breach?: Breach;
  /** Where the first damage is, in words. */
  readonly damaged: string | undefined;
}

/** Reads logs, oldest first, and follows the numbers of their commits. */
export function readLogs(paths: readonly string[]): LogSequence {
  let last: number | undefined;
  let damaged: string | undefined;
  let sound: { path: string; soundBytes: number } | undefined;
  for (const path of paths) {
    if (!existsSync(path)) return { missing: path, last: last ?? 0, damaged };
    const { records, damagedAt } = scanLog(readFileSync(path));
    sound ??= { path, soundBytes: 0 };
    for (const record of records) {
      const group = groupOf(record);
      if (group === undefined) continue;
      if (damagedAt !== undefined && record.end > damagedAt) damaged ??= `${path} is damaged at byte ${damagedAt}`;
      // Before the first commit that can be read nothing tells how many there were, but if there is damage there was something.
      if (last === undefined ? damaged !== undefined : group > last + 1)
        return { last: last ?? 0, damaged, breach: { ...sound, after: last, next: group, damaged } };
      last = Math.max(last ?? 0, group);
      sound = { path, soundBytes: record.end };
    }
    if (damagedAt !== undefined) damaged ??= `${path} is damaged at byte ${damagedAt}`;
  }
  return { last: last ?? 0, damaged };
}

/** Cuts logs off where their commits stop following each other, so that what is given up is an end and not a hole. */
export function cutLogs(paths: readonly string[]): void {
  const { breach } = readLogs(paths);
  if (!breach) return;
  truncateSync(breach.path, breach.soundBytes);
  for (const later of paths.slice(paths.indexOf(breach.path) + 1)) rmSync(later, { force: true });
}
