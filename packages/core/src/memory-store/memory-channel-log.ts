import type { Cancel, Clock, SteadyClock } from "../clock.js";
import { SSSNError } from "../errors.js";
import { ClaimLedger } from "../log-state/ledger/claim-ledger.js";
import type { StoredLedger } from "../log-state/ledger/claim-record.js";
import { checkLast, checkPosition, checkSameMessage, toMessage } from "../log-state/checks.js";
import type { LogWithWork } from "../log-state/guard-log.js";
import { IntervalSet } from "../log-state/interval-set.js";
import { LogClock } from "../log-state/log-clock.js";
import { MOST_CURSOR_STATS, cursorStats, groupCounts, groupStats, type LogView } from "../log-state/log-stats.js";
import { randomToken, sequenceToken } from "../log-state/random.js";
import { FreshStep, type Step } from "../log-state/ledger/step.js";
import { WorkGroups } from "../log-state/work/work-groups.js";
import { COMMON_LANE } from "../log-state/work-lane.js";
import type { ChannelMessage, MessageDraft, WriteReceipt } from "../message.js";
import type {
  AppendOptions,
  ClaimPage,
  ClaimRequest,
  CursorInfo,
  CursorKey,
  CursorsRequest,
  EvictOptions,
  GroupStats,
  LogBounds,
  LogCounts,
  LogPage,
  LogPredecessor,
  LogStats,
  ReadRequest,
  RetentionPolicy,
} from "../ports/message-store.js";
import type { MemoryCursors } from "./memory-cursors.js";
import { memoryGroupLog } from "./memory-group-log.js";
import type { MemoryLogContent } from "./memory-log-content.js";
import type { MemoryMessages } from "./memory-messages.js";

/** One channel in memory. */
export class MemoryChannelLog implements LogWithWork {
  readonly channelId: string;
  /** Whether it keeps an index per recipient. */
  readonly addressed: boolean;
  identity: string;
  predecessors: readonly LogPredecessor[];
  readonly #clock: LogClock;
  readonly #steady: SteadyClock;
  #messages: MemoryMessages;
  readonly #cursors: MemoryCursors;
  #ledgers: Map<string, ClaimLedger>;
  #groups: WorkGroups;
  readonly #listeners = new Set<() => void>();
  #maxDeliveries = Infinity;
  #refusal: SSSNError | undefined;

  constructor(channelId: string, steady: SteadyClock, logClock: Clock, content: MemoryLogContent) {
    this.channelId = channelId;
    this.#clock = new LogClock(logClock, content.newestTimestamp);
    this.#steady = steady;
    this.identity = content.identity;
    this.predecessors = content.predecessors;
    this.addressed = content.messages.addressed;
    this.#messages = content.messages;
    this.#cursors = content.cursors;
    this.#ledgers = content.ledgers;
    this.#groups = this.#groupsOf();
  }

