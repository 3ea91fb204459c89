import { type WaitingMessage, type WorkLane } from "@sssn/core/log-state";
import type { Database } from "./database-folder.js";
import { parseSortable, rangeOf, sortable, type ChannelKeys } from "./keys.js";
import { decodeLaneEntry, type LaneEntry } from "./work-index.js";

interface LaneStretch {
  readonly messages: readonly WaitingMessage[];
  /** Everything up to here has been looked at. */
  readonly position: number;
}

/**
 * The next messages of a lane by its index. Where all of a page are of one key, those behind them of the same key are skipped: only the first
 * of them can be at its turn, and the others are found when it has ended.
 *
 * @param last the last sequence to look at.
 */
export async function readLaneIndex(
  database: Database,
  keys: ChannelKeys,
  lane: WorkLane,
  after: number,
  last: number,
  limit: number,
): Promise<LaneStretch> {
  const entries = await page(database, keys, lane, after, last, limit);
  const end = entries.at(-1);
  if (!end || entries.length < limit) return { messages: entries, position: Math.max(after, last) };
  const isOneRun = end.key !== undefined && end.runStart !== undefined && end.runStart <= (entries[0]?.sequence ?? 0);
  if (!isOneRun) return { messages: entries, position: end.sequence };
  return { messages: entries.slice(0, 1), position: await endOfRun(database, keys, lane, end, last) };
}

async function page(
  database: Database,
  keys: ChannelKeys,
  lane: WorkLane,
  after: number,
  last: number,
  limit: number,
): Promise<readonly LaneEntry[]> {
  const { gte, lt } = rangeOf(keys.waiting(lane));
  const entries = await database.iterator({ gt: gte + sortable(after), lt, limit }).all();
  return entries
    .map(([key, value]) => decodeLaneEntry(parseSortable(key.slice(gte.length)), value))
    .filter(({ sequence }) => sequence <= last);
}

/** Where the last message of a run lies: steps that double find what is behind it, and halving finds the place. */
async function endOfRun(database: Database, keys: ChannelKeys, lane: WorkLane, from: LaneEntry, last: number): Promise<number> {
  const isInRun = async (sequence: number): Promise<boolean> => {
    const [next] = await page(database, keys, lane, sequence - 1, last, 1);
    return next?.runStart !== undefined && next.runStart <= from.sequence;
  };
  let inside = from.sequence;
  let outside = last + 1;
  for (let step = 256; inside + step < outside; step *= 2) {
    if (await isInRun(inside + step)) inside += step;
    else outside = inside + step;
  }
  while (outside - inside > 1) {
    const middle = Math.floor((inside + outside) / 2);
    if (await isInRun(middle)) inside = middle;
    else outside = middle;
  }
  return inside;
}
