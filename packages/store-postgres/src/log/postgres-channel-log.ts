import {
  SSSNError,
  type AppendOptions,
  type Cancel,
  type ChannelMessage,
  type ClaimPage,
  type ClaimRequest,
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
  COMMON_LANE,
  FreshStep,
  MOST_CURSOR_STATS,
  checkPosition,
  cursorStats,
  groupCounts,
  groupStats,
  sequenceOfToken,
  type LogView,
  type LogWithWork,
  type WorkGroups,
} from "@sssn/core/log-state";
import { KeyReader } from "../work/key-reader.js";
import { groupsOf, workInTurns } from "../work/postgres-groups.js";
import { Appending } from "./appending.js";
import { ChannelTurns, type TurnsParts } from "./channel-turns.js";
import { MessageTable } from "./message-table.js";
import { PostgresCursors } from "./postgres-cursors.js";
import { Removing } from "./removing.js";
import type { Turn } from "./turn.js";

export interface PostgresLogParts extends Omit<TurnsParts, "onState" | "onChange"> {
  readonly number: string;
  readonly schema: string;
  readonly addressed: boolean;
  /** Tells other hosts that there may be something. */
  readonly notify: () => void;
}

/** A claim that was held when it was looked at. */
export interface HeldClaim {
  readonly sequence: number;
  /** By the server's clock. */
  readonly expiresAt: number;
  /** Up to which row of the journal it was. */
  readonly known: number;
}

/** One channel in the database. Reads take in first what other hosts have done; everything else is done in turns. */
export class PostgresChannelLog implements LogWithWork {
  readonly channelId: string;
  readonly #addressed: boolean;
  readonly #turns: ChannelTurns;
  /** Read with any connection. */
  readonly #table: MessageTable;
  /** Read with the connection of the turn, while there is one. */
  readonly #inTurn: MessageTable;
  readonly #appending: Appending;
  readonly #cursors: PostgresCursors;
  readonly #removing: Removing;
  readonly #groups: WorkGroups;
  readonly #listeners = new Set<() => void>();
  readonly work: LogWithWork["work"];

