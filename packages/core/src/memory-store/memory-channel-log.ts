import { SteadyClock, type Cancel, type Clock } from "../clock.js";
import { SSSNError } from "../errors.js";
import { ClaimDispatcher, COMMON_LANE } from "../log-state/claim-dispatcher.js";
import { ClaimLedger } from "../log-state/claim-ledger.js";
import { checkPosition, checkSameMessage, toDeadMessage, toMessage } from "../log-state/checks.js";
import { LogClock } from "../log-state/log-clock.js";
import { cursorStats, groupStats, type LogView } from "../log-state/log-stats.js";
import { randomToken, sequenceToken } from "../log-state/random.js";
import type { ChannelMessage, MessageDraft, WriteReceipt } from "../message.js";
import type {
  ChannelLog,
  ClaimPage,
  ClaimRequest,
  CursorKey,
  CursorState,
  DeadMessage,
  DeadRequest,
  GroupStats,
  LogBounds,
  LogPage,
  LogStats,
  ReadRequest,
  RetentionPolicy,
  SettleResult,
  Settlement,
} from "../ports/message-store.js";
import { MemoryMessages } from "./memory-messages.js";

interface Group {
  readonly ledger: ClaimLedger;
  readonly dispatcher: ClaimDispatcher;
}

/** One channel in memory. */
export class MemoryChannelLog implements ChannelLog {
  readonly channelId: string;
  /** Whether it keeps an index per recipient. */
  readonly addressed: boolean;
  readonly identity = randomToken();
  readonly #clock: LogClock;
  readonly #steady: SteadyClock;
  readonly #messages: MemoryMessages;
  readonly #cursors = new Map<string, CursorState>();
  readonly #groups = new Map<string, Group>();
  readonly #listeners = new Set<() => void>();
  #maxDeliveries = Infinity;
  #closed: SSSNError | undefined;

  constructor(channelId: string, clock: Clock, logClock: Clock, addressed: boolean) {
    this.channelId = channelId;
    this.#clock = new LogClock(logClock);
    this.#steady = new SteadyClock(clock);
    this.addressed = addressed;
    this.#messages = new MemoryMessages(addressed);
  }

