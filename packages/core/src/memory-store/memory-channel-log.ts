import { SteadyClock, type Cancel, type Clock } from "../clock.js";
import { SSSNError } from "../errors.js";
import { ClaimDispatcher, COMMON_LANE } from "../log-state/claim-dispatcher.js";
import { ClaimLedger } from "../log-state/claim-ledger.js";
import { checkPosition, checkSameMessage, toMessage } from "../log-state/checks.js";
import { cursorStats, groupStats } from "../log-state/log-stats.js";
import { IntervalSet } from "../log-state/interval-set.js";
import { sequenceToken } from "../log-state/random.js";
import type { ChannelMessage, MessageDraft, WriteReceipt } from "../message.js";
import type {
  ChannelLog,
  ClaimPage,
  ClaimRequest,
  CursorKey,
  CursorState,
  DeadMessage,
  LogPage,
  LogStats,
  ReadRequest,
  RetentionPolicy,
  SettleResult,
  Settlement,
} from "../ports/message-store.js";

/** An id is remembered for at least this long after its write, even when its message is gone. */
const REMEMBER_IDS_MS = 600_000;

interface Group {
  readonly ledger: ClaimLedger;
  readonly dispatcher: ClaimDispatcher;
}

/** One channel in memory. */
export class MemoryChannelLog implements ChannelLog {
  readonly channelId: string;
  /** Whether it keeps an index per recipient. */
  readonly addressed: boolean;
  readonly #clock: Clock;
  readonly #steady: SteadyClock;
  readonly #messages = new Map<number, ChannelMessage>();
  readonly #sizes = new Map<number, number>();
  readonly #ids = new Map<string, number>();
  readonly #lanes = new Map<string, number[]>();
  readonly #removed = new IntervalSet();
  readonly #forgetLater: { readonly id: string; readonly at: number }[] = [];
  readonly #cursors = new Map<string, CursorState>();
  readonly #groups = new Map<string, Group>();
  readonly #listeners = new Set<() => void>();
  #last = 0;
  #bytes = 0;
  #closed = false;

  constructor(channelId: string, clock: Clock, addressed: boolean) {
    this.channelId = channelId;
    this.#clock = clock;
    this.#steady = new SteadyClock(clock);
    this.addressed = addressed;
  }

