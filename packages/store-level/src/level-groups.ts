import type { ClaimPage, ClaimRequest, DeadMessage, DeadRequest, SettleResult, Settlement } from "@sssn/core";
import { ClaimDispatcher, ClaimLedger, toDeadMessage } from "@sssn/core/log-state";
import { lookUpIds } from "./appending.js";
import type { Engine } from "./engine.js";
import { rangeOf, type ChannelKeys } from "./keys.js";
import { ledgerWrites } from "./ledger-writes.js";
import type { LogState } from "./log-state.js";
import type { MessageReader } from "./message-reader.js";
import { planExpiry } from "./removing.js";

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

/** The groups of one log in the database: their claims, their dead letters, and what they have settled. */
export class LevelGroups {
  readonly #engine: Engine;
  readonly #keys: ChannelKeys;
  readonly #reader: MessageReader;
  readonly #addressed: boolean;
  readonly #current: Current;
  readonly #now: () => number;
  readonly #announce: () => void;
  #dispatchers = new Map<string, ClaimDispatcher>();
  #maxDeliveries = Infinity;

  constructor({ engine, keys, reader, addressed, current, now, announce }: LevelGroupsParts) {
    this.#engine = engine;
    this.#keys = keys;
    this.#reader = reader;
    this.#addressed = addressed;
    this.#current = current;
    this.#now = now;
    this.#announce = announce;
  }

  /** The state is another one now. */
  reload(): void {
    for (const ledger of this.#current.state.ledgers.values()) ledger.setMaxDeliveries(this.#maxDeliveries);
    this.#dispatchers = new Map();
  }

  /** From now on, also for what came back before. */
  async setMaxDeliveries(maxDeliveries: number): Promise<void> {
    this.#maxDeliveries = maxDeliveries;
    for (const [group, ledger] of this.#current.state.ledgers) {
      ledger.setMaxDeliveries(maxDeliveries);
      await this.#persist(group, ledger);
    }
  }

  async claim(request: ClaimRequest): Promise<ClaimPage> {
    if (!this.#engine.isWritable) await this.#engine.writable();
    const expiry = this.expire();
    if (expiry) await expiry;
    return this.#dispatcher(request.group).claim(request);
  }

  /** Settles what nobody needs to be handed any more; mostly there is nothing, and nothing to wait for. */
  expire(): Promise<void> | undefined {
    const commit = planExpiry(this.#current.state, this.#keys, this.#now());
    return commit && this.#engine.commit(this.#current.generation, commit, undefined);
  }

  async settle(group: string, readerId: string, settlements: readonly Settlement[]): Promise<readonly SettleResult[]> {
    if (!this.#engine.isWritable) await this.#engine.writable();
    const ledger = this.#current.state.ledgers.get(group);
    if (!ledger) return settlements.map(({ receipt }) => ({ receipt, status: "unknown" }));
    ledger.refresh();
    const results = settlements.map((settlement) => ledger.settle(readerId, settlement));
    await this.#persist(group, ledger);
    if (settlements.some(({ action }) => action === "release")) this.#announce();
    return results;
  }

  async dead(group: string, request: DeadRequest): Promise<readonly DeadMessage[]> {
    const database = await this.#engine.database();
    const ledger = this.#current.state.ledgers.get(group);
    if (!ledger) return [];
    const records = ledger.deadRecords(request).slice(0, request.limit);
    // What a lapse has just made is told under a name that a crash does not change.
    if (ledger.hasChanges) await this.#persist(group, ledger);
    const messages = await this.#reader.load(
      database,
      this.#current.state,
      records.map(({ sequence }) => sequence),
    );
    return records.flatMap((record) => {
      const stored = messages.get(record.sequence);
      return stored ? [toDeadMessage(record, stored.message)] : [];
    });
  }

  async forwarded(group: string, ids: readonly string[]): Promise<void> {
    const database = await this.#engine.writable();
    const ledger = this.#current.state.ledgers.get(group);
    if (!ledger) return;
    const { sequences } = await lookUpIds(database, this.#current.state, this.#keys, this.#reader, ids);
    for (const sequence of sequences.values()) ledger.forwarded(sequence);
    await this.#persist(group, ledger);
  }

  async requeue(group: string, ids?: readonly string[]): Promise<number> {
    const database = await this.#engine.writable();
    const state = this.#current.state;
    const chosen = ids && (await lookUpIds(database, state, this.#keys, this.#reader, ids)).sequences;
    const ledger = state.ledgers.get(group);
    if (!ledger) return 0;
    const sequences = chosen ? [...chosen.values()] : ledger.deadRecords().map(({ sequence }) => sequence);
    await this.expire();
    const revived = sequences.filter((sequence) => !state.expired.has(sequence) && ledger.revive(sequence)).length;
    await this.#persist(group, ledger);
    if (revived > 0) this.#announce();
    return revived;
  }

  /** Lets go of dead letters that died longer ago. */
  async forgetDead(maxAgeMs: number): Promise<void> {
    for (const [group, ledger] of this.#current.state.ledgers) {
      ledger.forgetDead(this.#current.state.steady.now() - maxAgeMs);
      await this.#persist(group, ledger);
    }
  }

  has(group: string): boolean {
    return this.#current.state.ledgers.has(group);
  }

  get count(): number {
    return this.#current.state.ledgers.size;
  }

  async delete(group: string): Promise<boolean> {
    const database = await this.#engine.writable();
    const [state, generation] = [this.#current.state, this.#current.generation];
    const existed = state.ledgers.delete(group);
    if (!existed) return false;
    this.#dispatchers.delete(group);
    const deletes = await database.keys(rangeOf(this.#keys.group(group))).all();
    await this.#engine.commit(generation, { puts: [], deletes }, undefined);
    this.#announce();
    return true;
  }

  #ledger(name: string): ClaimLedger {
    const { ledgers, steady, settledForAll } = this.#current.state;
    let ledger = ledgers.get(name);
    if (!ledger)
      ledgers.set(name, (ledger = new ClaimLedger(() => steady.now(), { settled: settledForAll }, { maxDeliveries: this.#maxDeliveries })));
    return ledger;
  }

  #dispatcher(group: string): ClaimDispatcher {
    let dispatcher = this.#dispatchers.get(group);
    if (dispatcher) return dispatcher;
    const [state, ledger] = [this.#current.state, this.#ledger(group)];
    dispatcher = new ClaimDispatcher(ledger, {
      last: () => state.stored,
      readLane: async (lane, after, limit) => {
        const database = await this.#engine.database();
        const recent = this.#addressed ? undefined : state.recent.behind(after, limit);
        if (recent) return { messages: recent, position: recent.at(-1)?.message.sequence ?? Math.max(after, state.stored) };
        const stretch = this.#addressed
          ? await this.#reader.scanLanes(database, state, [lane], after, limit, LOOK_AHEAD_BYTES)
          : await this.#reader.scan(database, state, after, limit, LOOK_AHEAD_BYTES);
        return { messages: stretch.stored, position: stretch.position };
      },
      load: async (sequences) => this.#reader.load(await this.#engine.database(), state, sequences),
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
    return [...this.#current.state.ledgers.values()].includes(ledger) ? this.#current.generation : -1;
  }
}
