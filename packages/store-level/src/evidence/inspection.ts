import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { toError } from "@sssn/core";
import { CommitMark, type Mark } from "./commit-mark.js";
import { scanLog } from "./log-file.js";
import { readLogs } from "./log-sequence.js";
import { filesOf, type DatabaseFiles } from "./manifest-file.js";
import { tableDamage } from "./table-file.js";

/** Of the tables, so much is checked before a store opens; the rest is checked while it runs. */
const CHECKED_AT_OPEN_BYTES = 256 * 1024 * 1024;

/** What the files of a closed store say, before LevelDB touches them. */
export interface Inspection {
  /** `undefined`: there is no store yet, or its mark is damaged. */
  readonly mark: Mark | undefined;
  /** Every damage found, in words; empty when all is well. */
  readonly damage: readonly string[];
  /** Tables that have not been checked yet. */
  readonly unchecked: readonly string[];
}

/** Looks at the files of a store that nobody has open. Changes nothing. */
export function inspectFiles(folder: string, budgetBytes: number = CHECKED_AT_OPEN_BYTES): Inspection {
  const names = listFiles(join(folder, "leveldb"));
  const mark = CommitMark.read(folder);
  if (mark === "damaged") return { mark: undefined, damage: [`the file ${CommitMark.pathIn(folder)} is damaged`], unchecked: [] };
  if (!mark) return { mark, damage: names.some(isData) ? [`the file ${CommitMark.pathIn(folder)} is missing`] : [], unchecked: [] };
  const files = readDirectory(folder, names, mark);
  if (typeof files === "string") return { mark, damage: [files], unchecked: [] };
  if (!files) return { mark, damage: [], unchecked: [] };
  const { damage, unchecked } = checkTables(tablePaths(folder, names, files), budgetBytes);
  return { mark, damage: [...logDamage(logPaths(folder, names, files), mark), ...damage], unchecked };
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function isData(name: string): boolean {
  return /^CURRENT$|^MANIFEST-|\.(log|ldb|sst)$/.test(name);
}

/**
 * What the database says belongs to it; a text says what is wrong; `undefined`: there is no database yet.
 *
 * LevelDB would make a new, empty database where its pointer file is missing, and clear the old files away.
 */
function readDirectory(folder: string, names: readonly string[], mark: Mark): DatabaseFiles | string | undefined {
  const pointer = join(folder, "leveldb", "CURRENT");
  if (!names.includes("CURRENT"))
    return mark.group > 0 || names.some((name) => /\.(ldb|sst)$/.test(name)) ? `the file ${pointer} is missing` : undefined;
  const target = readFileSync(pointer, "latin1");
  if (!target.endsWith("\n") || !names.includes(target.slice(0, -1)))
    return `the file ${pointer} names ${JSON.stringify(target)}, which is not there`;
  const manifest = join(folder, "leveldb", target.slice(0, -1));
  const { records, damagedAt } = scanLog(readFileSync(manifest));
  const files = damagedAt === undefined ? filesOf(records) : undefined;
  return files ?? `${manifest} is damaged${damagedAt === undefined ? "" : ` at byte ${damagedAt}`}`;
}

function numberOf(name: string): number {
  return Number.parseInt(name, 10);
}

/** The logs that recovery reads, oldest first; the first one is there whether or not its file is. */
function logPaths(folder: string, names: readonly string[], { oldestLog }: DatabaseFiles): string[] {
  const needed = oldestLog > 0 ? [`${String(oldestLog).padStart(6, "0")}.log`] : [];
  const found = names.filter((name) => name.endsWith(".log") && numberOf(name) > oldestLog);
  return [...needed, ...found].map((name) => join(folder, "leveldb", name));
}

/** The tables, newest first. */
function tablePaths(folder: string, names: readonly string[], { tables }: DatabaseFiles): string[] {
  return [...tables]
    .sort((left, right) => right - left)
    .map((number) =>
      join(
        folder,
        "leveldb",
        names.find((name) => /\.(ldb|sst)$/.test(name) && numberOf(name) === number) ?? `${String(number).padStart(6, "0")}.ldb`,
      ),
    );
}

/** What was acknowledged stands in the logs without a gap, up to where the tables take over. */
function logDamage(paths: readonly string[], mark: Mark): string[] {
  const { missing, last, breach, damaged } = readLogs(paths);
  if (missing !== undefined) return [`the file ${missing} is missing`];
  if (breach)
    return [
      `${breach.damaged ?? breach.path}: commits ${breach.after === undefined ? "" : `${breach.after + 1} `}to ${breach.next - 1} are missing from it`,
    ];
  // A damaged end is what a power cut leaves of a write that nobody was told of; one that was acknowledged is a loss.
  return damaged !== undefined && last > 0 && last < mark.group
    ? [`${damaged}: commits ${last + 1} to ${mark.group} are missing from it`]
    : [];
}

function checkTables(paths: readonly string[], budgetBytes: number): { damage: string[]; unchecked: string[] } {
  const damage: string[] = [];
  const unchecked: string[] = [];
  let checked = 0;
  for (const path of paths) {
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size === undefined) damage.push(`the file ${path} is missing`);
    else if (checked + size > budgetBytes) unchecked.push(path);
    else {
      checked += size;
      const wrong = tableDamage(readFileSync(path));
      if (wrong !== undefined) damage.push(`${path} is damaged: ${wrong}`);
    }
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
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") return `${path} can't be read: ${toError(error).message}`;
    }
  }
  return undefined;
}

/** The logs that recovery would read; none where the database's directory can't be read. */
export function recoveryLogs(folder: string): string[] {
  const names = listFiles(join(folder, "leveldb"));
  const mark = CommitMark.read(folder);
  const files = mark && mark !== "damaged" ? readDirectory(folder, names, mark) : undefined;
  return files && typeof files !== "string" ? logPaths(folder, names, files) : [];
}
