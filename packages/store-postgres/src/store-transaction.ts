import { SSSNError, describe, type MessageDraft, type SettleResult, type Settlement } from "@sssn/core";
import { DEFAULT_PRIORITY, randomToken } from "@sssn/core/log-state";
import type { ClientBase } from "pg";
import { explain } from "./connection/failures.js";
import type { HeldClaim, PostgresChannelLog } from "./log/postgres-channel-log.js";
import { rowOf } from "./log/message-rows.js";

/** A channel that is used in a transaction. */
export interface TransactionLog {
  readonly number: string;
  readonly postgres: PostgresChannelLog;
}

/** What a settlement in a transaction ends with. A lease is not extended by one. */
export type FinalSettlement = Exclude<Settlement, { readonly action: "extend" }>;

const STATUS = { acknowledge: "acknowledged", release: "released", "dead-letter": "dead_lettered" } as const;

const MESSAGE_COLUMNS = "channel, id, sender, recipient, key, priority, delay_ms, ttl_ms, correlation, reply_to, content, metadata, size";
const MESSAGE_TYPES =
  "channel bigint, id text, sender text, recipient text, key text, priority smallint, delay_ms bigint, ttl_ms bigint, correlation text, reply_to text, content text, metadata text, size integer";

/**
 * Takes part in a transaction of the caller's: what is written and settled here is there when that commits, together with everything else in it, or it never is. See
 * {@link PostgresMessageStore.within}.
 */
export class StoreTransaction {
  readonly #client: ClientBase;
  readonly #schema: string;
  readonly #open: (channelId: string) => Promise<TransactionLog>;
  readonly #touched = new Set<TransactionLog>();

  /** @internal */
  constructor(client: ClientBase, schema: string, open: (channelId: string) => Promise<TransactionLog>) {
    this.#client = client;
    this.#schema = `"${schema}"`;
    this.#open = open;
  }

  /** @internal The channels that were written to, or settled in. */
  get touched(): Iterable<TransactionLog> {
    return this.#touched;
  }

  /**
   * Writes messages with the transaction. They get their sequences and their time when it commits, in the order in which they were given here. Make the drafts with a channel's `draft()`, which checks
   * them as `write()` does.
   *
   * @param drafts one that has no id gets one. `supersede` is not possible here.
   * @returns the ids, one for one. A message whose id is there already with the same content is left out when the transaction commits; with other content the commit fails.
   * @throws SSSNError `invalid_argument`, `store_unavailable`.
   */
  async append(channelId: string, drafts: readonly MessageDraft[]): Promise<readonly string[]> {
    const replacing = drafts.find(({ supersede }) => supersede !== undefined);
    if (replacing)
      throw new SSSNError(
        "invalid_argument",
        `A message that replaces others (supersede ${describe(replacing.supersede)}) can't be written in a transaction: write it afterwards.`,
      );
    if (drafts.length === 0) return [];
    const log = await this.#enter(channelId);
    const rows = drafts.map((draft) => this.#rowOf(log.number, draft));
    await this.#ask(
      `INSERT INTO ${this.#schema}.staged (${MESSAGE_COLUMNS}) SELECT ${MESSAGE_COLUMNS} FROM json_to_recordset($1) AS row (${MESSAGE_TYPES})`,
      [JSON.stringify(rows)],
    );
    return rows.map(({ id }) => id);
  }

  #rowOf(channel: string, draft: MessageDraft) {
    const { delayMs, ttlMs, id = `tx.${randomToken()}` } = draft;
    const { sender, recipient, key, priority, correlation, reply_to, content, metadata, size } = rowOf(
      { ...draft, id, sequence: 0, timestamp: 0 },
      true,
      undefined,
    );
    const times = { delay_ms: delayMs === 0 ? null : (delayMs ?? null), ttl_ms: ttlMs ?? null };
    // As in the log: what has the usual one has none.
    const unusual = priority === DEFAULT_PRIORITY ? null : priority;
    return { channel, id, sender, recipient, key, priority: unusual, correlation, reply_to, content, metadata, size, ...times };
  }

  /**
   * Settles claims with the transaction: what a handler has done in it and the end of its job are there together, or not at all. The lease has to be held when the transaction commits: where it has ended by
   * then, or somebody else has the message, the commit fails, and with it everything that the handler did.
   *
   * @param settlements of claims of this reader, in this group.
   * @returns one for one how each will end. What is not held is told as by a channel, and is no reason for the transaction to fail.
   * @throws SSSNError `invalid_argument`, `store_unavailable`.
   */
  async settle(
    channelId: string,
    group: string,
    readerId: string,
    settlements: readonly FinalSettlement[],
  ): Promise<readonly SettleResult[]> {
    const unknown = settlements.find(({ action }) => !Object.hasOwn(STATUS, action));
    if (unknown)
      throw new SSSNError(
        "invalid_argument",
        `In a transaction a claim ends with acknowledge, release or dead-letter, and not with ${describe(unknown.action)}.`,
      );
    const log = await this.#enter(channelId);
    const held = await log.postgres.heldClaims(group, readerId, settlements);
    const rest = settlements.filter((_settlement, index) => !held[index]);
    const others = rest.length === 0 ? [] : [...(await log.postgres.work.settle(group, readerId, rest))];
    const results: SettleResult[] = [];
    for (const [index, settlement] of settlements.entries()) {
      const claim = held[index];
      if (claim) await this.#stage(log.number, group, readerId, settlement, claim);
      const { receipt, action } = settlement;
      results.push(claim ? { receipt, status: STATUS[action] } : (others.shift() ?? { receipt, status: "unknown" }));
    }
    return results;
  }

  async #stage(
    channel: string,
    group: string,
    readerId: string,
    settlement: FinalSettlement,
    { sequence, expiresAt, known }: HeldClaim,
  ): Promise<void> {
    await this.#ask(
      `INSERT INTO ${this.#schema}.staged (channel, work_group, reader, settlement, claimed, held_until, known) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [channel, group, readerId, JSON.stringify(settlement), sequence, expiresAt, known],
    );
  }

  async #enter(channelId: string): Promise<TransactionLog> {
    const log = await this.#open(channelId);
    this.#touched.add(log);
    return log;
  }

  async #ask(text: string, values: readonly unknown[]): Promise<void> {
    try {
      await this.#client.query(text, [...values]);
    } catch (error) {
      throw explain(error);
    }
  }
}
