import type { ChannelMessage, MessageDraft, WriteReceipt } from "@sssn/core";
import {
  type LogClock,
  COMMON_LANE,
  checkLast,
  checkSameMessage,
  randomToken,
  sequenceOfToken,
  sequenceToken,
  toMessage,
} from "@sssn/core/log-state";
import type { Database } from "./database-folder.js";
import type { Commit } from "./engine.js";
import type { ChannelKeys } from "./keys.js";
import type { LogState } from "./log-state.js";
import type { MessageReader } from "./message-reader.js";
import { encodeMessage, type StoredMessage } from "./records.js";
import { planSuperseding } from "./removing.js";

/** What the log already knows of the ids of a batch. */
export interface KnownIds {
  readonly sequences: ReadonlyMap<string, number>;
  readonly messages: ReadonlyMap<number, StoredMessage>;
}

const NOTHING_KNOWN: KnownIds = { sequences: new Map(), messages: new Map() };

/**
 * Looks up the ids that writers gave. Nearly always they are new, which LevelDB tells from memory (its filters keep ten bits an id),
 * so it is asked synchronously: a round trip to its threads would cost more than the message.
 */
export async function lookUpIds(
  database: Database,
  state: LogState,
  keys: ChannelKeys,
  reader: MessageReader,
  ids: readonly string[],
): Promise<KnownIds> {
  const sequences = new Map<string, number>();
  const own: number[] = [];
  for (const id of ids) {
    const value = database.getSync(keys.id(id));
    if (value !== undefined) {
      sequences.set(id, Number(value));
      continue;
    }
    // A writer may repeat an id that this log made: it says itself where to look.
    const sequence = sequenceOfToken(id);
    if (sequence !== undefined && sequence <= state.stored) own.push(sequence);
  }
  if (sequences.size === 0 && own.length === 0) return NOTHING_KNOWN;
  const messages = await reader.load(database, state, [...new Set([...sequences.values(), ...own])]);
  const asked = new Set(ids);
  for (const sequence of own) {
    const id = messages.get(sequence)?.message.id;
    if (id !== undefined && asked.has(id)) sequences.set(id, sequence);
  }
  return { sequences, messages };
}

/** The log that is appended to. */
export interface AppendContext {
  readonly channelId: string;
  readonly state: LogState;
  readonly keys: ChannelKeys;
  readonly database: Database;
  readonly clock: LogClock;
  readonly addressed: boolean;
  /** Tells whoever waits for new messages. */
  readonly announce: () => void;
}

/**
 * Gives drafts their sequences and works out what to write. Synchronous, so that the order of sequences is the order of commits.
 *
 * @throws SSSNError `message_conflict`, `position_conflict`; nothing has changed then.
 */
export function planAppend(
  context: AppendContext,
  drafts: readonly MessageDraft[],
  known: KnownIds,
  ifLast?: number,
): { receipts: readonly WriteReceipt[]; commit: Commit | undefined } {
  const batch = new Map<string, ChannelMessage>();
  const fresh: ChannelMessage[] = [];
  const next = context.state.last + 1;
  const random = randomToken();
  const now = context.clock.moment(context.state.steady.now());
  const receipts = drafts.map((draft): WriteReceipt => {
    const repeated = draft.id === undefined ? undefined : findRepeated(draft.id, batch, known);
    if (draft.id !== undefined && repeated) {
      if (repeated.message) checkSameMessage(context.channelId, draft, repeated.message);
      const { sequence, message } = repeated;
      return { id: draft.id, sequence, duplicate: true, ...(message ? { timestamp: message.timestamp } : {}) };
    }
    const sequence = next + fresh.length;
    const message = toMessage(draft, draft.id ?? sequenceToken(sequence, random), sequence, now);
    fresh.push(message);
    if (draft.id !== undefined) batch.set(draft.id, message);
    return { id: message.id, sequence, duplicate: false, timestamp: message.timestamp };
  });
  if (fresh.length === 0) return { receipts, commit: undefined };
  checkLast(context.channelId, context.state.last, ifLast);
  return { receipts, commit: commitOf(context, fresh, batch) };
}

/** The same for drafts without ids: nothing to look up, so nothing but the work itself. This is the store's hottest path. */
export function planNew(context: AppendContext, drafts: readonly MessageDraft[]): { receipts: readonly WriteReceipt[]; commit: Commit } {
  const fresh: ChannelMessage[] = [];
  const receipts: WriteReceipt[] = [];
  let sequence = context.state.last;
  const random = randomToken();
  const now = context.clock.moment(context.state.steady.now());
  for (const draft of drafts) {
    sequence++;
    const message = toMessage(draft, sequenceToken(sequence, random), sequence, now);
    fresh.push(message);
    receipts.push({ id: message.id, sequence, duplicate: false, timestamp: message.timestamp });
  }
  return { receipts, commit: commitOf(context, fresh, NO_IDS) };
}

const NO_IDS: ReadonlyMap<string, ChannelMessage> = new Map();

function findRepeated(
  id: string,
  batch: ReadonlyMap<string, ChannelMessage>,
  known: KnownIds,
): { sequence: number; message: ChannelMessage | undefined } | undefined {
  const inBatch = batch.get(id);
  if (inBatch) return { sequence: inBatch.sequence, message: inBatch };
  const sequence = known.sequences.get(id);
  return sequence === undefined ? undefined : { sequence, message: known.messages.get(sequence)?.message };
}

function commitOf(context: AppendContext, fresh: readonly ChannelMessage[], givenIds: ReadonlyMap<string, ChannelMessage>): Commit {
  const { state, keys, database, addressed, announce } = context;
  const puts: [string, string][] = [];
  const deletes: string[] = [];
  const sizes: number[] = [];
  for (const message of fresh) {
    const isGiven = givenIds.has(message.id);
    const record = encodeMessage(message, isGiven);
    sizes.push(record.length);
    state.bytes += record.length;
    puts.push([keys.message(message.sequence), record]);
    if (message.availableAt !== undefined) {
      puts.push([keys.delayedEntry(message.availableAt, message.sequence), ""]);
      state.delayed.add(message.sequence, message.availableAt);
    }
    if (message.validUntil !== undefined) {
      puts.push([keys.expiringEntry(message.validUntil, message.sequence), message.key ?? ""]);
      state.expiring.add(message.sequence, message.validUntil, message.key);
    }
    state.work.add(database, message, puts);
    if (message.supersede !== undefined) planSuperseding(state, keys, database, message.supersede, message, { puts, deletes });
    if (isGiven) puts.push([keys.id(message.id), String(message.sequence)]);
    if (addressed) puts.push([keys.laneEntry(message.recipientId ?? COMMON_LANE, message.sequence), ""]);
  }
  state.last += fresh.length;
  state.count += fresh.length;
  state.newestTimestamp = (fresh[fresh.length - 1] as ChannelMessage).timestamp;
  return {
    puts,
    deletes,
    late: state.headerEntry,
    stored: () => {
      for (let index = 0; index < fresh.length; index++) {
        state.recent.push(fresh[index] as ChannelMessage, sizes[index] as number);
        state.work.stored(fresh[index] as ChannelMessage);
      }
      state.stored = (fresh[fresh.length - 1] as ChannelMessage).sequence;
    },
    announce,
  };
}
