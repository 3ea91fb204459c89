import type { ChannelMessage, RetentionPolicy } from "@sssn/core";
import { COMMON_LANE } from "@sssn/core/log-state";
import type { Database } from "./database-folder.js";
import type { Commit } from "./engine.js";
import { ledgerWrites } from "./ledger-writes.js";
import { rangeOf, sortable, type ChannelKeys } from "./keys.js";
import type { LogState } from "./log-state.js";
import type { MessageReader } from "./message-reader.js";
import type { StoredMessage } from "./records.js";

/** An id is remembered for at least this long after its write, even when its message is gone. */
const REMEMBER_IDS_MS = 600_000;
const PAGE = 500;

/** Chooses the next messages that a policy does not keep; an empty list is the end. */
export async function chooseVictims(
  database: Database,
  state: LogState,
  reader: MessageReader,
  policy: RetentionPolicy,
  now: number,
  from: number,
): Promise<{ victims: readonly StoredMessage[]; next: number }> {
  const start = policy.keepUnsettled ? nextSettledEverywhere(state, from) : from;
  if (start === undefined || start > state.stored) return { victims: [], next: Infinity };
  const oldest = now - (policy.maxAgeMs ?? Infinity);
  const isOver = state.count > (policy.maxCount ?? Infinity) || state.bytes > (policy.maxBytes ?? Infinity);
  // Mostly nothing is due, and one look at the oldest message says so.
  const [first] = isOver ? [] : (await reader.scan(database, state, start - 1, 1)).stored;
  if (first && first.message.timestamp >= oldest) return { victims: [], next: Infinity };
  const { stored, position } = await reader.scan(database, state, start - 1, PAGE);
  let [count, bytes] = [state.count, state.bytes];
  const victims: StoredMessage[] = [];
  for (const entry of stored) {
    const goes = count > (policy.maxCount ?? Infinity) || bytes > (policy.maxBytes ?? Infinity) || entry.message.timestamp < oldest;
    if (!goes) return { victims, next: Infinity };
    if (policy.keepUnsettled && !isSettledEverywhere(state, entry.message.sequence)) continue;
    victims.push(entry);
    count--;
    bytes -= entry.bytes;
  }
  return { victims, next: position >= state.stored ? Infinity : position + 1 };
}

function isSettledEverywhere(state: LogState, sequence: number): boolean {
  return state.ledgers.size > 0 && [...state.ledgers.values()].every((ledger) => ledger.isSettled(sequence));
}

/** Jumps over unfinished work, however much of it there is. */
function nextSettledEverywhere(state: LogState, from: number): number | undefined {
  let candidate: number | undefined = state.removed.nextAbsent(from);
  for (;;) {
    if (state.ledgers.size === 0) return undefined;
    const before: number = candidate;
    for (const ledger of state.ledgers.values()) {
      candidate = ledger.nextSettled(candidate);
      if (candidate === undefined) return undefined;
    }
    candidate = state.removed.nextAbsent(candidate);
    if (candidate === before) return candidate;
  }
}

/** Takes messages out of the state and works out what to write. Synchronous; those that are gone already are left out. */
export function planRemoval(
  state: LogState,
  keys: ChannelKeys,
  addressed: boolean,
  victims: readonly StoredMessage[],
  now: number,
): { removed: number; commit: Commit } {
  const puts: [string, string][] = [];
  const deletes: string[] = [];
  const intervals = new Map<number, number | undefined>();
  let removed = 0;
  for (const { message, givenId, bytes } of victims) {
    const { sequence } = message;
    if (state.removed.has(sequence)) continue;
    const { gone, merged } = state.removed.add(sequence);
    for (const start of gone) intervals.set(start, undefined);
    intervals.set(merged.start, merged.end);
    deletes.push(keys.message(sequence));
    if (addressed) deletes.push(keys.laneEntry(message.recipientId ?? COMMON_LANE, sequence));
    if (givenId) forgetId(message, keys, now, puts, deletes);
    for (const ledger of state.ledgers.values()) ledger.remove(sequence);
    state.count--;
    state.bytes -= bytes;
    removed++;
  }
  for (const [start, end] of intervals) {
    if (end === undefined) deletes.push(keys.removed + sortable(start));
    else puts.push([keys.removed + sortable(start), String(end)]);
  }
  if (removed > 0) state.recent.clear();
  for (const [name, ledger] of state.ledgers) ledgerWrites(keys, name, ledger, puts, deletes);
  return { removed, commit: { puts, deletes, late: state.headerEntry } };
}

/** A repeated write soon after the removal must still be known as one. */
function forgetId(message: ChannelMessage, keys: ChannelKeys, now: number, puts: [string, string][], deletes: string[]): void {
  const until = message.timestamp + REMEMBER_IDS_MS;
  if (until <= now) deletes.push(keys.id(message.id));
  else puts.push([`${keys.forgetting}${sortable(until)}!${message.id}`, ""]);
}

/** Works out which remembered ids may be forgotten now. */
export async function planForgetting(database: Database, keys: ChannelKeys, now: number): Promise<Commit> {
  const due = await database.keys({ gte: rangeOf(keys.forgetting).gte, lt: `${keys.forgetting}${sortable(now + 1)}!`, limit: 1_000 }).all();
  return { puts: [], deletes: due.flatMap((key) => [key, keys.id(key.slice(key.indexOf("!") + 1))]) };
}
