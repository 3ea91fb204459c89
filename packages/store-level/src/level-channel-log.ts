import {
  SSSNError,
  type AppendOptions,
  type Cancel,
  type ChannelMessage,
  type ClaimPage,
  type ClaimRequest,
  type Clock,
  type CursorInfo,
  type CursorKey,
  type CursorsRequest,
  type EvictOptions,
  type GroupStats,
  type LogBounds,
  type LogCounts,
  type LogPage,
  type LogPredecessor,
  type LogStats,
  type MessageDraft,
  type ReadRequest,
  type RetentionPolicy,
  type WriteReceipt,
} from "@sssn/core";
import {
  ClaimLedger,
  LogClock,
  MOST_CURSOR_STATS,
  OneAtATime,
  type WorkGroups,
  checkPosition,
  deletedLog,
  groupStats,
  type LogView,
  type LogWithWork,
} from "@sssn/core/log-state";
import { lookUpIds, planAppend, planNew, type AppendContext } from "./appending.js";
import type { Database } from "./database-folder.js";
import type { OpenedEntry } from "./channel-register.js";
import type { Engine } from "./engine.js";
import { ChannelKeys } from "./keys.js";
import { LevelCursors } from "./level-cursors.js";
import { LevelGroups, type Current } from "./level-groups.js";
import { countsOf, statsOf, viewOf } from "./log-figures.js";
import { LogState } from "./log-state.js";
import { MessageReader, recipientsFor } from "./message-reader.js";
import type { LevelLogContent } from "./portable/taking-out.js";
import { chooseVictims, earlierOfKeys, planForgetting, planRemoval, sparedDead, type RemovalContext } from "./removing.js";

/** One channel in the database. Decides in memory, in one turn of the event loop, and answers when the decision is stored. */
export class LevelChannelLog implements LogWithWork {
  readonly channelId: string;
  readonly #entry: OpenedEntry;
  readonly #engine: Engine;
  readonly #keys: ChannelKeys;
  readonly #clock: LogClock;
  readonly #reader: MessageReader;
  readonly #listeners = new Set<() => void>();
  readonly #current: Current;
  readonly #groups: LevelGroups;
  readonly #cursors: LevelCursors;
  #appending: AppendContext;
  readonly #stopReloading: Cancel;
  /** How many are too many is counted before they are chosen: what another removal took meanwhile would go twice, and others in its place. */
  readonly #removals = new OneAtATime();
  #isDeleted = false;

  static async open(engine: Engine, channelId: string, entry: OpenedEntry, clock: Clock): Promise<LevelChannelLog> {
    const database = await engine.database();
    const { generation } = engine;
    const keys = new ChannelKeys(entry.number);
    const state = await LogState.load(database, keys, channelId, entry.addressed, engine.steady);
    return new LevelChannelLog(engine, channelId, entry, keys, clock, state, generation);
  }

