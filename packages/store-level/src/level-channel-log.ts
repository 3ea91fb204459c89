import {
  SSSNError,
  type Cancel,
  type ChannelLog,
  type ChannelMessage,
  type ClaimPage,
  type ClaimRequest,
  type Clock,
  type CursorKey,
  type CursorState,
  type DeadMessage,
  type LogPage,
  type LogStats,
  type MessageDraft,
  type ReadRequest,
  type RetentionPolicy,
  type SettleResult,
  type Settlement,
  type WriteReceipt,
} from "@sssn/core";
import { ClaimDispatcher, ClaimLedger, checkPosition, cursorStats, groupStats } from "@sssn/core/log-state";
import { lookUpIds, planAppend, planNew, type AppendContext } from "./appending.js";
import type { Database } from "./database-folder.js";
import type { Engine } from "./engine.js";
import { rangeOf, type ChannelKeys } from "./keys.js";
import { ledgerWrites } from "./ledger-writes.js";
import { LogState } from "./log-state.js";
import { MessageReader, lanesOf } from "./message-reader.js";
import { chooseVictims, planForgetting, planRemoval } from "./removing.js";

/** One channel in the database. Decides in memory, in one turn of the event loop, and answers when the decision is stored. */
export class LevelChannelLog implements ChannelLog {
  readonly channelId: string;
  readonly #addressed: boolean;
  readonly #engine: Engine;
  readonly #keys: ChannelKeys;
  readonly #clock: Clock;
  readonly #reader: MessageReader;
  readonly #listeners = new Set<() => void>();
  #state: LogState;
  #appending: AppendContext;
  #generation: number;
  #dispatchers = new Map<string, ClaimDispatcher>();

  static async open(engine: Engine, channelId: string, keys: ChannelKeys, clock: Clock, addressed: boolean): Promise<LevelChannelLog> {
    const database = await engine.database();
    const { generation } = engine;
    return new LevelChannelLog(
      engine,
      channelId,
      keys,
      clock,
      addressed,
      await LogState.load(database, keys, channelId, engine.steady),
      generation,
    );
  }

  private constructor(
    engine: Engine,
    channelId: string,
    keys: ChannelKeys,
    clock: Clock,
    addressed: boolean,
    state: LogState,
    generation: number,
  ) {
    this.channelId = channelId;
    this.#engine = engine;
    this.#keys = keys;
    this.#clock = clock;
    this.#addressed = addressed;
    this.#reader = new MessageReader(channelId, keys);
    this.#state = state;
    this.#appending = this.#appendingTo(state);
    this.#generation = generation;
    engine.onReopen(() => this.#reload());
  }

  /** After a failed write only the database knows what is there. */
  async #reload(): Promise<void> {
    this.#state = await LogState.load(this.#engine.reopened, this.#keys, this.channelId, this.#engine.steady);
    this.#appending = this.#appendingTo(this.#state);
    this.#generation = this.#engine.generation;
    this.#dispatchers = new Map();
    this.#changed();
  }

  #appendingTo(state: LogState): AppendContext {
    return { channelId: this.channelId, state, keys: this.#keys, addressed: this.#addressed, announce: () => this.#changed() };
  }