  async append(drafts: readonly MessageDraft[]): Promise<readonly WriteReceipt[]> {
    this.#assertOpen();
    this.#forgetOldIds();
    const inBatch = new Map<string, ChannelMessage>();
    const fresh: ChannelMessage[] = [];
    const receipts = drafts.map((draft): WriteReceipt => {
      const known = draft.id === undefined ? undefined : (this.#ids.get(draft.id) ?? inBatch.get(draft.id)?.sequence);
      if (draft.id !== undefined && known !== undefined) {
        const stored = this.#messages.get(known) ?? inBatch.get(draft.id);
        if (stored) checkSameMessage(this.channelId, draft, stored);
        return { id: draft.id, sequence: known, duplicate: true };
      }
      const sequence = this.#last + fresh.length + 1;
      const message = toMessage(draft, draft.id ?? sequenceToken(sequence), sequence, this.#steady.now());
      fresh.push(message);
      inBatch.set(message.id, message);
      return { id: message.id, sequence, duplicate: false };
    });
    for (const message of fresh) this.#store(message);
    if (fresh.length > 0) this.#changed();
    return Promise.resolve(receipts);
  }

  #store(message: ChannelMessage): void {
    const size = JSON.stringify(message).length;
    this.#last = message.sequence;
    this.#messages.set(message.sequence, message);
    this.#sizes.set(message.sequence, size);
    this.#ids.set(message.id, message.sequence);
    this.#bytes += size;
    if (!this.addressed) return;
    const lane = message.recipientId ?? COMMON_LANE;
    const sequences = this.#lanes.get(lane);
    if (sequences) sequences.push(message.sequence);
    else this.#lanes.set(lane, [message.sequence]);
  }

  async read({ after, limit, audience }: ReadRequest): Promise<LogPage> {
    this.#assertOpen();
    checkPosition(this.channelId, after, this.#last);
    const first = this.#first();
    const skipped = Math.max(0, first - 1 - after);
    const { messages, position } =
      audience === undefined ? this.#scan(after, limit) : this.#merge([COMMON_LANE, this.#checkedLane(audience)], after, limit);
    return Promise.resolve({ messages, position, skipped });
  }

  #scan(after: number, limit: number): { messages: ChannelMessage[]; position: number } {
    const messages: ChannelMessage[] = [];
    let sequence = this.#removed.nextAbsent(after + 1);
    for (; sequence <= this.#last && messages.length < limit; sequence = this.#removed.nextAbsent(sequence + 1)) {
      messages.push(this.#messages.get(sequence) as ChannelMessage);
    }
    return { messages, position: sequence > this.#last ? this.#last : (messages.at(-1)?.sequence ?? after) };
  }

  #merge(lanes: readonly string[], after: number, limit: number): { messages: ChannelMessage[]; position: number } {
    const found = lanes.flatMap((lane) => sequencesBehind(this.#lanes.get(lane) ?? [], after, limit)).sort((left, right) => left - right);
    const messages = found.slice(0, limit).map((sequence) => this.#messages.get(sequence) as ChannelMessage);
    return { messages, position: messages.length < limit ? this.#last : (messages.at(-1)?.sequence ?? after) };
  }

  async get(id: string): Promise<ChannelMessage | undefined> {
    this.#assertOpen();
    return Promise.resolve(this.#messages.get(this.#ids.get(id) ?? 0));
  }

  async bounds(): Promise<{ first: number; last: number }> {
    this.#assertOpen();
    return Promise.resolve({ first: this.#first(), last: this.#last });
  }

  async cursor(key: CursorKey): Promise<number | undefined> {
    this.#assertOpen();
    return Promise.resolve(this.#cursors.get(cursorId(key))?.sequence);
  }

  async moveCursor(key: CursorKey, sequence: number, { rewind = false }: { rewind?: boolean } = {}): Promise<number> {
    this.#assertOpen();
    checkPosition(this.channelId, sequence, this.#last);
    const current = this.#cursors.get(cursorId(key))?.sequence ?? 0;
    const moved = rewind ? sequence : Math.max(current, sequence);
    this.#cursors.set(cursorId(key), { owner: key.owner, name: key.name, sequence: moved });
    return Promise.resolve(moved);
  }

  async claim(request: ClaimRequest): Promise<ClaimPage> {
    this.#assertOpen();
    if (request.audience !== undefined) this.#checkedLane(request.audience);
    return this.#group(request.group).dispatcher.claim(request);
  }

  async settle(group: string, readerId: string, settlements: readonly Settlement[]): Promise<readonly SettleResult[]> {
    this.#assertOpen();
    const { ledger } = this.#group(group);
    ledger.refresh();
    const results = settlements.map((settlement) => ledger.settle(readerId, settlement));
    ledger.takeChanges();
    if (settlements.some(({ action }) => action === "release")) this.#changed();
    return Promise.resolve(results);
  }

  async dead(group: string, limit: number): Promise<readonly DeadMessage[]> {
    this.#assertOpen();
    const records = this.#group(group).ledger.deadRecords().slice(0, limit);
    return Promise.resolve(
      records.map(({ sequence, deliveries, reason }) => ({
        message: this.#messages.get(sequence) as ChannelMessage,
        deliveries,
        ...(reason === undefined ? {} : { reason }),
      })),
    );
  }

  async requeue(group: string, ids?: readonly string[]): Promise<number> {
    this.#assertOpen();
    const { ledger } = this.#group(group);
    const sequences = ids ? ids.map((id) => this.#ids.get(id) ?? 0) : ledger.deadRecords().map(({ sequence }) => sequence);
    const revived = sequences.filter((sequence) => ledger.revive(sequence)).length;
    ledger.takeChanges();
    if (revived > 0) this.#changed();
    return Promise.resolve(revived);
  }

  async evict(policy: RetentionPolicy): Promise<number> {
    this.#assertOpen();
    const oldest = this.#clock.now() - (policy.maxAgeMs ?? Infinity);
    let removed = 0;
    for (const [sequence, message] of this.#messages) {
      const tooMany = this.#messages.size > (policy.maxCount ?? Infinity);
      const tooLarge = this.#bytes > (policy.maxBytes ?? Infinity);
      if (!tooMany && !tooLarge && message.timestamp >= oldest) break;
      if (policy.keepUnsettled && !this.#isSettledEverywhere(sequence)) continue;
      this.#drop(sequence);
      removed++;
    }
    return Promise.resolve(removed);
  }

  async remove(ids: readonly string[]): Promise<number> {
    this.#assertOpen();
    const sequences = new Set(ids.map((id) => this.#ids.get(id) ?? 0).filter((sequence) => this.#messages.has(sequence)));
    for (const sequence of sequences) this.#drop(sequence);
    return Promise.resolve(sequences.size);
  }

  #drop(sequence: number): void {
    const message = this.#messages.get(sequence) as ChannelMessage;
    this.#messages.delete(sequence);
    this.#bytes -= this.#sizes.get(sequence) ?? 0;
    this.#sizes.delete(sequence);
    this.#removed.add(sequence);
    this.#forgetLater.push({ id: message.id, at: message.timestamp + REMEMBER_IDS_MS });
    const lane = this.#lanes.get(message.recipientId ?? COMMON_LANE);
    if (lane) lane.splice(lane.indexOf(sequence), 1);
    for (const { ledger } of this.#groups.values()) {
      ledger.remove(sequence);
      ledger.takeChanges();
    }
  }

  #forgetOldIds(): void {
    const now = this.#clock.now();
    while (this.#forgetLater[0] && this.#forgetLater[0].at <= now) this.#ids.delete((this.#forgetLater.shift() as { id: string }).id);
  }

  async stats(): Promise<LogStats> {
    this.#assertOpen();
    const view = {
      first: this.#first(),
      last: this.#last,
      removed: this.#removed,
      now: this.#clock.now(),
      timestampOf: (sequence: number) => Promise.resolve(this.#messages.get(this.#removed.nextAbsent(sequence))?.timestamp),
    };
    return {
      count: this.#messages.size,
      bytes: this.#bytes,
      first: view.first,
      last: view.last,
      groups: await Promise.all([...this.#groups].map(([name, { ledger }]) => groupStats(name, ledger, view))),
      cursors: await Promise.all([...this.#cursors.values()].map((cursor) => cursorStats(cursor, view))),
    };
  }

  onChange(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#listeners.clear();
  }

  #group(name: string): Group {
    let group = this.#groups.get(name);
    if (group) return group;
    const ledger = new ClaimLedger(() => this.#steady.now(), { settled: this.#removed });
    const dispatcher = new ClaimDispatcher(ledger, {
      last: () => this.#last,
      readLane: (lane, after, limit) => Promise.resolve(this.addressed ? this.#merge([lane], after, limit) : this.#scan(after, limit)),
      load: (sequences) => Promise.resolve(new Map(sequences.flatMap((sequence) => this.#entry(sequence)))),
      persist: () => {
        ledger.takeChanges();
        return Promise.resolve();
      },
    });
    this.#groups.set(name, (group = { ledger, dispatcher }));
    return group;
  }

  #entry(sequence: number): [number, ChannelMessage][] {
    const message = this.#messages.get(sequence);
    return message ? [[sequence, message]] : [];
  }

  #isSettledEverywhere(sequence: number): boolean {
    return this.#groups.size > 0 && [...this.#groups.values()].every(({ ledger }) => ledger.isSettled(sequence));
  }

  #checkedLane(audience: string): string {
    if (this.addressed) return audience;
    throw new SSSNError("invalid_argument", `Channel ${this.channelId} was not opened as addressed: it can't be read for one audience.`);
  }

  #first(): number {
    return this.#removed.nextAbsent(1);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #assertOpen(): void {
    if (this.#closed) throw new SSSNError("store_closed", `Channel ${this.channelId} can't be used: its memory store is closed.`);
  }
}

function cursorId({ owner, name }: CursorKey): string {
  return `${owner}/${name}`;
}

/** The first `limit` numbers of a sorted list that lie behind a value. */
function sequencesBehind(sorted: readonly number[], after: number, limit: number): number[] {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) <= after) low = middle + 1;
    else high = middle;
  }
  return sorted.slice(low, low + limit);
}