  async append(drafts: readonly MessageDraft[]): Promise<readonly WriteReceipt[]> {
    this.#assertOpen();
    this.#messages.forgetOldIds(this.#clock.now());
    const inBatch = new Map<string, ChannelMessage>();
    const fresh: ChannelMessage[] = [];
    const now = this.#clock.moment(this.#steady.now());
    const receipts = drafts.map((draft): WriteReceipt => {
      const known = draft.id === undefined ? undefined : (this.#messages.sequenceOf(draft.id) ?? inBatch.get(draft.id)?.sequence);
      if (draft.id !== undefined && known !== undefined) {
        const stored = this.#messages.get(known) ?? inBatch.get(draft.id);
        if (stored) checkSameMessage(this.channelId, draft, stored);
        return { id: draft.id, sequence: known, duplicate: true, ...(stored ? { timestamp: stored.timestamp } : {}) };
      }
      const sequence = this.#messages.last + fresh.length + 1;
      const message = toMessage(draft, draft.id ?? sequenceToken(sequence), sequence, now);
      fresh.push(message);
      inBatch.set(message.id, message);
      return { id: message.id, sequence, duplicate: false, timestamp: message.timestamp };
    });
    for (const message of fresh) this.#messages.add(message);
    if (fresh.length > 0) this.#changed();
    return Promise.resolve(receipts);
  }

  async read({ after, limit, audience, maxBytes = Infinity }: ReadRequest): Promise<LogPage> {
    this.#assertOpen();
    checkPosition(this.channelId, after, this.#messages.last);
    const first = this.#messages.first;
    const skipped = Math.max(0, first - 1 - after);
    const { messages, position } =
      audience === undefined
        ? this.#messages.scan(after, limit, maxBytes)
        : this.#messages.scanLanes([COMMON_LANE, this.#checkedLane(audience)], after, limit, maxBytes);
    return Promise.resolve({ messages, position, skipped });
  }

  async get(id: string): Promise<ChannelMessage | undefined> {
    this.#assertOpen();
    return Promise.resolve(this.#messages.get(this.#messages.sequenceOf(id) ?? 0));
  }

  async bounds(): Promise<LogBounds> {
    this.#assertOpen();
    return Promise.resolve({ first: this.#messages.first, last: this.#messages.last });
  }

  now(): number {
    return this.#clock.now();
  }

  setMaxDeliveries(maxDeliveries: number): void {
    this.#maxDeliveries = maxDeliveries;
    for (const { ledger } of this.#groups.values()) {
      ledger.setMaxDeliveries(maxDeliveries);
      ledger.takeChanges();
    }
  }

  async cursor(key: CursorKey): Promise<number | undefined> {
    this.#assertOpen();
    return Promise.resolve(this.#cursors.get(cursorId(key))?.sequence);
  }

  async moveCursor(key: CursorKey, sequence: number, { rewind = false }: { rewind?: boolean } = {}): Promise<number> {
    this.#assertOpen();
    checkPosition(this.channelId, sequence, this.#messages.last);
    const current = this.#cursors.get(cursorId(key))?.sequence ?? 0;
    const moved = rewind ? sequence : Math.max(current, sequence);
    this.#cursors.set(cursorId(key), { owner: key.owner, name: key.name, sequence: moved });
    return Promise.resolve(moved);
  }

  async claim(request: ClaimRequest): Promise<ClaimPage> {
    this.#assertOpen();
    if (request.audience !== undefined) this.#checkedLane(request.audience);
    this.#expire();
    return this.#group(request.group).dispatcher.claim(request);
  }

  /** Settles what nobody needs to be handed any more. */
  #expire(): void {
    for (const { sequence } of this.#messages.expiring.takeDue(this.#clock.now())) {
      this.#messages.expired.add(sequence);
      for (const { ledger } of this.#groups.values()) ledger.expire(sequence);
    }
    for (const { ledger } of this.#groups.values()) ledger.takeChanges();
  }

  async settle(group: string, readerId: string, settlements: readonly Settlement[]): Promise<readonly SettleResult[]> {
    this.#assertOpen();
    const ledger = this.#groups.get(group)?.ledger;
    if (!ledger) return Promise.resolve(settlements.map(({ receipt }) => ({ receipt, status: "unknown" })));
    ledger.refresh();
    const results = settlements.map((settlement) => ledger.settle(readerId, settlement));
    ledger.takeChanges();
    if (settlements.some(({ action }) => action === "release")) this.#changed();
    return Promise.resolve(results);
  }

  async dead(group: string, request: DeadRequest): Promise<readonly DeadMessage[]> {
    this.#assertOpen();
    const records = this.#groups.get(group)?.ledger.deadRecords(request).slice(0, request.limit) ?? [];
    return Promise.resolve(records.map((record) => toDeadMessage(record, this.#messages.get(record.sequence) as ChannelMessage)));
  }

  async forwarded(group: string, ids: readonly string[]): Promise<void> {
    this.#assertOpen();
    const ledger = this.#groups.get(group)?.ledger;
    for (const id of ids) ledger?.forwarded(this.#messages.sequenceOf(id) ?? 0);
    ledger?.takeChanges();
    return Promise.resolve();
  }

  async requeue(group: string, ids?: readonly string[]): Promise<number> {
    this.#assertOpen();
    const ledger = this.#groups.get(group)?.ledger;
    if (!ledger) return Promise.resolve(0);
    const sequences = ids ? ids.map((id) => this.#messages.sequenceOf(id) ?? 0) : ledger.deadRecords().map(({ sequence }) => sequence);
    this.#expire();
    const revived = sequences.filter((sequence) => !this.#messages.expired.has(sequence) && ledger.revive(sequence)).length;
    ledger.takeChanges();
    if (revived > 0) this.#changed();
    return Promise.resolve(revived);
  }

  async evict(policy: RetentionPolicy): Promise<number> {
    this.#assertOpen();
    this.#expire();
    const oldest = this.#clock.now() - (policy.maxAgeMs ?? Infinity);
    if (policy.maxDeadAgeMs !== undefined) this.#forgetDead(this.#steady.now() - policy.maxDeadAgeMs);
    const dead = this.#deadSequences();
    const deadBytes = [...dead].reduce((sum, sequence) => sum + this.#messages.bytesOf(sequence), 0);
    let removed = 0;
    for (const [sequence, message] of this.#messages.entries()) {
      const tooMany = this.#messages.count - dead.size > (policy.maxCount ?? Infinity);
      const tooLarge = this.#messages.bytes - deadBytes > (policy.maxBytes ?? Infinity);
      if (!tooMany && !tooLarge && message.timestamp >= oldest) break;
      if (dead.has(sequence) || (policy.keepUnsettled && !this.#isSettledEverywhere(sequence))) continue;
      this.#drop(sequence);
      removed++;
    }
    return Promise.resolve(removed);
  }

  #forgetDead(before: number): void {
    for (const { ledger } of this.#groups.values()) {
      ledger.forgetDead(before);
      ledger.takeChanges();
    }
  }

  /** Only a person, or the policy for dead letters, decides about these: they stand beside the other bounds. */
  #deadSequences(): ReadonlySet<number> {
    return new Set([...this.#groups.values()].flatMap(({ ledger }) => ledger.deadSequences));
  }

  async remove(ids: readonly string[]): Promise<number> {
    this.#assertOpen();
    const sequences = new Set(
      ids.map((id) => this.#messages.sequenceOf(id) ?? 0).filter((sequence) => this.#messages.get(sequence) !== undefined),
    );
    for (const sequence of sequences) this.#drop(sequence);
    return Promise.resolve(sequences.size);
  }

  #drop(sequence: number): void {
    this.#messages.drop(sequence);
    for (const { ledger } of this.#groups.values()) {
      ledger.remove(sequence);
      ledger.takeChanges();
    }
  }

  #view(): LogView {
    this.#expire();
    return {
      first: this.#messages.first,
      last: this.#messages.last,
      removed: this.#messages.removed,
      now: this.#clock.now(),
      delayed: this.#messages.delayed,
      messageAt: (sequence: number) => Promise.resolve(this.#messages.get(this.#messages.removed.nextAbsent(sequence))),
    };
  }

  async untouched(): Promise<Omit<GroupStats, "group">> {
    this.#assertOpen();
    this.#expire();
    const { group: _group, ...counts } = await groupStats(
      "",
      new ClaimLedger(() => this.#steady.now(), { settled: this.#messages.settledForAll }),
      this.#view(),
    );
    return counts;
  }

  async stats(): Promise<LogStats> {
    this.#assertOpen();
    const view = this.#view();
    return {
      count: this.#messages.count,
      bytes: this.#messages.bytes,
      first: view.first,
      last: view.last,
      expired: this.#messages.expired.countWithin(view.first, view.last),
      groups: await Promise.all([...this.#groups].map(([name, { ledger }]) => groupStats(name, ledger, view))),
      cursors: await Promise.all([...this.#cursors.values()].map((cursor) => cursorStats(cursor, view))),
    };
  }

  hasGroup(group: string): boolean {
    return this.#groups.has(group);
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  async deleteGroup(group: string): Promise<boolean> {
    this.#assertOpen();
    const existed = this.#groups.delete(group);
    if (existed) this.#changed();
    return Promise.resolve(existed);
  }

  async deleteCursor(key: CursorKey): Promise<boolean> {
    this.#assertOpen();
    return Promise.resolve(this.#cursors.delete(cursorId(key)));
  }

  onChange(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** @param error what every call is answered with from now on. */
  close(error: SSSNError): void {
    this.#closed = error;
    this.#changed();
    this.#listeners.clear();
  }

  #group(name: string): Group {
    let group = this.#groups.get(name);
    if (group) return group;
    const ledger = new ClaimLedger(
      () => this.#steady.now(),
      { settled: this.#messages.settledForAll },
      { maxDeliveries: this.#maxDeliveries },
    );
    const dispatcher = new ClaimDispatcher(ledger, {
      last: () => this.#messages.last,
      readLane: (lane, after, limit) => {
        const { messages, position } = this.addressed ? this.#messages.scanLanes([lane], after, limit) : this.#messages.scan(after, limit);
        return Promise.resolve({
          messages: messages.map((message) => ({ message, bytes: this.#messages.bytesOf(message.sequence) })),
          position,
        });
      },
      load: (sequences) => {
        const found = sequences.flatMap((sequence) => this.#messages.sized(sequence) ?? []);
        return Promise.resolve(new Map(found.map((sized) => [sized.message.sequence, sized])));
      },
      persist: () => {
        ledger.takeChanges();
        return Promise.resolve();
      },
    });
    this.#groups.set(name, (group = { ledger, dispatcher }));
    return group;
  }

  #isSettledEverywhere(sequence: number): boolean {
    if (this.#groups.size === 0) return this.#messages.expired.has(sequence);
    return [...this.#groups.values()].every(({ ledger }) => ledger.isSettled(sequence));
  }

  #checkedLane(audience: string): string {
    if (this.addressed) return audience;
    throw new SSSNError("invalid_argument", `Channel ${this.channelId} was not opened as addressed: it can't be read for one audience.`);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #assertOpen(): void {
    if (this.#closed) throw this.#closed;
  }
}

function cursorId({ owner, name }: CursorKey): string {
  return `${owner}/${name}`;
}
