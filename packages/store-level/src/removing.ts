import type { ChannelMessage, RetentionPolicy } from "@sssn/core";
import { COMMON_LANE, type IntervalSet } from "@sssn/core/log-state";
import type { Database } from "./database-folder.js";
import type { Commit } from "./engine.js";
import { ledgerWrites } from "./ledger-writes.js";
import { rangeOf, sortable, type ChannelKeys } from "./keys.js";
import type { LogState } from "./log-state.js";
import type { MessageReader } from "./message-reader.js";
import type { StoredMessage } from "./records.js";
import { previousOfKey } from "./work-index.js";

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
  spared: Spared,
): Promise<{ victims: readonly StoredMessage[]; next: number }> {
  const start = policy.keepUnsettled ? nextSettledEverywhere(state, from) : from;
  if (start === undefined || start > state.stored) return { victims: [], next: Infinity };
  const oldest = now - (policy.maxAgeMs ?? Infinity);
  let [count, bytes] = [state.count - spared.sequences.size, state.bytes - spared.bytes];
  const isOver = (): boolean => count > (policy.maxCount ?? Infinity) || bytes > (policy.maxBytes ?? Infinity);
  // Mostly nothing is due, and one look at the oldest message says so.
  const [first] = isOver() ? [] : (await reader.scan(database, state, start - 1, 1)).stored;
  if (first && first.message.timestamp >= oldest) return { victims: [], next: Infinity };
  const { stored, position } = await reader.scan(database, state, start - 1, PAGE);
  const victims: StoredMessage[] = [];
  for (const entry of stored) {
    if (!isOver() && entry.message.timestamp >= oldest) return { victims, next: Infinity };
    const { sequence } = entry.message;
    if (spared.sequences.has(sequence) || (policy.keepUnsettled && !isSettledEverywhere(state, sequence))) continue;
    victims.push(entry);
    count--;
    bytes -= entry.bytes;
  }
  return { victims, next: position >= state.stored ? Infinity : position + 1 };
}

function isSettledEverywhere(state: LogState, sequence: number): boolean {
  if (state.ledgers.size === 0) return state.isRetired(sequence);
  return [...state.ledgers.values()].every((ledger) => ledger.isSettled(sequence));
}

/** Dead letters, and how much room they take. */
export interface Spared {
  readonly sequences: ReadonlySet<number>;
  readonly bytes: number;
}

/** Only a person, or the policy for dead letters, decides about these: they stand beside the other bounds. */
export async function sparedDead(
  database: Database,
  state: LogState,
  reader: MessageReader,
  { maxBytes }: RetentionPolicy,
): Promise<Spared> {
  const sequences = new Set([...state.ledgers.values()].flatMap((ledger) => ledger.deadSequences(state.step())));
  let bytes = 0;
  if (maxBytes !== undefined) {
    const all = [...sequences];
    for (let start = 0; start < all.length; start += PAGE)
      for (const stored of (await reader.load(database, state, all.slice(start, start + PAGE))).values()) bytes += stored.bytes;
  }
  return { sequences, bytes };
}

