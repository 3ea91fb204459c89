import type { GroupRegime, SteadyClock } from "@sssn/core";
import {
  ClaimLedger,
  DueTimes,
  FreshStep,
  IntervalSet,
  type Step,
  type ClaimBatch,
  type ClaimRecord,
  type CursorTrace,
  type Interval,
} from "@sssn/core/log-state";
import type { Database } from "./database-folder.js";
import type { Commit } from "./engine.js";
import { corrupted, decodeMessage } from "./records.js";
import { rangeOf, parseSortable, sortable, type ChannelKeys } from "./keys.js";
import { decodeBatch } from "./ledger-writes.js";
import { RecentMessages } from "./recent-messages.js";
import { WorkIndex, type OrderedHeader } from "./work-index.js";

/** What a header holds. */
export interface Header {
  readonly last: number;
  readonly count: number;
  readonly bytes: number;
  /** The newest timestamp; missing where an earlier release wrote last. */
  readonly time?: number;
  /** Left out: no message has or had a key or a priority. */
  readonly order?: OrderedHeader;
}

interface LoadedState {
  readonly steady: SteadyClock;
  readonly header: Header;
  readonly removed: IntervalSet;
  readonly expired: IntervalSet;
  readonly superseded: IntervalSet;
  readonly ledgers: Map<string, ClaimLedger>;
  readonly work: WorkIndex;
}

/** What of a log is held in memory: figures, holes, and what is unfinished. Loaded at open, at a cost that does not grow with the log. */
export class LogState {
  readonly steady: SteadyClock;
  readonly removed: IntervalSet;
  readonly ledgers: Map<string, ClaimLedger>;
  /** Written with a delay that is not over. */
  readonly delayed = new DueTimes();
  /** Times to live that are not over, by the log's clock. */
  readonly expiring = new DueTimes();
  /** Kept messages whose time to live is over. */
  readonly expired: IntervalSet;
  /** Kept messages that were replaced by later ones before anybody had them. */
  readonly superseded: IntervalSet;
  readonly work: WorkIndex;
  readonly recent = new RecentMessages();
  /** Cursors that were looked at. */
  readonly cursors = new Map<string, CursorTrace>();
  /** Ids of writes under way. */
  readonly writing = new Map<string, Promise<unknown>>();
  /** Writes the header once a group, as it is by then. */
  readonly headerEntry: NonNullable<Commit["late"]>;
  /** The last sequence given out. */
  last: number;
  /** The last sequence that is stored: what readers see. */
  stored: number;
  count: number;
  bytes: number;
  /** No later message has a lower one. */
  newestTimestamp: number;

