import { copyFile, link, readdir } from "node:fs/promises";
import { join } from "node:path";
import { SSSNError } from "@sssn/core";
import type { Database } from "../database-folder.js";
import { inspectFiles } from "../evidence/inspection.js";
import { CHANNELS, ChannelKeys } from "../keys.js";
import type { ChannelEntry } from "../channel-register.js";
import { OwnerFile } from "../owner-file.js";
import { examineChannel, type Examination } from "./examination.js";

/** What every offline tool asks first: that there is a store, and that nobody has it open. */
export async function inspectClosed(folder: string): Promise<ReturnType<typeof inspectFiles>> {
  const refusal = await new OwnerFile(folder).refusalOfLiving(false);
  if (refusal) throw refusal;
  const found = inspectFiles(folder, Infinity);
  if (!found.mark && found.damage.length === 0)
    throw new SSSNError("invalid_argument", `There is no store in ${folder}. Name the folder that was given to LevelMessageStore.`);
  return found;
}

/** Examines every channel of the register. */
export async function* examineAll(database: Database): AsyncGenerator<Examination> {
  for await (const [key, value] of database.iterator(CHANNELS)) {
    const { number, addressed } = JSON.parse(value) as ChannelEntry;
    yield examineChannel(database, new ChannelKeys(number), key.slice(CHANNELS.gte.length), addressed);
  }
}

/** Copies a closed database, so that opening it changes only the copy. */
export async function copyDatabase(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const { name } = entry;
    // What a repair has moved aside lies in a folder.
    if (name === "LOCK" || !entry.isFile()) continue;
    const [source, target] = [join(from, name), join(to, name)];
    // Tables never change; everything else does when a database is opened.
    if (
      !/\.(ldb|sst)$/.test(name) ||
      !(await link(source, target).then(
        () => true,
        () => false,
      ))
    )
      await copyFile(source, target);
  }
}