  /** Everything that it keeps, as it is. */
  get content(): MemoryLogContent {
    const { identity, predecessors } = this;
    const [messages, cursors, ledgers] = [this.#messages, this.#cursors, this.#ledgers];
    return { identity, predecessors, newestTimestamp: this.#clock.newest, messages, cursors, ledgers };
  }

  #groupsOf(): WorkGroups {
    return new WorkGroups(
      memoryGroupLog({
        messages: this.#messages,
        ledgers: this.#ledgers,
        step: () => this.#step(),
        newLedger: () => this.#newLedger(this.#maxDeliveries),
        nextExpiryInMs: () => Math.max(0, this.#messages.expiring.nextAt - this.#clock.now()),
        expire: () => this.#expire(),
        announce: () => this.#changed(),
      }),
    );
  }

  /** Loses everything behind a sequence, and with it what was done with it. What was claimed is nobody's. */
  rewind(last: number): void {
    this.predecessors = [...this.predecessors, { identity: this.identity, last: Math.min(last, this.#messages.last) }];
    this.identity = randomToken();
    this.#messages = this.#messages.upTo(last);
    const policy = { maxDeliveries: this.#maxDeliveries };
    this.#ledgers = new Map(
      [...this.#ledgers].map(([group, ledger]) => [group, new ClaimLedger(this.#step(), doneUpTo(ledger, last), policy)]),
    );
    this.#groups = this.#groupsOf();
    this.#cursors.rewind(last);
    this.#changed();
  }

  async append(drafts: readonly MessageDraft[], { ifLast }: AppendOptions = {}): Promise<readonly WriteReceipt[]> {
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
    if (fresh.length > 0) checkLast(this.channelId, this.#messages.last, ifLast);
    for (const message of fresh) this.#add(message);
    if (fresh.length > 0) this.#changed();
    return Promise.resolve(receipts);
  }

  #add(message: ChannelMessage): void {
    const replaced = this.#messages.add(message);
    if (replaced === undefined || this.#messages.isRetired(replaced)) return;
    const { key } = this.#messages.get(replaced) as ChannelMessage;
    const step = this.#step();
    const outcomes = [...this.#ledgers.values()].map((ledger) => ledger.orders.supersede({ sequence: replaced, key }, step));
    this.#forgetChanges();
    if (outcomes.every((isReplaced) => isReplaced)) this.#messages.retire(replaced, this.#messages.superseded);
  }

  async read({ after, limit, audience, maxBytes = Infinity }: ReadRequest): Promise<LogPage> {
    checkPosition(this.channelId, after, this.#messages.last);
    const first = this.#messages.first;
    const skipped = Math.max(0, first - 1 - after);
    const { messages, position } =
      audience === undefined
        ? this.#messages.scan(after, limit, maxBytes)
        : this.#messages.scanRecipients([COMMON_LANE, this.#checkedLane(audience)], after, limit, maxBytes);
    return Promise.resolve({ messages, position, skipped });
  }

  async readBefore({ before, limit, maxBytes }: { before: number; limit: number; maxBytes?: number }): Promise<LogPage> {
    return Promise.resolve({ ...this.#messages.scanBack(before, limit, maxBytes), skipped: 0 });
  }

  async get(id: string): Promise<ChannelMessage | undefined> {
    return Promise.resolve(this.#messages.get(this.#messages.sequenceOf(id) ?? 0));
  }

  async bounds(): Promise<LogBounds> {
    return Promise.resolve({ first: this.#messages.first, last: this.#messages.last });
  }

  now(): number {
    return this.#clock.now();
  }

  setMaxDeliveries(maxDeliveries: number): Promise<void> {
    this.#maxDeliveries = maxDeliveries;
    return this.#groups.setMaxDeliveries(maxDeliveries);
  }

  async cursor(key: CursorKey): Promise<number | undefined> {
    return Promise.resolve(this.#cursors.get(key)?.sequence);
  }

  async moveCursor(key: CursorKey, sequence: number, { rewind = false }: { rewind?: boolean } = {}): Promise<number> {
    checkPosition(this.channelId, sequence, this.#messages.last);
    const current = this.#cursors.get(key)?.sequence;
    const moved = rewind ? sequence : Math.max(current ?? 0, sequence);
    if (moved !== current) this.#cursors.move(key, moved, this.#clock.now(), this.#messages.removed);
    return Promise.resolve(moved);
  }

  async claim(request: ClaimRequest): Promise<ClaimPage> {
    if (request.audience !== undefined) this.#checkedLane(request.audience);
    return this.#groups.claim(request);
  }

  /** What is done with the work of its groups. */
  get work(): WorkGroups {
    return this.#groups;
  }

  /** Settles what nobody needs to be handed any more. */
  #expire(): undefined {
    const due = this.#messages.expiring.takeDue(this.#clock.now());
    if (due.length === 0) return undefined;
    const step = this.#step();
    for (const { sequence } of due) {
      const key = this.#messages.get(sequence)?.key;
      this.#messages.retire(sequence, this.#messages.expired);
      for (const ledger of this.#ledgers.values()) ledger.orders.expire({ sequence, key }, step);
    }
    this.#forgetChanges();
    return undefined;
  }

  /** There is nothing to write them to. */
  #forgetChanges(): void {
    for (const ledger of this.#ledgers.values()) ledger.takeChanges();
  }

  async evict(policy: RetentionPolicy, { most = Infinity }: EvictOptions = {}): Promise<number> {
    this.#expire();
    const oldest = this.#clock.now() - (policy.maxAgeMs ?? Infinity);
    await this.#groups.forget(policy);
    const dead = this.#deadSequences();
    const deadBytes = [...dead].reduce((sum, sequence) => sum + this.#messages.bytesOf(sequence), 0);
    let removed = 0;
    for (const [sequence, message] of this.#messages.entries()) {
      const tooMany = this.#messages.count - dead.size > (policy.maxCount ?? Infinity);
      const tooLarge = this.#messages.bytes - deadBytes > (policy.maxBytes ?? Infinity);
      if (!tooMany && !tooLarge && message.timestamp >= oldest) break;
      if (dead.has(sequence) || (policy.keepUnsettled && !this.#isSettledEverywhere(sequence))) continue;
      this.#drop(sequence);
      if (++removed === most) break;
    }
    return Promise.resolve(removed);
  }

  /** Only a person, or the policy for dead letters, decides about these: they stand beside the other bounds. */
  #deadSequences(): ReadonlySet<number> {
    return new Set([...this.#ledgers.values()].flatMap((ledger) => ledger.deadSequences(this.#step())));
  }

  async remove(ids: readonly string[]): Promise<number> {
    const sequences = new Set(
      ids.map((id) => this.#messages.sequenceOf(id) ?? 0).filter((sequence) => this.#messages.get(sequence) !== undefined),
    );
    for (const sequence of sequences) this.#drop(sequence);
    return Promise.resolve(sequences.size);
  }

  #drop(sequence: number): void {
    const key = this.#messages.get(sequence)?.key;
    this.#messages.drop(sequence);
    for (const ledger of this.#ledgers.values()) ledger.orders.remove({ sequence, key }, this.#step());
    this.#forgetChanges();
  }

  #step(): Step {
    return new FreshStep(this.#steady.now());
  }

  #newLedger(maxDeliveries = Infinity): ClaimLedger {
    return new ClaimLedger(this.#step(), { settled: this.#messages.settledForAll }, { maxDeliveries });
  }

  #view(): LogView {
    this.#expire();
    return {
      first: this.#messages.first,
      last: this.#messages.last,
      removed: this.#messages.removed,
      now: this.#clock.now(),
      delayed: this.#messages.delayed,
      step: this.#step(),
      messageAt: (sequence: number) => Promise.resolve(this.#messages.get(this.#messages.removed.nextAbsent(sequence))),
    };
  }

  async untouched(): Promise<Omit<GroupStats, "group">> {
    this.#expire();
    const { group: _group, ...counts } = await groupStats("", this.#newLedger(), this.#view());
    return counts;
  }

  async stats(): Promise<LogStats> {
    const [counts, view] = [await this.counts(), this.#view()];
    const cursors = this.#cursors.list({ limit: MOST_CURSOR_STATS }, view);
    return {
      ...counts,
      groups: await Promise.all([...this.#ledgers].map(([name, ledger]) => groupStats(name, ledger, view))),
      cursors: await Promise.all(cursors.map((cursor) => cursorStats(cursor, view))),
    };
  }

  async counts(): Promise<LogCounts> {
    const view = this.#view();
    return Promise.resolve({
      count: this.#messages.count,
      bytes: this.#messages.bytes,
      first: view.first,
      last: view.last,
      expired: this.#messages.expired.countWithin(view.first, view.last),
      groups: [...this.#ledgers].map(([name, ledger]) => groupCounts(name, ledger, view)),
    });
  }

  async cursors(request: CursorsRequest): Promise<readonly CursorInfo[]> {
    return Promise.resolve(this.#cursors.list(request, this.#view()));
  }

  hasGroup(group: string): boolean {
    return this.#groups.has(group);
  }

  get groupCount(): number {
    return this.#groups.count;
  }

  async deleteGroup(group: string): Promise<boolean> {
    const existed = this.#groups.delete(group);
    if (existed) this.#changed();
    return Promise.resolve(existed);
  }

  async deleteCursor(key: CursorKey): Promise<boolean> {
    return Promise.resolve(this.#cursors.delete(key));
  }

  onChange(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What every call is answered with, if it is closed. */
  get refusal(): SSSNError | undefined {
    return this.#refusal;
  }

  /** @param error what every call is answered with from now on. */
  close(error: SSSNError): void {
    this.#refusal = error;
    this.#changed();
    this.#listeners.clear();
  }

  #isSettledEverywhere(sequence: number): boolean {
    if (this.#ledgers.size === 0) return this.#messages.isRetired(sequence);
    return [...this.#ledgers.values()].every((ledger) => ledger.isSettled(sequence));
  }

  #checkedLane(audience: string): string {
    if (this.addressed) return audience;
    throw new SSSNError("invalid_argument", `Channel ${this.channelId} was not opened as addressed: it can't be read for one audience.`);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** What is left of a group when everything behind a sequence is lost: what is settled, and what bounds it. */
function doneUpTo(ledger: ClaimLedger, last: number): StoredLedger {
  const { settled, regime } = ledger.snapshot();
  return { settled: [...new IntervalSet(settled).upTo(last)], regime };
}
