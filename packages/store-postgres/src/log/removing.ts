import type { RetentionPolicy } from "@sssn/core";
import { randomToken } from "@sssn/core/log-state";
import type { LogState } from "./log-state.js";
import type { Query } from "./message-table.js";
import type { Turn } from "./turn.js";

/** An id is remembered for at least this long after its write, even when its message is gone. */
const REMEMBER_IDS_MS = 600_000;
/** So many messages are looked at, and removed, in one turn. */
const PAGE = 1_000;

/** What has to be known of a message to remove it. */
interface Victim {
  readonly sequence: number;
  readonly id: string;
  readonly given: boolean;
  readonly writtenAt: number;
  readonly key: string | null;
  readonly size: number;
}

/** What a removal looks at next; `Infinity`: there is no more. */
interface Removed {
  readonly removed: number;
  readonly next: number;
}

/** Takes messages out of a log, piece by piece. */
export class Removing {
  readonly #number: string;
  readonly #schema: string;
  readonly #query: Query;

  constructor(number: string, schema: string, query: Query) {
    this.#number = number;
    this.#schema = `"${schema}"`;
    this.#query = query;
  }

  /** Removes messages by id. @returns how many went. */
  async remove(turn: Turn, state: LogState, sequences: readonly number[]): Promise<number> {
    const victims = await this.#victims("sequence = ANY ($2::bigint[])", [[...new Set(sequences)]], Math.max(1, sequences.length));
    return victims.filter((victim) => drop(turn, state, victim)).length;
  }

  /** Ids that were removed long enough ago may be written again. */
  async forgetIds(now: number): Promise<void> {
    await this.#query(
      `DELETE FROM ${this.#schema}.removed_id WHERE channel = $1 AND id IN (SELECT id FROM ${this.#schema}.removed_id WHERE channel = $1 AND until <= $2 LIMIT ${PAGE})`,
      [this.#number, now],
    );
  }

  /** Removes what a policy does not keep, of the next page of messages from a sequence on. */
  async evict(turn: Turn, state: LogState, policy: RetentionPolicy, from: number, most: number): Promise<Removed> {
    const oldest = turn.now - (policy.maxAgeMs ?? Infinity);
    const dead = new Set([...state.ledgers.values()].flatMap((ledger) => ledger.deadSequences({ now: turn.now, token: randomToken() })));
    // What has lapsed just now may be settled with that.
    const start = policy.keepUnsettled ? nextSettledEverywhere(state, from) : from;
    if (start === undefined || start > state.stored) return { removed: 0, next: Infinity };
    const deadBytes = policy.maxBytes === undefined ? 0 : await this.#bytesOf([...dead]);
    const isOver = (): boolean =>
      state.count - dead.size > (policy.maxCount ?? Infinity) || state.bytes - deadBytes > (policy.maxBytes ?? Infinity);
    // Mostly nothing is due, and one look at the oldest message says so.
    const [first] = isOver() ? [] : await this.#victims("sequence >= $2", [start], 1);
    if (first && first.writtenAt >= oldest) return { removed: 0, next: Infinity };
    const found = await this.#victims("sequence >= $2", [start], PAGE);
    let removed = 0;
    for (const victim of found) {
      if (!isOver() && victim.writtenAt >= oldest) return { removed, next: Infinity };
      if (dead.has(victim.sequence) || (policy.keepUnsettled && !isSettledEverywhere(state, victim.sequence))) continue;
      if (removed === most) return { removed, next: victim.sequence };
      // Another call of the same turn may have taken it.
      if (drop(turn, state, victim)) removed++;
    }
    const last = found.at(-1)?.sequence;
    return { removed, next: last === undefined ? Infinity : last + 1 };
  }

  async #bytesOf(sequences: readonly number[]): Promise<number> {
    if (sequences.length === 0) return 0;
    const [row] = await this.#query<{ bytes: string | null }>(
      `SELECT sum(size) AS bytes FROM ${this.#schema}.message WHERE channel = $1 AND sequence = ANY ($2::bigint[])`,
      [this.#number, sequences],
    );
    return Number(row?.bytes ?? 0);
  }

  async #victims(where: string, values: readonly unknown[], limit: number): Promise<Victim[]> {
    const rows = await this.#query<{ sequence: string; id: string; given: boolean; written_at: string; key: string | null; size: number }>(
      `SELECT sequence, id, given, written_at, key, size FROM ${this.#schema}.message WHERE channel = $1 AND ${where} ORDER BY sequence LIMIT ${limit}`,
      [this.#number, ...values],
    );
    return rows.map(({ sequence, written_at, size, ...row }) => ({
      ...row,
      sequence: Number(sequence),
      writtenAt: Number(written_at),
      size,
    }));
  }
}

/** @returns whether it was there. */
function drop(turn: Turn, state: LogState, { sequence, id, given, writtenAt, key, size }: Victim): boolean {
  if (state.removed.has(sequence)) return false;
  state.do(["remove", [[sequence, size]]]);
  turn.removed.push(sequence);
  const until = writtenAt + REMEMBER_IDS_MS;
  if (given && until > turn.now) turn.removedIds.push({ id, sequence, until });
  const step = { now: turn.now, token: randomToken() };
  for (const ledger of state.ledgers.values()) ledger.orders.remove({ sequence, key: key ?? undefined }, step);
  return true;
}

function isSettledEverywhere(state: LogState, sequence: number): boolean {
  if (state.ledgers.size === 0) return state.isRetired(sequence);
  return [...state.ledgers.values()].every((ledger) => ledger.isSettled(sequence));
}

/** Jumps over unfinished work, however much of it there is. */
function nextSettledEverywhere(state: LogState, from: number): number | undefined {
  if (state.ledgers.size === 0) {
    const next = Math.min(state.expired.nextPresent(from) ?? Infinity, state.superseded.nextPresent(from) ?? Infinity);
    return next === Infinity ? undefined : next;
  }
  let candidate: number | undefined = state.removed.nextAbsent(from);
  for (;;) {
    const before: number = candidate;
    for (const ledger of state.ledgers.values()) {
      candidate = ledger.nextSettled(candidate);
      if (candidate === undefined) return undefined;
    }
    candidate = state.removed.nextAbsent(candidate);
    if (candidate === before) return candidate;
  }
}