  private constructor(headerKey: string, { steady, header, removed, expired, superseded, ledgers, work }: LoadedState) {
    this.newestTimestamp = header.time ?? 0;
    this.headerEntry = [[headerKey, () => this.#header()]];
    this.steady = steady;
    this.removed = removed;
    this.expired = expired;
    this.superseded = superseded;
    this.work = work;
    this.ledgers = ledgers;
    this.last = header.last;
    this.stored = header.last;
    this.count = header.count;
    this.bytes = header.bytes;
  }

  /** @throws SSSNError `store_corrupted` when the last message that the header speaks of is not there. */
  static async load(database: Database, keys: ChannelKeys, channelId: string, addressed: boolean, steady: SteadyClock): Promise<LogState> {
    const header = await readHeader(database, keys);
    const removed = new IntervalSet(await readIntervals(database, keys.removed));
    const time = await checkTail(database, keys, channelId, header.last, removed);
    const expired = new IntervalSet(await readIntervals(database, keys.expired));
    const superseded = new IntervalSet(await readIntervals(database, keys.superseded));
    const ledgers = await loadLedgers(database, keys, steady, [...removed]);
    for (const ledger of ledgers.values())
      for (const retired of [expired, superseded]) ledger.orders.expireAll(retired, new FreshStep(steady.now()));
    const work = new WorkIndex(keys, addressed, header.order);
    const state = new LogState(keys.header, { steady, header: { time, ...header }, removed, expired, superseded, ledgers, work });
    await readDueTimes(database, keys.delayed, steady.now(), state.delayed);
    await readDueTimes(database, keys.expiring, 0, state.expiring);
    return state;
  }

  /** What is done with the work of the groups now. */
  step(): Step {
    return new FreshStep(this.steady.now());
  }

  get first(): number {
    return this.removed.nextAbsent(1);
  }

  /** What no group has to do with: removed, past its time, or replaced. */
  get settledForAll(): Interval[] {
    return [...this.removed, ...this.expired, ...this.superseded];
  }

  /** Whether no group that comes has to do with it. */
  isRetired(sequence: number): boolean {
    return this.removed.has(sequence) || this.expired.has(sequence) || this.superseded.has(sequence);
  }

  #header(): string {
    const order = this.work.header;
    const header: Header = {
      last: this.last,
      count: this.count,
      bytes: this.bytes,
      time: this.newestTimestamp,
      ...(order ? { order } : {}),
    };
    return JSON.stringify(header);
  }
}

/** The last message's timestamp. The header is written with every append, so a tail that went missing shows here, and not when a reader gets there. */
async function checkTail(database: Database, keys: ChannelKeys, channelId: string, last: number, removed: IntervalSet): Promise<number> {
  let timestamp = 0;
  if (last > 0 && !removed.has(last)) {
    const record = await database.get(keys.message(last));
    if (record === undefined) throw corrupted(channelId, last, "the log's header speaks of it, but it is not there");
    ({ timestamp } = decodeMessage(channelId, last, record).message);
  }
  const [beyond] = await database.keys({ gt: keys.message(last), lt: keys.message(Number.MAX_SAFE_INTEGER), limit: 1 }).all();
  if (beyond !== undefined) throw corrupted(channelId, keys.sequenceOf(beyond), "it lies behind the end that the log's header names");
  return timestamp;
}

export async function readHeader(database: Database, keys: ChannelKeys): Promise<Header> {
  const text = await database.get(keys.header);
  return text === undefined ? { last: 0, count: 0, bytes: 0 } : (JSON.parse(text) as Header);
}

export async function readIntervals(database: Database, prefix: string): Promise<Interval[]> {
  const entries = await database.iterator(rangeOf(prefix)).all();
  return entries.map(([key, end]) => ({ start: parseSortable(key.slice(prefix.length)), end: Number(end) }));
}

async function readDueTimes(database: Database, prefix: string, from: number, due: DueTimes): Promise<void> {
  for await (const [entry, key] of database.iterator({ gte: prefix + sortable(from), lt: rangeOf(prefix).lt })) {
    const [time = "", sequence = ""] = entry.slice(prefix.length).split("!");
    due.add(parseSortable(sequence), parseSortable(time), key === "" ? undefined : key);
  }
}

/** One thing that a group of a channel keeps, decoded; neither: it only says that the group is there. */
interface GroupEntry {
  readonly key: string;
  readonly group: string;
  readonly settled?: Interval;
  readonly record?: ClaimRecord;
  readonly batch?: ClaimBatch;
  readonly regime?: GroupRegime;
  readonly grants?: readonly [at: number, count: number];
}

/** @throws SyntaxError when the entry can't be read. */
export function decodeGroupEntry(keys: ChannelKeys, key: string, value: string): GroupEntry {
  const [group = "", entry = ""] = key.slice(keys.groups.length).split("!");
  if (entry.startsWith("s")) return { key, group, settled: { start: parseSortable(entry.slice(1)), end: Number(value) } };
  if (entry.startsWith("u")) return { key, group, record: JSON.parse(value) as ClaimRecord };
  if (entry.startsWith("b")) return { key, group, batch: decodeBatch(entry, value) };
  if (entry === "r") return { key, group, regime: JSON.parse(value) as GroupRegime };
  if (entry.startsWith("w")) return { key, group, grants: [parseSortable(entry.slice(1)), Number(value)] };
  return { key, group };
}

interface FoundGroup {
  readonly settled: Interval[];
  readonly records: ClaimRecord[];
  readonly batches: ClaimBatch[];
  readonly grants: (readonly [number, number])[];
  regime?: GroupRegime;
}

async function loadLedgers(
  database: Database,
  keys: ChannelKeys,
  steady: SteadyClock,
  removed: readonly Interval[],
): Promise<Map<string, ClaimLedger>> {
  const found = new Map<string, FoundGroup>();
  for await (const [key, value] of database.iterator(rangeOf(keys.groups))) {
    const { group: name, settled, record, batch, regime, grants } = decodeGroupEntry(keys, key, value);
    let group = found.get(name);
    if (!group) found.set(name, (group = { settled: [...removed], records: [], batches: [], grants: [] }));
    if (settled) group.settled.push(settled);
    if (record) group.records.push(record);
    if (batch) group.batches.push(batch);
    if (regime) group.regime = regime;
    if (grants) group.grants.push(grants);
  }
  return new Map([...found].map(([name, stored]) => [name, new ClaimLedger(new FreshStep(steady.now()), stored)]));
}
