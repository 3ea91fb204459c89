import type { AppendOptions, ChannelMessage, MessageDraft, WriteReceipt } from "@sssn/core";
import { checkLast, checkSameMessage, randomToken, sequenceToken, toMessage, type Moment } from "@sssn/core/log-state";
import type { ChannelTurns } from "./channel-turns.js";
import type { TimedMessage } from "./log-event.js";
import { rowOf } from "./message-rows.js";
import type { KnownId, MessageTable } from "./message-table.js";
import type { Turn } from "./turn.js";

/** So many messages are written in one turn, unless one call brings more. */
const MOST_MESSAGES = 10_000;

interface Append {
  readonly drafts: readonly MessageDraft[];
  readonly ifLast: number | undefined;
  readonly resolve: (receipts: readonly WriteReceipt[]) => void;
  readonly reject: (error: unknown) => void;
}

type Appended = { readonly receipts: readonly WriteReceipt[] } | { readonly error: unknown };

/** What has to be looked up for a turn's writes, all at once. */
interface Known {
  readonly ids: ReadonlyMap<string, KnownId>;
  /** The last message of each key. */
  readonly keys: Map<string, number>;
  readonly names: Map<string, { readonly sequence: number; readonly key?: string }>;
}

/** What is written in one turn. */
interface Written {
  readonly turn: Turn;
  readonly now: Moment;
  readonly known: Known;
  /** Messages of this turn, under ids that were given. */
  readonly fresh: Map<string, ChannelMessage>;
  readonly delayed: TimedMessage[];
  readonly expiring: TimedMessage[];
  readonly priorities: Set<number>;
  count: number;
  bytes: number;
}

/** Writes messages: what waits at this host goes with one look at the database, and one write. */
export class Appending {
  readonly #channelId: string;
  readonly #turns: ChannelTurns;
  readonly #table: MessageTable;
  /** The last message of a key that no group has done with. */
  readonly #lastOfKey: (key: string) => Promise<number | undefined>;
  readonly #pending: Append[] = [];

  constructor(channelId: string, turns: ChannelTurns, table: MessageTable, lastOfKey: (key: string) => Promise<number | undefined>) {
    this.#channelId = channelId;
    this.#turns = turns;
    this.#table = table;
    this.#lastOfKey = lastOfKey;
  }

