import type { ChannelMessage } from "@sssn/core";
import { laneOf } from "@sssn/core/log-state";
import type { Database } from "../database-folder.js";
import { rangeOf, type ChannelKeys } from "../keys.js";
import { readIntervals } from "../log-state.js";
import { WorkIndex, type OrderedHeader } from "../work-index.js";
import type { Notes } from "./examine-positions.js";

/** The order of work that the messages of a channel have, as they say it themselves. */
export class ExpectedOrder {
  readonly #keys: ChannelKeys;
  readonly #addressed: boolean;
  readonly #priorities = new Set<number>();
  /** Every message that is kept, with what the index of lanes must say of it: its place; and its key. */
  readonly #kept: ChannelMessage[] = [];
  #from: number | undefined;

  constructor(keys: ChannelKeys, addressed: boolean) {
    this.#keys = keys;
    this.#addressed = addressed;
  }

  /** In the order of their sequences. */
  add(message: ChannelMessage): void {
    const isOrdered = message.key !== undefined || message.priority !== undefined;
    if (isOrdered) this.#from ??= message.sequence;
    if (message.priority !== undefined) this.#priorities.add(message.priority);
    if (this.#from !== undefined || message.supersede !== undefined) this.#kept.push({ ...message, content: null, metadata: {} });
  }

  /** What a header has to say; `known` is what it says, which may remember what is removed. */
  header(known: OrderedHeader | undefined): OrderedHeader | undefined {
    if (this.#from === undefined) return known;
    const priorities = new Set([4, ...(known?.priorities ?? []), ...this.#priorities]);
    return { from: Math.min(this.#from, known?.from ?? Infinity), priorities: [...priorities].sort((left, right) => right - left) };
  }

  /** Compares the indexes of lanes and keys with the messages that are kept. */
  async examine(database: Database, header: OrderedHeader | undefined, notes: Notes): Promise<void> {
    const from = header?.from ?? Infinity;
    const ordered = this.#kept.filter(({ sequence }) => sequence >= from);
    const retired = new Set(await this.#retired(database));
    await this.#compare(database, this.#keys.allWaiting, this.#waiting(database, ordered), "the index of lanes", notes);
    const keyed = ordered.filter(({ sequence, key }) => key !== undefined && !retired.has(sequence));
    const expected = new Map(keyed.map(({ key = "", sequence }) => [this.#keys.keyed(key, sequence), ""]));
    const last = new Map(
      ordered.flatMap(({ key, sequence }) => (key === undefined ? [] : [[this.#keys.lastKeyed(key), String(sequence)]])),
    );
    await this.#compare(database, this.#keys.allKeyed, new Map([...expected, ...last]), "the index of keys", notes);
  }

  async #retired(database: Database): Promise<number[]> {
    const ranges = [...(await readIntervals(database, this.#keys.expired)), ...(await readIntervals(database, this.#keys.superseded))];
    return this.#kept
      .map(({ sequence }) => sequence)
      .filter((sequence) => ranges.some(({ start, end }) => start <= sequence && sequence <= end));
  }

  /** Made as an append makes it, for messages that are missing there. */
  #waiting(database: Database, ordered: readonly ChannelMessage[]): Map<string, string> {
    const index = new WorkIndex(this.#keys, this.#addressed, { from: 0, priorities: [] });
    const puts: [string, string][] = [];
    for (const message of ordered) index.add(database, message, puts);
    const lanes = new Set(ordered.map((message) => this.#keys.waitingEntry(laneOf(message, this.#addressed), message.sequence)));
    return new Map(puts.filter(([key]) => lanes.has(key)));
  }

  async #compare(
    database: Database,
    prefix: string,
    expected: ReadonlyMap<string, string>,
    what: string,
    { wrong, puts, deletes }: Notes,
  ): Promise<void> {
    const found = new Set<string>();
    for await (const key of database.keys(rangeOf(prefix))) {
      found.add(key);
      if (expected.has(key)) continue;
      wrong(`${what} names a message that is gone (${key})`);
      deletes.push(key);
    }
    const missing = [...expected].filter(([key]) => !found.has(key));
    puts.push(...missing);
    if (missing.length > 0) wrong(`${what} does not name ${missing.length} messages`);
  }
}
