import type { ChannelMessage } from "@sssn/core";
import {
  ClaimLedger,
  DEFAULT_PRIORITY,
  WorkGroups,
  laneOf,
  type GroupLog,
  type LaneSource,
  type WaitingMessage,
} from "@sssn/core/log-state";
import { lookUpIds } from "./appending.js";
import type { Engine } from "./engine.js";
import { rangeOf, type ChannelKeys } from "./keys.js";
import { readLaneIndex } from "./lane-reader.js";
import { ledgerWrites } from "./ledger-writes.js";
import type { LogState } from "./log-state.js";
import type { MessageReader } from "./message-reader.js";
import { planExpiry } from "./removing.js";
import { nextOfKey, previousOfKey } from "./work-index.js";

/** So much is looked ahead for claims, besides a message. */
const LOOK_AHEAD_BYTES = 16 * 1024 * 1024;

/** What is known of a log since its database was opened last: another one after each time it is opened again. */
export interface Current {
  state: LogState;
  generation: number;
}

export interface LevelGroupsParts {
  readonly engine: Engine;
  readonly keys: ChannelKeys;
  readonly reader: MessageReader;
  readonly addressed: boolean;
  readonly current: Current;
  /** What time it is for the log. */
  readonly now: () => number;
  /** Tells whoever waits that there may be something. */
  readonly announce: () => void;
}

/** The groups of one log in the database: where they find messages, and how what they decide is stored. */
export class LevelGroups {
  readonly work: WorkGroups;
  readonly #parts: LevelGroupsParts;
  #maxDeliveries = Infinity;

  constructor(parts: LevelGroupsParts) {
    this.#parts = parts;
    this.work = new WorkGroups(this.#log());
  }

  /** The state is another one now. */
  reload(): void {
    for (const ledger of this.#parts.current.state.ledgers.values())
      ledger.setMaxDeliveries(this.#maxDeliveries, this.#parts.current.state.step());
    this.work.reload();
  }

  /** From now on, also for what came back before. */
  setMaxDeliveries(maxDeliveries: number): Promise<void> {
    this.#maxDeliveries = maxDeliveries;
    return this.work.setMaxDeliveries(maxDeliveries);
  }

  /** Settles what nobody needs to be handed any more; mostly there is nothing, and nothing to wait for. */
  expire(): Promise<void> | undefined {
    const { current, keys, engine, now } = this.#parts;
    const commit = planExpiry(current.state, keys, now());
    return commit && engine.commit(current.generation, commit, undefined);
  }

  async delete(group: string): Promise<boolean> {
    const { engine, current, keys, announce } = this.#parts;
    const database = await engine.writable();
    const { generation } = current;
    if (!this.work.delete(group)) return false;
    const deletes = await database.keys(rangeOf(keys.group(group))).all();
    await engine.commit(generation, { puts: [], deletes }, undefined);
    announce();
    return true;
  }

  #log(): GroupLog {
    const { engine, keys, reader, addressed, current, announce } = this.#parts;
    return {
      step: () => current.state.step(),
      get ledgers() {
        return current.state.ledgers;
      },
      newLedger: () => {
        const { state } = current;
        return new ClaimLedger(state.step(), { settled: state.settledForAll }, { maxDeliveries: this.#maxDeliveries });
      },
      sourceOf: (group, ledger) => this.#source(group, ledger),
      get extent() {
        const { first, stored: last, delayed } = current.state;
        return { first, last, delayed };
      },
      writable: () => (engine.isWritable ? undefined : engine.writable()),
      expire: () => this.expire(),
      isRetired: (sequence) => current.state.isRetired(sequence),
      find: async (ids) => {
        const { sequences, messages } = await lookUpIds(await engine.database(), current.state, keys, reader, ids);
        const found = ids.map((id) => messages.get(sequences.get(id) ?? 0)?.message);
        return new Map(found.flatMap((message) => (message ? [[message.id, message] as const] : [])));
      },
      load: async (sequences) => reader.load(await engine.database(), current.state, sequences),
      laneOf: (message) => laneOf(message, addressed),
      persist: (group, ledger) => this.#persist(group, ledger),
      announce,
    };
  }

  #source(group: string, ledger: ClaimLedger): LaneSource {
    const { engine, keys, reader, addressed, current, now } = this.#parts;
    // A ledger belongs to the state that it was loaded with.
    const { state } = current;
    return {
      last: () => state.stored,
      priorities: () => state.work.priorities,
      readLane: async (lane, after, limit) => {
        const { from } = state.work;
        const last = state.stored;
        if (after + 1 >= from) return readLaneIndex(await engine.database(), keys, lane, after, last, limit);
        const isCommon = lane.priority === DEFAULT_PRIORITY;
        if (!isCommon) return { messages: [], position: Math.min(last, from - 1) };
        return beforeIndex(await this.#readUnindexed(state, lane.recipient, after, limit), from - 1);
      },
      load: async (sequences) => reader.load(await engine.database(), state, sequences),
      laneOf: (message: ChannelMessage) => laneOf(message, addressed),
      nextOfKey: async (key, after) => nextOfKey(await engine.database(), keys, key, after),
      previousOfKey: async (key, before) => previousOfKey(await engine.database(), keys, key, before),
      isOutOfOrder: (sequence) => state.isRetired(sequence),
      nextExpiryInMs: () => Math.max(0, state.expiring.nextAt - now()),
      persist: () => this.#persist(group, ledger),
    };
  }

  /** Of a log, or the part of one, in which all have the same priority and none a key. */
  async #readUnindexed(state: LogState, recipient: string, after: number, limit: number): Promise<Stretch> {
    const { engine, reader, addressed } = this.#parts;
    const database = await engine.database();
    const recent = addressed ? undefined : state.recent.behind(after, limit);
    if (recent) return stretchOf(recent, recent.at(-1)?.message.sequence ?? Math.max(after, state.stored));
    const { stored, position } = addressed
      ? await reader.scanRecipients(database, state, [recipient], after, limit, LOOK_AHEAD_BYTES)
      : await reader.scan(database, state, after, limit, LOOK_AHEAD_BYTES);
    return stretchOf(stored, position);
  }

  /** Also waits for changes that another call has already taken along. */
  #persist(group: string, ledger: ClaimLedger): Promise<void> {
    const { engine, keys } = this.#parts;
    const puts: [string, string][] = [];
    const deletes: string[] = [];
    ledgerWrites(keys, group, ledger, puts, deletes);
    return engine.commit(this.#generationOf(ledger), { puts, deletes }, undefined);
  }

  /** A ledger from before a re-open has nothing to say any more. */
  #generationOf(ledger: ClaimLedger): number {
    const { current } = this.#parts;
    return [...current.state.ledgers.values()].includes(ledger) ? current.generation : -1;
  }
}

interface Stretch {
  readonly messages: readonly WaitingMessage[];
  readonly position: number;
}

function stretchOf(found: readonly { readonly message: ChannelMessage; readonly bytes: number }[], position: number): Stretch {
  return {
    messages: found.map((sized) => ({ sequence: sized.message.sequence, availableAt: sized.message.availableAt, found: sized })),
    position,
  };
}

/** What lies behind the last unindexed message is found by the index. */
function beforeIndex({ messages, position }: Stretch, last: number): Stretch {
  if (position <= last) return { messages, position };
  return { messages: messages.filter(({ sequence }) => sequence <= last), position: last };
}
