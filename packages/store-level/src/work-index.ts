import type { ChannelMessage } from "@sssn/core";
import { DEFAULT_PRIORITY, laneName, laneOf, type WaitingMessage } from "@sssn/core/log-state";
import type { Database } from "./database-folder.js";
import { FORMAT_KEY, FORMAT_WITH_ORDER, parseSortable, rangeOf, sortable, type ChannelKeys } from "./keys.js";

/** What a header says of a log with keys or priorities. */
export interface OrderedHeader {
  /** From this sequence on every message is in the index of lanes. */
  readonly from: number;
  /** The priorities that were ever seen, the highest first. */
  readonly priorities: readonly number[];
}

type LaneFields = [key: string, previous: number, runStart: number, availableAt?: number];

/** A message of a lane, as its index tells it. */
export interface LaneEntry extends WaitingMessage {
  /** From here on the lane holds messages of this key and of no other, up to this one. */
  readonly runStart?: number;
}

interface Replaced {
  readonly sequence: number;
  readonly key: string | undefined;
}

interface Run {
  readonly key: string | undefined;
  readonly start: number;
}

/** The runs of so many lanes are remembered; a run of a forgotten one begins anew. */
const MOST_RUNS = 1_000;

/**
 * The order of a log's work beyond that of its sequences: which message waits in which lane, which one precedes which one of its key, and
 * which one is the last of a name. A log without any of it has none of it in the database.
 */
export class WorkIndex {
  readonly #keys: ChannelKeys;
  readonly #addressed: boolean;
  #from: number | undefined;
  #priorities: readonly number[];
  /** The last messages of keys and names, as far as they are not stored yet. */
  readonly #lastOfKey = new Map<string, number>();
  readonly #lastOfName = new Map<string, Replaced>();
  readonly #runs = new Map<string, Run>();

  constructor(keys: ChannelKeys, addressed: boolean, header?: OrderedHeader) {
    this.#keys = keys;
    this.#addressed = addressed;
    this.#from = header?.from;
    this.#priorities = header?.priorities ?? [DEFAULT_PRIORITY];
  }

  get header(): OrderedHeader | undefined {
    return this.#from === undefined ? undefined : { from: this.#from, priorities: this.#priorities };
  }

  get priorities(): readonly number[] {
    return this.#priorities;
  }

  /** From this sequence on every message is in the index of lanes; Infinity: none is. */
  get from(): number {
    return this.#from ?? Infinity;
  }

  /** Works out what to write for a new message. */
  add(database: Database, message: ChannelMessage, puts: [string, string][]): void {
    const { sequence, key, priority, availableAt } = message;
    if (key === undefined && priority === undefined && this.#from === undefined) return;
    if (this.#from === undefined) {
      this.#from = sequence;
      puts.push([FORMAT_KEY, FORMAT_WITH_ORDER]);
    }
    if (priority !== undefined && !this.#priorities.includes(priority))
      this.#priorities = [...this.#priorities, priority].sort((left, right) => right - left);
    const lane = laneOf(message, this.#addressed);
    const runStart = this.#run(laneName(lane), key, sequence);
    let fields = "";
    if (key !== undefined || availableAt !== undefined) {
      const previous = key === undefined ? undefined : this.#previousOf(database, key);
      const entry: LaneFields = [key ?? "", previous ?? 0, runStart];
      if (availableAt !== undefined) entry.push(availableAt);
      fields = JSON.stringify(entry);
    }
    puts.push([this.#keys.waitingEntry(lane, sequence), fields]);
    if (key === undefined) return;
    puts.push([this.#keys.keyed(key, sequence), ""], [this.#keys.lastKeyed(key), String(sequence)]);
    this.#lastOfKey.set(key, sequence);
  }

  #previousOf(database: Database, key: string): number | undefined {
    const pending = this.#lastOfKey.get(key);
    if (pending !== undefined) return pending;
    const stored = database.getSync(this.#keys.lastKeyed(key));
    return stored === undefined ? undefined : Number(stored);
  }

  #run(lane: string, key: string | undefined, sequence: number): number {
    const run = this.#runs.get(lane);
    if (run && run.key === key) return run.start;
    if (this.#runs.size >= MOST_RUNS) this.#runs.clear();
    this.#runs.set(lane, { key, start: sequence });
    return sequence;
  }

  /** The last message of a name, and of which key it is. */
  lastOfName(database: Database, name: string): Replaced | undefined {
    const pending = this.#lastOfName.get(name);
    if (pending) return pending;
    const stored = database.getSync(this.#keys.named(name));
    if (stored === undefined) return undefined;
    const [sequence = "", key = ""] = stored.split("!");
    return { sequence: Number(sequence), key: key === "" ? undefined : key };
  }

  /** A message is the last of a name from now on. */
  name(name: string, { sequence, key }: ChannelMessage, puts: [string, string][]): void {
    puts.push([this.#keys.named(name), `${sequence}!${key ?? ""}`], [FORMAT_KEY, FORMAT_WITH_ORDER]);
    this.#lastOfName.set(name, { sequence, key });
  }

  /** A message is stored, so that the database answers for it. */
  stored({ sequence, key, supersede }: ChannelMessage): void {
    if (key !== undefined && this.#lastOfKey.get(key) === sequence) this.#lastOfKey.delete(key);
    if (supersede !== undefined && this.#lastOfName.get(supersede)?.sequence === sequence) this.#lastOfName.delete(supersede);
  }

  /** Works out what to take away with a message. @param earlier the last one of its key that stays, if any does. */
  remove(database: Database, message: ChannelMessage, earlier: number | undefined, puts: [string, string][], deletes: string[]): void {
    const { sequence, key, supersede } = message;
    if (sequence >= this.from) deletes.push(this.#keys.waitingEntry(laneOf(message, this.#addressed), sequence));
    if (key !== undefined) {
      deletes.push(this.#keys.keyed(key, sequence));
      if (this.#previousOf(database, key) === sequence) {
        if (earlier === undefined) deletes.push(this.#keys.lastKeyed(key));
        else puts.push([this.#keys.lastKeyed(key), String(earlier)]);
      }
    }
    if (supersede !== undefined && this.lastOfName(database, supersede)?.sequence === sequence) deletes.push(this.#keys.named(supersede));
  }
}

/** What stands in the index of lanes for a message. */
export function decodeLaneEntry(sequence: number, value: string): LaneEntry {
  if (value === "") return { sequence };
  const [key, previous, runStart, availableAt] = JSON.parse(value) as LaneFields;
  return {
    sequence,
    availableAt,
    ...(key === "" ? {} : { key, runStart }),
    ...(previous === 0 ? {} : { previous }),
  };
}

/** The first message of a key behind a sequence. */
export async function nextOfKey(database: Database, keys: ChannelKeys, key: string, after: number): Promise<number | undefined> {
  const range = rangeOf(keys.lastKeyed(key));
  const [found] = await database.keys({ gt: keys.keyed(key, after), lt: range.lt, limit: 1 }).all();
  return found === undefined ? undefined : parseSortable(found.slice(range.gte.length));
}

/** The last message of a key before a sequence. */
export async function previousOfKey(database: Database, keys: ChannelKeys, key: string, before: number): Promise<number | undefined> {
  const range = rangeOf(keys.lastKeyed(key));
  const [found] = await database.keys({ gt: range.gte, lt: range.gte + sortable(Math.max(0, before)), reverse: true, limit: 1 }).all();
  return found === undefined ? undefined : parseSortable(found.slice(range.gte.length));
}