/** Jumps over unfinished work, however much of it there is. */
function nextSettledEverywhere(state: LogState, from: number): number | undefined {
  if (state.ledgers.size === 0) return nextRetired(state, from);
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

/** The next message that is there and that no group has to do with. */
function nextRetired(state: LogState, from: number): number | undefined {
  const next = Math.min(state.expired.nextPresent(from) ?? Infinity, state.superseded.nextPresent(from) ?? Infinity);
  return next === Infinity ? undefined : next;
}

/** The log that is removed from. */
export interface RemovalContext {
  readonly state: LogState;
  readonly keys: ChannelKeys;
  readonly database: Database;
  readonly addressed: boolean;
  readonly now: number;
}

/** The last message of each key that stays when these go, where there is one. */
export async function earlierOfKeys(
  database: Database,
  keys: ChannelKeys,
  victims: readonly StoredMessage[],
): Promise<Map<string, number>> {
  const [gone, names] = [
    new Set(victims.map(({ message }) => message.sequence)),
    new Set(victims.flatMap(({ message }) => message.key ?? [])),
  ];
  const earlier = new Map<string, number>();
  for (const key of names) {
    let last = await previousOfKey(database, keys, key, Number.MAX_SAFE_INTEGER);
    while (last !== undefined && gone.has(last)) last = await previousOfKey(database, keys, key, last);
    if (last !== undefined) earlier.set(key, last);
  }
  return earlier;
}

/** The last message of a name is settled wherever it waits and nobody has had it. */
export function planSuperseding(
  state: LogState,
  keys: ChannelKeys,
  database: Database,
  name: string,
  by: ChannelMessage,
  { puts, deletes }: { readonly puts: [string, string][]; readonly deletes: string[] },
): void {
  const replaced = state.work.lastOfName(database, name);
  state.work.name(name, by, puts);
  if (!replaced || state.isRetired(replaced.sequence)) return;
  const { sequence, key } = replaced;
  const step = state.step();
  const outcomes = [...state.ledgers.values()].map((ledger) => ledger.orders.supersede({ sequence, key }, step));
  for (const [group, ledger] of state.ledgers) ledgerWrites(keys, group, ledger, puts, deletes);
  if (!outcomes.every((isReplaced) => isReplaced)) return;
  const ranges: ChangedRanges = new Map();
  addTo(state.superseded, sequence, ranges);
  if (key !== undefined) deletes.push(keys.keyed(key, sequence));
  rangeWrites(keys.superseded, ranges, puts, deletes);
}

/** Takes messages out of the state and works out what to write. Synchronous; those that are gone already are left out. */
export function planRemoval(
  { state, keys, database, addressed, now }: RemovalContext,
  victims: readonly StoredMessage[],
  earlierOfKeys: ReadonlyMap<string, number>,
): { removed: number; commit: Commit } {
  const puts: [string, string][] = [];
  const deletes: string[] = [];
  const removedRanges: ChangedRanges = new Map();
  const expiredRanges: ChangedRanges = new Map();
  const supersededRanges: ChangedRanges = new Map();
  const step = state.step();
  let removed = 0;
  for (const { message, givenId, bytes } of victims) {
    const { sequence } = message;
    if (state.removed.has(sequence)) continue;
    addTo(state.removed, sequence, removedRanges);
    deletes.push(keys.message(sequence));
    if (addressed) deletes.push(keys.laneEntry(message.recipientId ?? COMMON_LANE, sequence));
    if (message.availableAt !== undefined) {
      deletes.push(keys.delayedEntry(message.availableAt, sequence));
      state.delayed.delete(sequence);
    }
    if (message.validUntil !== undefined) {
      deletes.push(keys.expiringEntry(message.validUntil, sequence));
      state.expiring.delete(sequence);
      deleteFrom(state.expired, sequence, expiredRanges);
    }
    if (state.superseded.has(sequence)) deleteFrom(state.superseded, sequence, supersededRanges);
    if (givenId) forgetId(message, keys, now, puts, deletes);
    const { key } = message;
    state.work.remove(database, message, key === undefined ? undefined : earlierOfKeys.get(key), puts, deletes);
    for (const ledger of state.ledgers.values()) ledger.orders.remove({ sequence, key }, step);
    state.count--;
    state.bytes -= bytes;
    removed++;
  }
  rangeWrites(keys.removed, removedRanges, puts, deletes);
  rangeWrites(keys.expired, expiredRanges, puts, deletes);
  rangeWrites(keys.superseded, supersededRanges, puts, deletes);
  if (removed > 0) state.recent.clear();
  for (const [name, ledger] of state.ledgers) ledgerWrites(keys, name, ledger, puts, deletes);
  return { removed, commit: { puts, deletes, late: state.headerEntry } };
}

/** Takes note of what nobody needs to be handed any more, for all groups. Synchronous; `undefined`: there is nothing new. */
export function planExpiry(state: LogState, keys: ChannelKeys, now: number): Commit | undefined {
  const due = state.expiring.takeDue(now);
  if (due.length === 0) return undefined;
  const puts: [string, string][] = [];
  const deletes: string[] = [];
  const ranges: ChangedRanges = new Map();
  const step = state.step();
  for (const { sequence, at, key } of due) {
    addTo(state.expired, sequence, ranges);
    deletes.push(keys.expiringEntry(at, sequence));
    if (key !== undefined) deletes.push(keys.keyed(key, sequence));
    for (const ledger of state.ledgers.values()) ledger.orders.expire({ sequence, key }, step);
  }
  rangeWrites(keys.expired, ranges, puts, deletes);
  for (const [name, ledger] of state.ledgers) ledgerWrites(keys, name, ledger, puts, deletes);
  return { puts, deletes };
}

/** By their start; `undefined` where a range is gone. */
type ChangedRanges = Map<number, number | undefined>;

function addTo(set: IntervalSet, sequence: number, changed: ChangedRanges): void {
  const { gone, merged } = set.add(sequence);
  for (const start of gone) changed.set(start, undefined);
  changed.set(merged.start, merged.end);
}

function deleteFrom(set: IntervalSet, sequence: number, changed: ChangedRanges): void {
  const { gone, left } = set.delete(sequence);
  for (const start of gone) changed.set(start, undefined);
  for (const { start, end } of left) changed.set(start, end);
}

function rangeWrites(prefix: string, changed: ChangedRanges, puts: [string, string][], deletes: string[]): void {
  for (const [start, end] of changed) {
    if (end === undefined) deletes.push(prefix + sortable(start));
    else puts.push([prefix + sortable(start), String(end)]);
  }
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
