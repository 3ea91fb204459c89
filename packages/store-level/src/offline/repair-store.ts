import { join, resolve } from "node:path";
import { ClassicLevel } from "classic-level";
import { Level } from "level";
import type { Database } from "../database-folder.js";
import { CommitMark } from "../evidence/commit-mark.js";
import { GROUP_KEY } from "../keys.js";
import { examineAll, inspectClosed } from "./offline-database.js";

/** What {@link repairStore} could not save. */
export interface RepairReport {
  /** Everything that was wrong, in words. */
  readonly findings: readonly string[];
  /** Messages that are gone: readers see them as removed, and their sequences are never given out again. */
  readonly lost: readonly { readonly channel: string; readonly first: number; readonly last: number }[];
}

/**
 * Makes a damaged store usable again with what is left, and says what is lost. Messages that can't be read count as removed;
 * acknowledgements, claims and cursors that are gone are gone, so jobs may be handed out again. **Keep a copy of the folder first**:
 * a repair throws away what it can't read.
 *
 * @param folder the folder that was given to `LevelMessageStore`.
 * @throws SSSNError `store_locked` when a process has it open, `invalid_argument` when there is no store.
 */
export async function repairStore(folder: string): Promise<RepairReport> {
  const path = resolve(folder);
  const { mark, damage } = await inspectClosed(path);
  const location = join(path, "leveldb");
  // LevelDB's own repair rebuilds its directory from the tables and logs that can be read; it moves the rest aside.
  if (damage.length > 0) await ClassicLevel.repair(location);
  const database: Database = new Level<string, string>(location, { keyEncoding: "utf8", valueEncoding: "utf8" });
  await database.open();
  try {
    const group = Math.max(Number((await database.get(GROUP_KEY)) ?? 0), mark?.group ?? 0) + 1;
    const findings = [...damage];
    const lost: { channel: string; first: number; last: number }[] = [];
    for await (const examined of examineAll(database)) {
      findings.push(...examined.findings);
      lost.push(...examined.lost.map(({ start, end }) => ({ channel: examined.channelId, first: start, last: end })));
      const batch = database.batch();
      for (const key of examined.deletes) batch.del(key);
      for (const [key, value] of examined.puts) batch.put(key, value);
      await batch.write({ sync: true });
    }
    await database.put(GROUP_KEY, String(group), { sync: true });
    CommitMark.reset(path, group);
    return { findings, lost };
  } finally {
    await database.close();
  }
}
