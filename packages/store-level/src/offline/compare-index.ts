import type { Database } from "../database-folder.js";
import { rangeOf } from "../keys.js";

/** What was found wrong, and what to write to mend it. */
export interface Notes {
  readonly wrong: (text: string) => void;
  readonly puts: [string, string][];
  readonly deletes: string[];
}

/** An index, and the entries that the messages which are kept make in it. */
export interface ExpectedIndex {
  readonly name: string;
  /** What its keys begin with. */
  readonly prefix: string;
  readonly entries: ReadonlyMap<string, string>;
}

/** Compares the keys of an index with what they have to be. */
export async function compareIndex(
  database: Database,
  { name, prefix, entries }: ExpectedIndex,
  { wrong, puts, deletes }: Notes,
): Promise<void> {
  const found = new Set<string>();
  for await (const key of database.keys(rangeOf(prefix))) {
    found.add(key);
    if (entries.has(key)) continue;
    wrong(`${name} names a message that is gone (${key})`);
    deletes.push(key);
  }
  const missing = [...entries].filter(([key]) => !found.has(key));
  puts.push(...missing);
  if (missing.length > 0) wrong(`${name} does not name ${missing.length} messages`);
}