  append(drafts: readonly MessageDraft[], { ifLast }: AppendOptions): Promise<readonly WriteReceipt[]> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ drafts, ifLast, resolve, reject });
      void this.#flush();
    });
  }

  /** Whoever comes to its turn first takes all that wait along; the others find that theirs is done. */
  async #flush(): Promise<void> {
    let taken: readonly Append[] | undefined;
    try {
      const outcomes = await this.#turns.run((turn) => {
        taken ??= this.#takePending();
        return taken.length === 0 ? [] : this.#write(turn, taken);
      });
      taken?.forEach(({ resolve, reject }, index) => {
        const outcome = outcomes[index];
        if (outcome && "receipts" in outcome) resolve(outcome.receipts);
        else reject(outcome?.error);
      });
    } catch (error) {
      for (const { reject } of taken ?? this.#takePending()) reject(error);
    }
  }

  #takePending(): readonly Append[] {
    let [taken, messages] = [0, 0];
    while (taken < this.#pending.length && (taken === 0 || messages + (this.#pending[taken]?.drafts.length ?? 0) <= MOST_MESSAGES))
      messages += this.#pending[taken++]?.drafts.length ?? 0;
    return this.#pending.splice(0, taken);
  }

  async #write(turn: Turn, appends: readonly Append[]): Promise<readonly Appended[]> {
    const known = await this.#lookUp(
      turn,
      appends.flatMap(({ drafts }) => drafts),
    );
    const { state } = this.#turns;
    let { newest } = state;
    const now: Moment = { steady: turn.now, log: turn.now, stamp: (given = turn.now) => (newest = Math.max(newest, given)) };
    const written: Written = { turn, now, known, fresh: new Map(), delayed: [], expiring: [], priorities: new Set(), count: 0, bytes: 0 };
    const appended = appends.map((append) => this.#decide(written, append));
    const { count, bytes, delayed, expiring, priorities } = written;
    if (count > 0) {
      state.do([
        "append",
        {
          count,
          bytes,
          newest,
          ...(delayed.length > 0 ? { delayed } : {}),
          ...(expiring.length > 0 ? { expiring } : {}),
          ...(priorities.size > 0 ? { priorities: [...priorities] } : {}),
        },
      ]);
      turn.announces = true;
    }
    return appended;
  }

  async #lookUp(turn: Turn, drafts: readonly MessageDraft[]): Promise<Known> {
    const ids = drafts.flatMap(({ id }) => id ?? []);
    const found = new Map([...(await this.#table.findRemoved(ids, turn.now)), ...(await this.#table.find(ids))]);
    const keys = new Map<string, number>();
    for (const key of new Set(drafts.flatMap(({ key }) => key ?? []))) {
      const last = await this.#lastOfKey(key);
      if (last !== undefined) keys.set(key, last);
    }
    const names = await this.#table.lastOfNames([...new Set(drafts.flatMap(({ supersede }) => supersede ?? []))]);
    return { ids: found, keys, names: new Map(names) };
  }

  #decide(written: Written, { drafts, ifLast }: Append): Appended {
    const { last } = this.#turns.state;
    const random = randomToken();
    const fresh: { readonly message: ChannelMessage; readonly given: boolean }[] = [];
    const inBatch = new Map<string, ChannelMessage>();
    const next = last + written.count + 1;
    try {
      const receipts = drafts.map((draft): WriteReceipt => {
        const repeated = draft.id === undefined ? undefined : this.#repeated(written, inBatch, draft, draft.id);
        if (repeated) return repeated;
        const sequence = next + fresh.length;
        const message = toMessage(draft, draft.id ?? sequenceToken(sequence, random), sequence, written.now);
        fresh.push({ message, given: draft.id !== undefined });
        if (draft.id !== undefined) inBatch.set(draft.id, message);
        return { id: message.id, sequence, duplicate: false, timestamp: message.timestamp };
      });
      if (fresh.length > 0) checkLast(this.#channelId, next - 1, ifLast);
      for (const { message, given } of fresh) this.#add(written, message, given);
      return { receipts };
    } catch (error) {
      return { error };
    }
  }

  #repeated(
    { known, fresh }: Written,
    inBatch: ReadonlyMap<string, ChannelMessage>,
    draft: MessageDraft,
    id: string,
  ): WriteReceipt | undefined {
    const earlier = inBatch.get(id) ?? fresh.get(id);
    const found: KnownId | undefined = earlier ? { sequence: earlier.sequence, message: earlier } : known.ids.get(id);
    if (!found) return undefined;
    const { sequence, message } = found;
    if (message) checkSameMessage(this.#channelId, draft, message);
    return { id, sequence, duplicate: true, ...(message ? { timestamp: message.timestamp } : {}) };
  }

  #add(written: Written, message: ChannelMessage, given: boolean): void {
    const { turn, known, fresh, delayed, expiring, priorities } = written;
    const { sequence, id, key, priority, supersede, availableAt, validUntil } = message;
    const row = rowOf(message, given, key === undefined ? undefined : known.keys.get(key));
    turn.messages.push(row);
    written.count++;
    written.bytes += row.size;
    if (given) fresh.set(id, message);
    if (availableAt !== undefined) delayed.push([sequence, availableAt]);
    if (validUntil !== undefined) expiring.push(key === undefined ? [sequence, validUntil] : [sequence, validUntil, key]);
    if (priority !== undefined) priorities.add(priority);
    if (key !== undefined) known.keys.set(key, sequence);
    if (supersede === undefined) return;
    this.#supersede(turn, known.names.get(supersede));
    known.names.set(supersede, key === undefined ? { sequence } : { sequence, key });
  }

  /** The last message of a name is settled wherever it waits and nobody has had it. */
  #supersede(turn: Turn, replaced: { readonly sequence: number; readonly key?: string } | undefined): void {
    const { state } = this.#turns;
    if (!replaced || state.isRetired(replaced.sequence)) return;
    const step = { now: turn.now, token: randomToken() };
    const outcomes = [...state.ledgers.values()].map((ledger) => ledger.orders.supersede(replaced, step));
    if (outcomes.every((isReplaced) => isReplaced)) state.do(["supersede", [replaced.sequence]]);
  }
}