  append(drafts: readonly MessageDraft[]): Promise<readonly WriteReceipt[]> {
    if (drafts.some(({ id }) => id !== undefined))
      return this.#appendWithIds(
        drafts,
        drafts.flatMap(({ id }) => id ?? []),
      );
    // Without an async function around it: at this place a promise costs as much as the message.
    return this.#engine.isWritable ? this.#appendNew(drafts) : this.#engine.writable().then(() => this.#appendNew(drafts));
  }

  #appendNew(drafts: readonly MessageDraft[]): Promise<readonly WriteReceipt[]> {
    const { receipts, commit } = planNew(this.#appending, drafts);
    return this.#engine.commit(this.#generation, commit, receipts);
  }

  async #appendWithIds(drafts: readonly MessageDraft[], ids: readonly string[]): Promise<readonly WriteReceipt[]> {
    const database = await this.#engine.writable();
    return this.#reserving(ids, async () => {
      // What is looked up in one generation must not be planned in the next.
      const [appending, generation] = [this.#appending, this.#generation];
      const known = await lookUpIds(database, appending.state, this.#keys, this.#reader, ids).catch((thrown: unknown) => {
        throw this.#engine.explain(thrown);
      });
      const { receipts, commit } = planAppend(appending, drafts, known);
      return commit ? this.#engine.commit(generation, commit, receipts) : receipts;
    });
  }

  /** Two writes of one id go one after the other; all ids are taken at once, so that nobody waits in a circle. */
  async #reserving<Result>(ids: readonly string[], task: () => Promise<Result>): Promise<Result> {
    const { writing } = this.#state;
    for (let other = ids.find((id) => writing.has(id)); other !== undefined; other = ids.find((id) => writing.has(id))) {
      await writing.get(other);
    }
    const running = task();
    const ended = running.then(
      () => undefined,
      () => undefined,
    );
    for (const id of ids) writing.set(id, ended);
    try {
      return await running;
    } finally {
      for (const id of ids) writing.delete(id);
    }
  }

  async read({ after, limit, audience }: ReadRequest): Promise<LogPage> {
    const database = await this.#engine.database();
    const state = this.#state;
    checkPosition(this.channelId, after, state.stored);
    const skipped = Math.max(0, state.first - 1 - after);
    if (audience !== undefined) {
      this.#assertAddressed();
      const { stored, position } = await this.#reader.scanLanes(database, state, lanesOf(audience), after, limit);
      return { messages: stored.map(({ message }) => message), position, skipped };
    }
    const messages = state.recent.behind(after, limit);
    if (messages) return { messages, position: messages.at(-1)?.sequence ?? Math.max(after, state.stored), skipped };
    const { stored, position } = await this.#reader.scan(database, state, after, limit);
    return { messages: stored.map(({ message }) => message), position, skipped };
  }

  async get(id: string): Promise<ChannelMessage | undefined> {
    const database = await this.#engine.database();
    const { sequences, messages } = await lookUpIds(database, this.#state, this.#keys, this.#reader, [id]);
    return messages.get(sequences.get(id) ?? 0)?.message;
  }

  async bounds(): Promise<{ first: number; last: number }> {
    await this.#engine.database();
    return { first: this.#state.first, last: this.#state.stored };
  }

  async cursor({ owner, name }: CursorKey): Promise<number | undefined> {
    const database = await this.#engine.database();
    const { cursors } = this.#state;
    const key = this.#keys.cursor(owner, name);
    const held = cursors.get(key);
    if (held !== undefined) return held;
    const value = await database.get(key);
    if (value === undefined) return cursors.get(key);
    if (!cursors.has(key)) cursors.set(key, Number(value));
    return cursors.get(key);
  }

  async moveCursor(key: CursorKey, sequence: number, { rewind = false }: { rewind?: boolean } = {}): Promise<number> {
    await this.#engine.writable();
    await this.cursor(key);
    const [state, generation] = [this.#state, this.#generation];
    checkPosition(this.channelId, sequence, state.stored);
    const entry = this.#keys.cursor(key.owner, key.name);
    const current = state.cursors.get(entry);
    const moved = rewind ? sequence : Math.max(current ?? 0, sequence);
    state.cursors.set(entry, moved);
    const puts: [string, string][] = moved === current ? [] : [[entry, String(moved)]];
    await this.#engine.commit(generation, { puts, deletes: [] }, undefined);
    return moved;
  }

  async claim(request: ClaimRequest): Promise<ClaimPage> {
    if (!this.#engine.isWritable) await this.#engine.writable();
    if (request.audience !== undefined) this.#assertAddressed();
    return this.#dispatcher(request.group).claim(request);
  }

  async settle(group: string, readerId: string, settlements: readonly Settlement[]): Promise<readonly SettleResult[]> {
    if (!this.#engine.isWritable) await this.#engine.writable();
    const ledger = this.#ledger(group);
    ledger.refresh();
    const results = settlements.map((settlement) => ledger.settle(readerId, settlement));
    await this.#persist(group, ledger);
    if (settlements.some(({ action }) => action === "release")) this.#changed();
    return results;
  }

  async dead(group: string, limit: number): Promise<readonly DeadMessage[]> {
    const database = await this.#engine.database();
    const records = this.#ledger(group).deadRecords().slice(0, limit);
    const messages = await this.#reader.load(
      database,
      this.#state,
      records.map(({ sequence }) => sequence),
    );
    return records.flatMap(({ sequence, deliveries, reason }) => {
      const stored = messages.get(sequence);
      return stored ? [{ message: stored.message, deliveries, ...(reason === undefined ? {} : { reason }) }] : [];
    });
  }

  async requeue(group: string, ids?: readonly string[]): Promise<number> {
    const database = await this.#engine.writable();
    const state = this.#state;
    const chosen = ids && (await lookUpIds(database, state, this.#keys, this.#reader, ids)).sequences;
    const ledger = this.#ledger(group);
    const sequences = chosen ? [...chosen.values()] : ledger.deadRecords().map(({ sequence }) => sequence);
    const revived = sequences.filter((sequence) => ledger.revive(sequence)).length;
    await this.#persist(group, ledger);
    if (revived > 0) this.#changed();
    return revived;
  }

  async evict(policy: RetentionPolicy): Promise<number> {
    const database = await this.#engine.writable();
    const now = this.#clock.now();
    await this.#engine.commit(this.#generation, await planForgetting(database, this.#keys, now), undefined);
    let removed = 0;
    for (let from = 1; from < Infinity;) {
      const [state, generation] = [this.#state, this.#generation];
      const { victims, next } = await chooseVictims(database, state, this.#reader, policy, now, from);
      from = next;
      if (victims.length === 0) continue;
      const plan = planRemoval(state, this.#keys, this.#addressed, victims, now);
      await this.#engine.commit(generation, plan.commit, undefined);
      removed += plan.removed;
    }
    return removed;
  }

  async remove(ids: readonly string[]): Promise<number> {
    const database = await this.#engine.writable();
    const [state, generation] = [this.#state, this.#generation];
    const known = await lookUpIds(database, state, this.#keys, this.#reader, ids);
    const victims = [...new Set(known.sequences.values())].flatMap((sequence) => known.messages.get(sequence) ?? []);
    const plan = planRemoval(state, this.#keys, this.#addressed, victims, this.#clock.now());
    await this.#engine.commit(generation, plan.commit, undefined);
    return plan.removed;
  }

  async stats(): Promise<LogStats> {
    const database = await this.#engine.database();
    const state = this.#state;
    const view = {
      first: state.first,
      last: state.stored,
      removed: state.removed,
      now: this.#clock.now(),
      timestampOf: async (sequence: number) => (await this.#reader.scan(database, state, sequence - 1, 1)).stored[0]?.message.timestamp,
    };
    const cursors = await this.#cursors(database);
    return {
      count: state.count,
      bytes: state.bytes,
      first: view.first,
      last: view.last,
      groups: await Promise.all([...state.ledgers].map(([name, ledger]) => groupStats(name, ledger, view))),
      cursors: await Promise.all(cursors.map((cursor) => cursorStats(cursor, view))),
    };
  }

  async #cursors(database: Database): Promise<CursorState[]> {
    const entries = await database.iterator(rangeOf(this.#keys.cursors)).all();
    return entries.map(([key, value]) => {
      const [owner = "", name = ""] = key.slice(this.#keys.cursors.length).split("!");
      return { owner, name, sequence: Number(value) };
    });
  }

  onChange(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #ledger(name: string): ClaimLedger {
    const { ledgers, steady, removed } = this.#state;
    let ledger = ledgers.get(name);
    if (!ledger) ledgers.set(name, (ledger = new ClaimLedger(() => steady.now(), { settled: removed })));
    return ledger;
  }

  #dispatcher(group: string): ClaimDispatcher {
    let dispatcher = this.#dispatchers.get(group);
    if (dispatcher) return dispatcher;
    const [state, ledger] = [this.#state, this.#ledger(group)];
    dispatcher = new ClaimDispatcher(ledger, {
      last: () => state.stored,
      readLane: async (lane, after, limit) => {
        const database = await this.#engine.database();
        const recent = this.#addressed ? undefined : state.recent.behind(after, limit);
        if (recent) return { messages: recent, position: recent.at(-1)?.sequence ?? Math.max(after, state.stored) };
        const stretch = this.#addressed
          ? await this.#reader.scanLanes(database, state, [lane], after, limit)
          : await this.#reader.scan(database, state, after, limit);
        return { messages: stretch.stored.map(({ message }) => message), position: stretch.position };
      },
      load: async (sequences) => {
        const stored = await this.#reader.load(await this.#engine.database(), state, sequences);
        return new Map([...stored].map(([sequence, { message }]) => [sequence, message]));
      },
      persist: () => this.#persist(group, ledger),
    });
    this.#dispatchers.set(group, dispatcher);
    return dispatcher;
  }

  /** Also waits for changes that another call has already taken along. */
  #persist(group: string, ledger: ClaimLedger): Promise<void> {
    const puts: [string, string][] = [];
    const deletes: string[] = [];
    ledgerWrites(this.#keys, group, ledger, puts, deletes);
    return this.#engine.commit(this.#generationOf(ledger), { puts, deletes }, undefined);
  }

  /** A ledger from before a re-open has nothing to say any more. */
  #generationOf(ledger: ClaimLedger): number {
    return [...this.#state.ledgers.values()].includes(ledger) ? this.#generation : -1;
  }

  #assertAddressed(): void {
    if (this.#addressed) return;
    throw new SSSNError("invalid_argument", `Channel ${this.channelId} was not opened as addressed: it can't be read for one audience.`);
  }
}
