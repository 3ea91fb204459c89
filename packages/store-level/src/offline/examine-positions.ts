import type { ChannelMessage } from "@sssn/core";
import { IntervalSet } from "@sssn/core/log-state";
import type { Database } from "../database-folder.js";
import { parseSortable, rangeOf, sortable, type ChannelKeys } from "../keys.js";
import { readTrace } from "../level-cursors.js";
import { readIntervals } from "../log-state.js";
import type { Notes } from "./compare-index.js";

/** When something happens to messages, as they say it themselves. */
export class ExpectedTimes {
  /** Keys of the index of delays. */
  readonly delayed = new Set<string>();
  /** Times to live, by the sequence. */
  readonly validUntil = new Map<number, number>();

  add(keys: ChannelKeys, { sequence, availableAt, validUntil }: ChannelMessage): void {
    if (availableAt !== undefined) this.delayed.add(keys.delayedEntry(availableAt, sequence));
    if (validUntil !== undefined) this.validUntil.set(sequence, validUntil);
  }
}

/** Compares the indexes of delays and times to live with the messages that are kept. */
export async function examineTimes(database: Database, keys: ChannelKeys, expected: ExpectedTimes, notes: Notes): Promise<void> {
  const { wrong, puts, deletes } = notes;
  const delayed = new Set<string>();
  for await (const key of database.keys(rangeOf(keys.delayed))) {
    delayed.add(key);
    if (expected.delayed.has(key)) continue;
    wrong(`the index of delays names message ${sequenceIn(key)}, which is gone or was not delayed`);
    deletes.push(key);
  }
  // An earlier release kept no such index: what is not in it is added, and no damage.
  for (const key of expected.delayed) if (!delayed.has(key)) puts.push([key, ""]);

  const past = await examinePast(database, keys, expected, notes);
  const expiring = new Set<string>();
  for await (const key of database.keys(rangeOf(keys.expiring))) {
    const sequence = sequenceIn(key);
    expiring.add(key);
    const until = expected.validUntil.get(sequence);
    if (until !== undefined && keys.expiringEntry(until, sequence) === key && !past.has(sequence)) continue;
    wrong(`the index of times to live names message ${sequence}, which is gone, past, or has none`);
    deletes.push(key);
  }
  for (const [sequence, until] of expected.validUntil) {
    const key = keys.expiringEntry(until, sequence);
    if (past.has(sequence) || expiring.has(key)) continue;
    wrong(`the index of times to live does not name message ${sequence}, which would never end`);
    puts.push([key, ""]);
  }
}

/** The messages that are past their time to live, of those that have one. */
async function examinePast(
  database: Database,
  keys: ChannelKeys,
  expected: ExpectedTimes,
  { wrong, puts, deletes }: Notes,
): Promise<IntervalSet> {
  const stored = await readIntervals(database, keys.expired);
  const [listed, sound] = [new IntervalSet(stored), new IntervalSet()];
  for (const sequence of expected.validUntil.keys()) if (listed.has(sequence)) sound.add(sequence);
  const isSound = stored.every(({ start, end }) => sound.countWithin(start, end) === end - start + 1);
  if (isSound) return sound;
  wrong("the list of messages that are past their time to live names some that are gone or have none");
  for (const { start } of stored) deletes.push(keys.expired + sortable(start));
  for (const { start, end } of sound) puts.push([keys.expired + sortable(start), String(end)]);
  return sound;
}

/** A cursor behind the end of its log would refuse its reader until the log has grown past it. */
export async function examineCursors(database: Database, keys: ChannelKeys, last: number, { wrong, puts, deletes }: Notes): Promise<void> {
  for await (const [key, value] of database.iterator(rangeOf(keys.cursors))) {
    const position = Number(value);
    const [owner, name] = key.slice(keys.cursors.length).split("!");
    if (!Number.isSafeInteger(position) || position < 0) {
      wrong(`cursor ${name} of ${owner} can't be read`);
      deletes.push(key);
    } else if (position > last) {
      wrong(`cursor ${name} of ${owner} stands at ${position}, but the log ends with ${last}`);
      puts.push([key, String(last)]);
    }
  }
  for await (const [key, value] of database.iterator(rangeOf(keys.cursorTraces))) {
    if (readTrace(value)) continue;
    wrong(`when cursor ${key.slice(keys.cursorTraces.length).replace("!", " / ")} was moved can't be read`);
    deletes.push(key);
  }
}

function sequenceIn(key: string): number {
  return parseSortable(key.slice(key.lastIndexOf("!") + 1));
}
