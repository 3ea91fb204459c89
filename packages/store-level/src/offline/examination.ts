import { toError } from "@sssn/core";
import { COMMON_LANE, IntervalSet, type Interval } from "@sssn/core/log-state";
import type { Database } from "../database-folder.js";
import { rangeOf, sortable, type ChannelKeys } from "../keys.js";
import { decodeMessage } from "../records.js";
import { compareIndex, type Notes } from "./compare-index.js";
import { ExpectedTimes, examineCursors, examineTimes } from "./examine-positions.js";
import { ExpectedOrder } from "./examine-order.js";
import { decodeGroupEntry, readHeader, readIntervals, type Header } from "../log-state.js";

/** What is wrong in one channel, and what a sound one would hold instead. */
export interface Examination {
  readonly channelId: string;
  readonly first: number;
  readonly last: number;
  readonly count: number;
  readonly bytes: number;
  /** Messages that are missing or can't be read. */
  readonly lost: readonly Interval[];
  readonly findings: readonly string[];
  /** What makes the rest sound again. */
  readonly puts: readonly (readonly [string, string])[];
  readonly deletes: readonly string[];
}

/** Walks through everything that a channel has in the database. */
export async function examineChannel(database: Database, keys: ChannelKeys, channelId: string, addressed: boolean): Promise<Examination> {
  const findings: string[] = [];
  const puts: [string, string][] = [];
  const deletes: string[] = [];
  const wrong = (text: string): void => void findings.push(`channel ${channelId}: ${text}`);

  const header = await readHeader(database, keys).catch((error: unknown): Header => {
    wrong(`its header can't be read (${toError(error).message})`);
    return { last: 0, count: 0, bytes: 0 };
  });
  const removed = new IntervalSet(await readIntervals(database, keys.removed));
  const kept = new IntervalSet();
  const [ids, lanes, times] = [new Map<string, number>(), new Map<string, string>(), new ExpectedTimes()];
  const order = new ExpectedOrder(keys, addressed);
  let [last, count, bytes] = [header.last, 0, 0];
  for await (const [key, value] of database.iterator(rangeOf(keys.messages))) {
    const sequence = keys.sequenceOf(key);
    last = Math.max(last, sequence);
    try {
      const { message, givenId, bytes: size } = decodeMessage(channelId, sequence, value);
      if (removed.has(sequence)) {
        wrong(`message ${sequence} is there, but was removed`);
        deletes.push(key);
        continue;
      }
      kept.add(sequence);
      count++;
      bytes += size;
      if (givenId) ids.set(message.id, sequence);
      times.add(keys, message);
      order.add(message);
      if (addressed) lanes.set(keys.laneEntry(message.recipientId ?? COMMON_LANE, sequence), "");
    } catch (error) {
      wrong(toError(error).message);
      deletes.push(key);
    }
  }
  const lost = missingWithin(last, kept, removed);
  for (const { start, end } of lost) {
    wrong(start === end ? `message ${start} is lost` : `messages ${start} to ${end} are lost`);
    const { gone, merged } = removed.add(start, end);
    for (const old of gone) deletes.push(keys.removed + sortable(old));
    puts.push([keys.removed + sortable(merged.start), String(merged.end)]);
  }
  if (header.last !== last) wrong(`its header says that it ends with ${header.last}, but it ends with ${last}`);
  if (header.count !== count || header.bytes !== bytes)
    wrong(`its header counts ${header.count} messages and ${header.bytes} bytes, but there are ${count} and ${bytes}`);
  const ordered = order.header(header.order);
  puts.push([keys.header, JSON.stringify({ last, count, bytes, ...(ordered ? { order: ordered } : {}) })]);
  const notes: Notes = { wrong, puts, deletes };
  await examineIds(database, keys, ids, notes);
  if (addressed) await compareIndex(database, { name: "the index of recipients", prefix: keys.lanes, entries: lanes }, notes);
  await examineTimes(database, keys, times, notes);
  await order.examine(database, ordered, notes);
  await examineCursors(database, keys, last, notes);
  await examineGroups(database, keys, notes);
  return { channelId, first: removed.nextAbsent(1), last, count, bytes, lost, findings, puts, deletes };
}

function missingWithin(last: number, kept: IntervalSet, removed: IntervalSet): Interval[] {
  const present = new IntervalSet([...kept, ...removed]);
  const missing: Interval[] = [];
  for (let start = present.nextAbsent(1); start <= last; start = present.nextAbsent(start)) {
    const end = Math.min(last, (present.nextPresent(start) ?? last + 1) - 1);
    missing.push({ start, end });
    start = end + 1;
  }
  return missing;
}

async function examineIds(
  database: Database,
  keys: ChannelKeys,
  expected: ReadonlyMap<string, number>,
  { wrong, puts, deletes }: Notes,
): Promise<void> {
  const remembered = new Set<string>();
  for await (const key of database.keys(rangeOf(keys.forgetting))) remembered.add(key.slice(key.indexOf("!") + 1));
  const found = new Set<string>();
  const prefix = keys.id("");
  for await (const [key, value] of database.iterator(rangeOf(prefix))) {
    const id = key.slice(prefix.length);
    found.add(id);
    if (expected.get(id) === Number(value) || (!expected.has(id) && remembered.has(id))) continue;
    if (expected.has(id)) continue;
    wrong(`the index knows id ${id}, but its message ${value} is gone`);
    deletes.push(key);
  }
  const unknown = [...expected].filter(([id]) => !found.has(id));
  for (const [id, sequence] of unknown) puts.push([keys.id(id), String(sequence)]);
  if (unknown[0]) wrong(`the index does not know the ids of ${unknown.length} messages, such as ${unknown[0][0]}`);
}

async function examineGroups(database: Database, keys: ChannelKeys, { wrong, deletes }: Notes): Promise<void> {
  for await (const [key, value] of database.iterator(rangeOf(keys.groups))) {
    try {
      decodeGroupEntry(keys, key, value);
    } catch {
      wrong(`an entry of its groups can't be read (${key})`);
      deletes.push(key);
    }
  }
}
