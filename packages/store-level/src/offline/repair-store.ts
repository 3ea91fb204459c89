import { mkdir, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ClassicLevel } from "classic-level";
import { Level } from "level";
import type { Database } from "../database-folder.js";
import { CommitMark } from "../evidence/commit-mark.js";
import { GROUP_KEY } from "../keys.js";
import { copyDatabase, examineAll, inspectClosed } from "./offline-database.js";

const ENTRIES_AT_ONCE = 1_000;

/** What {@link repairStore} found, and what it could not save. */
export interface RepairReport {
  /** Everything that was wrong, in words. */
  readonly findings: readonly string[];
  /** Messages that are gone: readers see them as removed, and their sequences are never given out again. */
  readonly lost: readonly { readonly channel: string; readonly first: number; readonly last: number }[];
  /** Where the damaged database was moved to; delete it once it is not needed any more. */
  readonly keptIn: string;
}

/**
 * Makes a damaged store usable again with what is left, and says what is lost. Messages that can't be read count as removed;
 * acknowledgements, claims and cursors that are gone are gone, so jobs may be handed out again. The damaged database stays beside
 * the repaired one, so there has to be room for both.
 *
 * @param folder the folder that was given to `LevelMessageStore`.
 * @throws SSSNError `store_locked` when a process has it open, `invalid_argument` when there is no store.
 */
export async function repairStore(folder: string): Promise<RepairReport> {
  const path = resolve(folder);
  const { mark, damage } = await inspectClosed(path);
  const [location, salvaged, repaired] = [join(path, "leveldb"), join(path, "leveldb.salvaged"), join(path, "leveldb.repaired")];
  for (const left of [salvaged, repaired]) await rm(left, { recursive: true, force: true });
  await mkdir(salvaged);
  await copyDatabase(location, salvaged);
  // LevelDB's own repair makes its directory anew, from the tables and logs that can be read.
  if (damage.length > 0) await ClassicLevel.repair(salvaged);
  await copyEntries(salvaged, repaired);
  const { findings, lost, group } = await mend(repaired, mark?.group ?? 0);
  const keptIn = join(path, `leveldb.damaged-${Date.now()}`);
  await rm(salvaged, { recursive: true, force: true });
  await rename(location, keptIn);
  await rename(repaired, location);
  CommitMark.reset(path, group);
  return { findings: [...damage, ...findings], lost, keptIn };
}

/** Writes every entry that can be read into a new database, so that no damaged block is left. */
async function copyEntries(from: string, to: string): Promise<void> {
  const [source, target] = [await openDatabase(from), await openDatabase(to)];
  try {
    const iterator = source.iterator();
    for (let entries = await iterator.nextv(ENTRIES_AT_ONCE); entries.length > 0; entries = await iterator.nextv(ENTRIES_AT_ONCE)) {
      const batch = target.batch();
      for (const [key, value] of entries) batch.put(key, value);
      await batch.write();
    }
    await iterator.close();
  } finally {
    await source.close();
    await target.close();
  }
}

async function openDatabase(location: string): Promise<Database> {
  const database: Database = new Level<string, string>(location, { keyEncoding: "utf8", valueEncoding: "utf8" });
  await database.open();
  return database;
}

async function mend(location: string, acknowledged: number): Promise<Omit<RepairReport, "keptIn"> & { readonly group: number }> {
  const database = await openDatabase(location);
  const findings: string[] = [];
  const lost: { channel: string; first: number; last: number }[] = [];
  try {
    for await (const examined of examineAll(database)) {
      findings.push(...examined.findings);
      lost.push(...examined.lost.map(({ start, end }) => ({ channel: examined.channelId, first: start, last: end })));
      const batch = database.batch();
      for (const key of examined.deletes) batch.del(key);
      for (const [key, value] of examined.puts) batch.put(key, value);
      await batch.write({ sync: true });
    }
    const group = Math.max(Number((await database.get(GROUP_KEY)) ?? 0), acknowledged) + 1;
    await database.put(GROUP_KEY, String(group), { sync: true });
    return { findings, lost, group };
  } finally {
    await database.close();
  }
}