  private constructor(
    engine: Engine,
    channelId: string,
    entry: OpenedEntry,
    keys: ChannelKeys,
    clock: Clock,
    state: LogState,
    generation: number,
  ) {
    this.channelId = channelId;
    this.#engine = engine;
    this.#keys = keys;
    this.#clock = new LogClock(clock, state.newestTimestamp);
    this.#entry = entry;
    [this.identity, this.predecessors] = [entry.identity, entry.predecessors ?? []];
    this.#reader = new MessageReader(channelId, keys);
    this.#current = { state, generation };
    this.#cursors = new LevelCursors(channelId, engine, keys, this.#current, () => this.#clock.now());
    this.#groups = new LevelGroups({
      engine,
      keys,
      reader: this.#reader,
      addressed: entry.addressed,
      current: this.#current,
      now: () => this.#clock.now(),
      announce: () => this.#changed(),
    });
    this.#appending = this.#appendingTo(state);
    this.#stopReloading = engine.onReopen(() => this.#reload());
  }

  /** Where everything is that it keeps. */
  get content(): LevelLogContent {
    const [engine, keys, reader, cursors] = [this.#engine, this.#keys, this.#reader, this.#cursors];
    return { entry: this.#entry, engine, keys, reader, state: this.#current.state, cursors };
  }

  /** The log is being deleted: nothing is accepted any more, and whoever waits is told. */
  end(): void {
    this.#isDeleted = true;
    this.#stopReloading();
    this.#changed();
    this.#listeners.clear();
  }

  /** Whether it may still be used. */
  get isDeleted(): boolean {
    return this.#isDeleted;
  }

  /** After a failed write only the database knows what is there. */
  async #reload(): Promise<void> {
    const { reopened, steady } = this.#engine;
    this.#current.state = await LogState.load(reopened, this.#keys, this.channelId, this.#entry.addressed, steady);
    this.#current.generation = this.#engine.generation;
    this.#appending = this.#appendingTo(this.#current.state);
    this.#groups.reload();
    this.#changed();
  }

  #appendingTo(state: LogState): AppendContext {
    return {
      channelId: this.channelId,
      state,
      keys: this.#keys,
      database: this.#engine.reopened,
      clock: this.#clock,
      addressed: this.#entry.addressed,
      announce: () => this.#changed(),
    };
  }

  append(drafts: readonly MessageDraft[], { ifLast }: AppendOptions = {}): Promise<readonly WriteReceipt[]> {
    if (this.#isDeleted) return Promise.reject(deletedLog(this.channelId));
    if (ifLast !== undefined || drafts.some(({ id }) => id !== undefined))
      return this.#appendCarefully(
        drafts,
        drafts.flatMap(({ id }) => id ?? []),
        ifLast,
      );
    // Without an async function around it: at this place a promise costs as much as the message.
    return this.#engine.isWritable ? this.#appendNew(drafts) : this.#engine.writable().then(() => this.#appendNew(drafts));
  }

  #appendNew(drafts: readonly MessageDraft[]): Promise<readonly WriteReceipt[]> {
    const { receipts, commit } = planNew(this.#appending, drafts);
    return this.#engine.commit(this.#current.generation, commit, receipts);
  }

  async #appendCarefully(
    drafts: readonly MessageDraft[],
    ids: readonly string[],
    ifLast: number | undefined,
  ): Promise<readonly WriteReceipt[]> {
    const database = await this.#engine.writable();
    return this.#reserving(ids, async () => {
      // What is looked up in one generation must not be planned in the next.
      const [appending, generation] = [this.#appending, this.#current.generation];
      const known = await lookUpIds(database, appending.state, this.#keys, this.#reader, ids).catch((thrown: unknown) => {
        throw this.#engine.explain(thrown);
      });
      const { receipts, commit } = planAppend(appending, drafts, known, ifLast);
      return commit ? this.#engine.commit(generation, commit, receipts) : receipts;
    });
  }

  /** Two writes of one id go one after the other; all ids are taken at once, so that nobody waits in a circle. */
  async #reserving<Result>(ids: readonly string[], task: () => Promise<Result>): Promise<Result> {
    const { writing } = this.#current.state;
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

  async read({ after, limit, audience, maxBytes }: ReadRequest): Promise<LogPage> {
    const database = await this.#engine.database();
    const state = this.#current.state;
    checkPosition(this.channelId, after, state.stored);
    const skipped = Math.max(0, state.first - 1 - after);
    if (audience !== undefined) {
      this.#assertAddressed();
      const { stored, position } = await this.#reader.scanRecipients(database, state, recipientsFor(audience), after, limit, maxBytes);
      return { messages: messagesOf(stored), position, skipped };
    }
    const recent = state.recent.behind(after, limit, maxBytes);
    if (recent)
      return { messages: messagesOf(recent), position: recent.at(-1)?.message.sequence ?? Math.max(after, state.stored), skipped };
    const { stored, position } = await this.#reader.scan(database, state, after, limit, maxBytes);
    return { messages: messagesOf(stored), position, skipped };
  }

  async readBefore({ before, limit, maxBytes }: { before: number; limit: number; maxBytes?: number }): Promise<LogPage> {
    const database = await this.#engine.database();
    const { stored, position } = await this.#reader.scanBack(database, this.#current.state, before, limit, maxBytes);
    return { messages: messagesOf(stored), position, skipped: 0 };
  }

  async get(id: string): Promise<ChannelMessage | undefined> {
    const database = await this.#engine.database();
    const { sequences, messages } = await lookUpIds(database, this.#current.state, this.#keys, this.#reader, [id]);
    return messages.get(sequences.get(id) ?? 0)?.message;
  }

  async bounds(): Promise<LogBounds> {
    await this.#engine.database();
    return { first: this.#current.state.first, last: this.#current.state.stored };
  }

  /** Those of the log that was put in. A copy of a folder that is opened in its place can't be told from it: here it is never known to have been set back. */
  readonly predecessors: readonly LogPredecessor[];
  readonly identity: string;

  now(): number {
    return this.#clock.now();
  }

  cursor(key: CursorKey): Promise<number | undefined> {
    return this.#cursors.get(key);
  }

  moveCursor(key: CursorKey, sequence: number, options?: { rewind?: boolean }): Promise<number> {
    return this.#cursors.move(key, sequence, options);
  }

  deleteCursor(key: CursorKey): Promise<boolean> {
    return this.#cursors.delete(key);
  }

  claim(request: ClaimRequest): Promise<ClaimPage> {
    if (request.audience !== undefined) this.#assertAddressed();
    return this.#groups.work.claim(request);
  }

  /** What is done with the work of its groups. */
  get work(): WorkGroups {
    return this.#groups.work;
  }

  hasGroup(group: string): boolean {
    return this.#groups.work.has(group);
  }

  get groupCount(): number {
    return this.#groups.work.count;
  }

  deleteGroup(group: string): Promise<boolean> {
    return this.#groups.delete(group);
  }

  /** From now on, also for what came back before. */
  setMaxDeliveries(maxDeliveries: number): Promise<void> {
    return this.#groups.setMaxDeliveries(maxDeliveries);
  }

  evict(policy: RetentionPolicy, { most = Infinity }: EvictOptions = {}): Promise<number> {
    return this.#removals.run(async () => {
      const database = await this.#engine.writable();
      const now = this.#clock.now();
      await this.#engine.commit(this.#current.generation, await planForgetting(database, this.#keys, now), undefined);
      await this.#groups.expire();
      await this.#groups.work.forget(policy);
      const spared = await sparedDead(database, this.#current.state, this.#reader, policy);
      let removed = 0;
      for (let from = 1; from < Infinity && removed < most;) {
        const [state, generation] = [this.#current.state, this.#current.generation];
        const chosen = await chooseVictims(database, state, this.#reader, policy, now, from, spared);
        const victims = chosen.victims.slice(0, most - removed);
        from = chosen.next;
        if (victims.length === 0) continue;
        const earlier = await earlierOfKeys(database, this.#keys, victims);
        const plan = planRemoval(this.#removingFrom(database, state), victims, earlier);
        await this.#engine.commit(generation, plan.commit, undefined);
        removed += plan.removed;
      }
      return removed;
    });
  }

  remove(ids: readonly string[]): Promise<number> {
    return this.#removals.run(async () => {
      const database = await this.#engine.writable();
      const [state, generation] = [this.#current.state, this.#current.generation];
      const known = await lookUpIds(database, state, this.#keys, this.#reader, ids);
      const victims = [...new Set(known.sequences.values())].flatMap((sequence) => known.messages.get(sequence) ?? []);
      const earlier = await earlierOfKeys(database, this.#keys, victims);
      const plan = planRemoval(this.#removingFrom(database, state), victims, earlier);
      await this.#engine.commit(generation, plan.commit, undefined);
      return plan.removed;
    });
  }

  #removingFrom(database: Database, state: LogState): RemovalContext {
    return { state, keys: this.#keys, database, addressed: this.#entry.addressed, now: this.#clock.now() };
  }

  #view(database: Database, state: LogState): LogView {
    return viewOf(database, state, this.#reader, this.#clock.now());
  }

  async untouched(): Promise<Omit<GroupStats, "group">> {
    const database = await this.#engine.database();
    await this.#groups.expire();
    const state = this.#current.state;
    const view = this.#view(database, state);
    const nobodys = new ClaimLedger(view.step, { settled: state.settledForAll });
    const { group: _group, ...counts } = await groupStats("", nobodys, view);
    return counts;
  }

  async stats(): Promise<LogStats> {
    const database = await this.#engine.database();
    await this.#groups.expire();
    const cursors = await this.#cursors.list({ limit: MOST_CURSOR_STATS });
    const state = this.#current.state;
    return statsOf(state, this.#view(database, state), cursors);
  }

  async counts(): Promise<LogCounts> {
    await this.#engine.database();
    await this.#groups.expire();
    return countsOf(this.#current.state);
  }

  cursors(request: CursorsRequest): Promise<readonly CursorInfo[]> {
    return this.#cursors.list(request);
  }

  onChange(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #assertAddressed(): void {
    if (this.#entry.addressed) return;
    throw new SSSNError("invalid_argument", `Channel ${this.channelId} was not opened as addressed: it can't be read for one audience.`);
  }
}

function messagesOf(stored: readonly { readonly message: ChannelMessage }[]): ChannelMessage[] {
  return stored.map(({ message }) => message);
}