  constructor(parts: PostgresLogParts) {
    const { channelId, number, schema, addressed, connections, notify } = parts;
    this.channelId = channelId;
    this.#addressed = addressed;
    this.#turns = new ChannelTurns({
      ...parts,
      onState: () => this.#reload(),
      onChange: (isOwn) => {
        this.#changed();
        if (isOwn) notify();
      },
    });
    const outside = connections.query.bind(connections);
    const inTurn = new MessageTable(channelId, number, schema, this.#turns.query);
    this.#inTurn = inTurn;
    const keys = new KeyReader(inTurn, () => this.#turns.state);
    this.#table = new MessageTable(channelId, number, schema, outside);
    this.#cursors = new PostgresCursors(channelId, number, schema, this.#turns, outside);
    this.#removing = new Removing(number, schema, this.#turns.query);
    this.#appending = new Appending(channelId, this.#turns, inTurn, (key) => keys.previous(key, Number.MAX_SAFE_INTEGER));
    this.#groups = groupsOf({ turns: this.#turns, table: inTurn, keys, addressed, announce: () => this.#announce() });
    this.work = workInTurns(this.#groups, this.#turns);
  }

  #reload(): void {
    this.#groups.reload();
    this.#turns.state.ledgers.onDrop((group) => this.#groups.forgetDispatcher(group));
  }

  #announce(): void {
    const turn = this.#turns.turn;
    if (turn) turn.announces = true;
  }

  get identity(): string {
    return this.#turns.channel?.identity ?? "";
  }

  get predecessors(): readonly LogPredecessor[] {
    return JSON.parse(this.#turns.channel?.predecessors ?? "[]") as readonly LogPredecessor[];
  }

  now(): number {
    return this.#turns.now();
  }

  /** Takes in what other hosts have done; whoever listens is told when there was something. */
  async catchUp(): Promise<void> {
    await this.#turns.catchUp();
  }

  /** How far this host knows the journal. */
  get position(): number {
    return this.#turns.state.place.number;
  }

  get isListenedTo(): boolean {
    return this.#listeners.size > 0;
  }

  append(drafts: readonly MessageDraft[], options: AppendOptions = {}): Promise<readonly WriteReceipt[]> {
    return this.#appending.append(drafts, options);
  }

  async read({ after, limit, audience, maxBytes }: ReadRequest): Promise<LogPage> {
    if (audience !== undefined) this.#assertAddressed();
    const { first, stored } = await this.#turns.catchUp();
    checkPosition(this.channelId, after, stored);
    const recipients = audience === undefined ? undefined : [COMMON_LANE, audience];
    const { messages, position } = await this.#table.scan(after, stored, limit, maxBytes, recipients);
    return { messages: messages.map(({ message }) => message), position, skipped: Math.max(0, first - 1 - after) };
  }

  async readBefore({ before, limit, maxBytes }: { before: number; limit: number; maxBytes?: number }): Promise<LogPage> {
    const { messages, position } = await this.#table.scanBack(before, limit, maxBytes);
    return { messages: messages.map(({ message }) => message), position, skipped: 0 };
  }

  async get(id: string): Promise<ChannelMessage | undefined> {
    await this.#turns.catchUp();
    return (await this.#table.find([id])).get(id)?.message;
  }

  async bounds(): Promise<LogBounds> {
    const { first, stored } = await this.#turns.catchUp();
    return { first, last: stored };
  }

  cursor(key: CursorKey): Promise<number | undefined> {
    return this.#cursors.get(key);
  }

  moveCursor(key: CursorKey, sequence: number, { rewind = false }: { rewind?: boolean } = {}): Promise<number> {
    return this.#cursors.move(key, sequence, rewind);
  }

  deleteCursor(key: CursorKey): Promise<boolean> {
    return this.#cursors.delete(key);
  }

  cursors(request: CursorsRequest): Promise<readonly CursorInfo[]> {
    return this.#cursors.list(request);
  }

  async claim(request: ClaimRequest): Promise<ClaimPage> {
    if (request.audience !== undefined) this.#assertAddressed();
    return this.#turns.run(() => this.#groups.claim(request));
  }

  /** Which claims a reader holds, one for one; `undefined` for what it does not. */
  async heldClaims(
    group: string,
    readerId: string,
    claims: readonly { readonly receipt: string }[],
  ): Promise<readonly (HeldClaim | undefined)[]> {
    const { ledgers, place } = await this.#turns.catchUp();
    const ledger = ledgers.get(group);
    return claims.map(({ receipt }) => {
      const entry = ledger?.entry(sequenceOfToken(receipt) ?? 0);
      if (entry?.state !== "leased" || entry.receipt !== receipt || entry.readerId !== readerId) return undefined;
      const { sequence, expiresAt = 0 } = entry;
      return expiresAt > this.#turns.now() ? { sequence, expiresAt, known: place.number } : undefined;
    });
  }

  hasGroup(group: string): boolean {
    return this.#groups.has(group);
  }

  get groupCount(): number {
    return this.#groups.count;
  }

  deleteGroup(group: string): Promise<boolean> {
    return this.#turns.run((turn) => {
      const existed = this.#groups.delete(group);
      if (existed) turn.announces = true;
      return existed;
    });
  }

  /** From now on, also for what came back before. */
  async setMaxDeliveries(maxDeliveries: number): Promise<void> {
    await this.#turns.run(async () => {
      const { state } = this.#turns;
      if (state.maxDeliveries === maxDeliveries) return;
      state.do(["most", maxDeliveries]);
      await this.#groups.setMaxDeliveries(maxDeliveries);
    });
  }

  async evict(policy: RetentionPolicy, { most = Infinity }: EvictOptions = {}): Promise<number> {
    await this.#turns.run(async (turn) => {
      await this.#groups.forget(policy);
      await this.#removing.forgetIds(turn.now);
    });
    let removed = 0;
    for (let from = 1; from < Infinity && removed < most;) {
      const piece = await this.#turns.run((turn) => this.#removing.evict(turn, this.#turns.state, policy, from, most - removed));
      removed += piece.removed;
      from = piece.next;
    }
    return removed;
  }

  async remove(ids: readonly string[]): Promise<number> {
    const found = await this.#table.find(ids);
    const sequences = [...found.values()].map(({ sequence }) => sequence);
    return this.#turns.run((turn) => this.#removing.remove(turn, this.#turns.state, sequences));
  }

  async untouched(): Promise<Omit<GroupStats, "group">> {
    return this.#turns.run(async (turn) => {
      const view = this.#view(turn);
      const { group: _group, ...counts } = await groupStats("", this.#turns.state.newLedger(view.step), view);
      return counts;
    });
  }

  async counts(): Promise<LogCounts> {
    return this.#turns.run((turn) => this.#countsOf(turn));
  }

  async stats(): Promise<LogStats> {
    const cursors = await this.#cursors.list({ limit: MOST_CURSOR_STATS });
    return this.#turns.run(async (turn) => {
      const view = this.#view(turn);
      return {
        ...this.#countsOf(turn),
        groups: await Promise.all([...this.#turns.state.ledgers].map(([name, ledger]) => groupStats(name, ledger, view))),
        cursors: await Promise.all(cursors.map((cursor) => cursorStats(cursor, view))),
      };
    });
  }

  #countsOf(turn: Turn): LogCounts {
    const { state } = this.#turns;
    const view = this.#view(turn);
    return {
      count: state.count,
      bytes: state.bytes,
      first: view.first,
      last: view.last,
      expired: state.expired.countWithin(view.first, view.last),
      groups: [...state.ledgers].map(([name, ledger]) => groupCounts(name, ledger, view)),
    };
  }

  #view({ now }: Turn): LogView {
    const { first, stored: last, removed, delayed } = this.#turns.state;
    const messageAt = async (sequence: number): Promise<ChannelMessage | undefined> =>
      (await this.#inTurn.scan(sequence - 1, last, 1)).messages[0]?.message;
    return { first, last, removed, now, delayed, step: new FreshStep(now), messageAt };
  }

  onChange(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Nothing is accepted any more, and whoever waits is told. */
  async end(reason: unknown): Promise<void> {
    const ended = this.#turns.end(reason);
    this.#changed();
    this.#listeners.clear();
    await ended;
  }

  #assertAddressed(): void {
    if (this.#addressed) return;
    throw new SSSNError("invalid_argument", `Channel ${this.channelId} was not opened as addressed: it can't be read for one audience.`);
  }
}
