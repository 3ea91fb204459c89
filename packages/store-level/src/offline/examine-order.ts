import type { ChannelMessage } from "@sssn/core";
import { DEFAULT_PRIORITY, IntervalSet, laneOf } from "@sssn/core/log-state";
import type { Database } from "../database-folder.js";
import type { ChannelKeys } from "../keys.js";
import { readIntervals } from "../log-state.js";
import { WorkIndex, type OrderedHeader } from "../work-index.js";
import { compareIndex, type Notes } from "./compare-index.js";

/** The order of work that the messages of a channel have, as they say it themselves. */
export class ExpectedOrder {
  readonly #keys: ChannelKeys;
  readonly #addressed: boolean;
  readonly #priorities = new Set<number>();
  /** The messages that stand in the indexes of lanes or keys, without their contents. */
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
    const priorities = new Set([DEFAULT_PRIORITY, ...(known?.priorities ?? []), ...this.#priorities]);
    return { from: Math.min(this.#from, known?.from ?? Infinity), priorities: [...priorities].sort((left, right) => right - left) };
  }

  /** Compares the indexes of lanes and keys with the messages that are kept. */
  async examine(database: Database, header: OrderedHeader | undefined, notes: Notes): Promise<void> {
    const from = header?.from ?? Infinity;
    const ordered = this.#kept.filter(({ sequence }) => sequence >= from);
    const retired = await this.#retired(database);
    const waiting = this.#waiting(database, ordered);
    await compareIndex(database, { name: "the index of lanes", prefix: this.#keys.allWaiting, entries: waiting }, notes);
    const keyed = ordered.filter(({ sequence, key }) => key !== undefined && !retired.has(sequence));
    const expected = new Map(keyed.map(({ key = "", sequence }) => [this.#keys.keyed(key, sequence), ""]));
    const last = new Map(
      ordered.flatMap(({ key, sequence }) => (key === undefined ? [] : [[this.#keys.lastKeyed(key), String(sequence)]])),
    );
    const entries = new Map([...expected, ...last]);
    await compareIndex(database, { name: "the index of keys", prefix: this.#keys.allKeyed, entries }, notes);
  }

  async #retired(database: Database): Promise<IntervalSet> {
    return new IntervalSet([
      ...(await readIntervals(database, this.#keys.expired)),
      ...(await readIntervals(database, this.#keys.superseded)),
    ]);
  }

  /** Made as an append makes it, for messages that are missing there. */
  #waiting(database: Database, ordered: readonly ChannelMessage[]): Map<string, string> {
    const index = new WorkIndex(this.#keys, this.#addressed, { from: 0, priorities: [] });
    const puts: [string, string][] = [];
    for (const message of ordered) index.add(database, message, puts);
    const lanes = new Set(ordered.map((message) => this.#keys.waitingEntry(laneOf(message, this.#addressed), message.sequence)));
    return new Map(puts.filter(([key]) => lanes.has(key)));
  }
}
