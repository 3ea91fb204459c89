import { readFileSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { CommitMark, type Mark } from "./commit-mark.js";
import { groupOf, scanLog } from "./log-file.js";
import { oldestLogNumber } from "./manifest-file.js";
import { tableDamage } from "./table-file.js";

/** Of the tables, so much is checked before a store opens; the rest is checked while it runs. */
const CHECKED_AT_OPEN_BYTES = 256 * 1024 * 1024;

/** What the files of a closed store say, before LevelDB touches them. */
export interface Inspection {
  /** `undefined`: there is no store yet. */
  readonly mark: Mark | undefined;
  /** Every damage found, in words; empty when all is well. */
  readonly damage: readonly string[];
  /** Tables that have not been checked yet. */
  readonly unchecked: readonly string[];
}

/** Looks at the files of a store that nobody has open. Changes nothing. */
export function inspectFiles(folder: string, budgetBytes: number = CHECKED_AT_OPEN_BYTES): Inspection {
  const files = listFiles(join(folder, "leveldb"));
  const mark = CommitMark.read(folder);
  const tables = files.filter((name) => /\.(ldb|sst)$/.test(name)).reverse();
  const { damage, unchecked } = checkTables(folder, tables, budgetBytes);
  if (mark === "damaged") return { mark: undefined, damage: [`the file ${CommitMark.pathIn(folder)} is damaged`, ...damage], unchecked };
  return { mark, damage: [...directoryDamage(folder, files, mark), ...logDamage(folder, files, mark), ...damage], unchecked };
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** LevelDB would make a new, empty database where its pointer file is missing, and clear the old files away. */
function directoryDamage(folder: string, files: readonly string[], mark: Mark | undefined): string[] {
  if (!mark) return files.some((name) => /^CURRENT$|^MANIFEST-|\.(log|ldb|sst)$/.test(name)) ? [`the file ${CommitMark.pathIn(folder)} is missing`] : [];
  const pointer = join(folder, "leveldb", "CURRENT");
  if (!files.includes("CURRENT")) {
    const begun = mark.group > 0 || files.some((name) => /\.(ldb|sst)$/.test(name));
    return begun ? [`the file ${pointer} is missing`] : [];
  }
  const name = readFileSync(pointer, "latin1");
  if (!name.endsWith("\n") || !files.includes(name.slice(0, -1))) return [`the file ${pointer} names ${JSON.stringify(name)}, which is not there`];
  const manifest = join(folder, "leveldb", name.slice(0, -1));
  const { records, damagedAt } = scanLog(readFileSync(manifest));
  if (damagedAt !== undefined) return [`${manifest} is damaged at byte ${damagedAt}`];
  const oldest = oldestLogNumber(records);
  const log = oldest ? `${String(oldest).padStart(6, "0")}.log` : undefined;
  return log === undefined || files.includes(log) ? [] : [`the file ${join(folder, "leveldb", log)} is missing`];
}

/** What was acknowledged stands in the logs without a gap, up to where the tables take over. */
function logDamage(folder: string, files: readonly string[], mark: Mark | undefined): string[] {
  const { last, breach, damaged } = readLogs(folder, files);
  if (breach) return [`${breach.damaged ?? breach.path}: commits ${breach.after === undefined ? "" : `${breach.after + 1} `}to ${breach.next - 1} are missing from it`];
  // A damaged end is what a power cut leaves of a write that nobody was told of; one that was acknowledged is a loss.
  return damaged !== undefined && last > 0 && last < (mark?.group ?? 0) ? [`${damaged}: commits ${last + 1} to ${mark?.group} are missing from it`] : [];
}

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

function readLogs(folder: string, files: readonly string[]): { readonly last: number; readonly breach: Breach | undefined; readonly damaged: string | undefined } {
  let last: number | undefined;
  let damaged: string | undefined;
  let sound: { path: string; soundBytes: number } | undefined;
  for (const path of files.filter((file) => file.endsWith(".log")).map((file) => join(folder, "leveldb", file))) {
    const { records, damagedAt } = scanLog(readFileSync(path));
    sound ??= { path, soundBytes: 0 };
    for (const record of records) {
      const group = groupOf(record);
      if (group === undefined) continue;
      if (damagedAt !== undefined && record.end > damagedAt) damaged ??= `${path} is damaged at byte ${damagedAt}`;
      // Before the first commit that can be read nothing tells how many there were, but if there is damage there was something.
      if (last === undefined ? damaged !== undefined : group > last + 1) return { last: last ?? 0, damaged, breach: { ...sound, after: last, next: group, damaged } };
      last = Math.max(last ?? 0, group);
      sound = { path, soundBytes: record.end };
    }
    if (damagedAt !== undefined) damaged ??= `${path} is damaged at byte ${damagedAt}`;
  }
  return { last: last ?? 0, breach: undefined, damaged };
}

/** Cuts the logs off where their commits stop following each other, so that what is given up is an end and not a hole. */
export function cutLogs(folder: string): void {
  const { breach } = readLogs(folder, listFiles(join(folder, "leveldb")));
  if (!breach) return;
  truncateSync(breach.path, breach.soundBytes);
  const later = listFiles(join(folder, "leveldb")).filter((file) => file.endsWith(".log") && join(folder, "leveldb", file) > breach.path);
  for (const file of later) rmSync(join(folder, "leveldb", file));
}

function checkTables(folder: string, names: readonly string[], budgetBytes: number): { damage: string[]; unchecked: string[] } {
  const damage: string[] = [];
  const unchecked: string[] = [];
  let checked = 0;
  for (const name of names) {
    const path = join(folder, "leveldb", name);
    const { size } = statSync(path);
    if (checked + size > budgetBytes) {
      unchecked.push(path);
      continue;
    }
    checked += size;
    const wrong = tableDamage(readFileSync(path));
    if (wrong !== undefined) damage.push(`${path} is damaged: ${wrong}`);
  }
  return { damage, unchecked };
}

/** Checks tables one after the other, between other work; those that a compaction has removed meanwhile are left out. */
export async function checkLater(paths: readonly string[], stopped: () => boolean): Promise<string | undefined> {
  for (const path of paths) {
    await nextTurn();
    if (stopped()) return undefined;
    try {
      const wrong = tableDamage(readFileSync(path));
      if (wrong !== undefined) return `${path} is damaged: ${wrong}`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") return `${path} can't be read: ${String(error)}`;
    }
  }
  return undefined;
}
