import {
  COMMON_LANE,
  IntervalSet,
  sequenceOfToken,
  storedOf,
  type Interval,
  type KeptLedger,
  type LedgerChanges,
  type LogBody,
  type LogHeader,
  type PortableMessage,
  type RememberedId,
} from "@sssn/core/log-state";
import type { ChannelMessage } from "@sssn/core";
import type { Engine } from "../engine.js";
import { sortable, type ChannelKeys } from "../keys.js";
import { changesWrites } from "../ledger-writes.js";
import { cursorWrites } from "../level-cursors.js";
import type { Header } from "../log-state.js";
import { encodeMessage } from "../records.js";
import { WorkIndex } from "../work-index.js";

/** So many entries are gathered for one commit. */
const MOST_PUTS = 4_000;

/** Writes the parts of a log under a number that no channel has yet. */
export class LogWriter {
  readonly #engine: Engine;
  readonly #generation: number;
  readonly #keys: ChannelKeys;
  readonly #header: LogHeader;
  readonly #expired: IntervalSet;
  readonly #retired: IntervalSet;
  readonly #work: WorkIndex;
  #puts: [string, string][] = [];
  #deletes: string[] = [];
  #unstored: ChannelMessage[] = [];
  #count = 0;
  #bytes = 0;

  constructor(engine: Engine, keys: ChannelKeys, header: LogHeader) {
    this.#engine = engine;
    this.#generation = engine.generation;
    this.#keys = keys;
    this.#header = header;
    this.#expired = new IntervalSet(header.expired);
    this.#retired = new IntervalSet([...header.expired, ...header.superseded]);
    this.#work = new WorkIndex(keys, header.addressed);
  }

  async take(part: LogBody): Promise<void> {
    if (part.part === "messages") for (const portable of part.messages) await this.#takeMessage(portable);
    else if (part.part === "ids") for (const remembered of part.ids) await this.#put(idWrites(this.#keys, remembered));
    else if (part.part === "cursors") for (const cursor of part.cursors) await this.#put(cursorWrites(this.#keys, cursor));
    else await this.#put(groupWrites(this.#keys, part.group, part.kept));
  }

  /** Ranges and figures come last. Resolves when all of it is stored. */
  async finish(): Promise<void> {
    const { removed, expired, superseded, last, newestTimestamp } = this.#header;
    const keys = this.#keys;
    await this.#put([
      ...rangeWrites(keys.removed, removed),
      ...rangeWrites(keys.expired, expired),
      ...rangeWrites(keys.superseded, superseded),
    ]);
    const order = this.#work.header;
    const header: Header = { last, count: this.#count, bytes: this.#bytes, time: newestTimestamp, ...(order ? { order } : {}) };
    this.#puts.push([keys.header, JSON.stringify(header)]);
    await this.#commit();
  }

  async #takeMessage({ message, isLastOfName }: PortableMessage): Promise<void> {
    const { id, sequence, key, availableAt, validUntil, supersede, recipientId } = message;
    const [keys, puts] = [this.#keys, this.#puts];
    // An id that a log made says itself where its message is.
    const isGiven = sequenceOfToken(id) !== sequence;
    const record = encodeMessage(message, isGiven);
    this.#count++;
    this.#bytes += record.length;
    puts.push([keys.message(sequence), record]);
    if (isGiven) puts.push([keys.id(id), String(sequence)]);
    if (availableAt !== undefined) puts.push([keys.delayedEntry(availableAt, sequence), ""]);
    if (validUntil !== undefined && !this.#expired.has(sequence)) puts.push([keys.expiringEntry(validUntil, sequence), key ?? ""]);
    if (this.#header.addressed) puts.push([keys.laneEntry(recipientId ?? COMMON_LANE, sequence), ""]);
    this.#work.add(await this.#engine.database(), message, puts);
    if (supersede !== undefined && isLastOfName) this.#work.name(supersede, message, puts);
    if (key !== undefined && this.#retired.has(sequence)) this.#deletes.push(keys.keyed(key, sequence));
    this.#unstored.push(message);
    if (puts.length >= MOST_PUTS) await this.#commit();
  }

  async #put(writes: readonly [string, string][]): Promise<void> {
    for (let start = 0; start < writes.length; start += MOST_PUTS) {
      this.#puts.push(...writes.slice(start, start + MOST_PUTS));
      if (this.#puts.length >= MOST_PUTS) await this.#commit();
    }
  }

  async #commit(): Promise<void> {
    const [puts, deletes, unstored] = [this.#puts, this.#deletes, this.#unstored];
    [this.#puts, this.#deletes, this.#unstored] = [[], [], []];
    await this.#engine.commit(this.#generation, { puts, deletes }, undefined);
    for (const message of unstored) this.#work.stored(message);
  }
}

function rangeWrites(prefix: string, ranges: readonly Interval[]): [string, string][] {
  return ranges.map(({ start, end }) => [prefix + sortable(start), String(end)]);
}

function idWrites(keys: ChannelKeys, { id, sequence, until }: RememberedId): [string, string][] {
  return [
    [keys.id(id), String(sequence)],
    [`${keys.forgetting}${sortable(until)}!${id}`, ""],
  ];
}

/** A group of which everything has changed. */
function groupWrites(keys: ChannelKeys, group: string, kept: KeptLedger): [string, string][] {
  const { settled, records, regime, grants } = kept;
  const changes: LedgerChanges = {
    records: new Map(records.map((record) => [record.sequence, record])),
    batches: new Map(storedOf(kept).batches.map((batch) => [batch.number, batch])),
    settled: new Map(settled.map(({ start, end }) => [start, end])),
    grants: new Map(grants),
    ...(Object.keys(regime).length > 0 ? { regime } : {}),
  };
  const puts: [string, string][] = [];
  // Nothing is gone, so there is nothing to delete.
  changesWrites(keys, group, changes, puts, []);
  return puts;
}
