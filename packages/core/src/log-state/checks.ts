import { statementOf } from "../annotations.js";
import { SSSNError, describe } from "../errors.js";
import { jsonEquals } from "../json.js";
import type { ChannelMessage, MessageDraft } from "../message.js";
import type { ChannelLog, DeadMessage } from "../ports/message-store.js";
import type { ClaimRecord } from "./ledger/claim-record.js";
import { DEFAULT_PRIORITY } from "./work-lane.js";

/** @throws SSSNError `position_ahead` when a position lies behind the end of the log. */
export function checkPosition(channelId: string, position: number, last: number): void {
  if (position <= last) return;
  throw new SSSNError(
    "position_ahead",
    `Position ${position} is ahead of channel ${channelId}, whose last message is ${last}. Was the position taken from another channel or store?`,
    { details: { position, last } },
  );
}

/** @throws SSSNError `position_conflict` when a log does not end where a writer expects it to. */
export function checkLast(channelId: string, last: number, ifLast: number | undefined): void {
  if (ifLast === undefined || ifLast === last) return;
  throw new SSSNError(
    "position_conflict",
    `Channel ${channelId} ends with ${last}, and not with ${ifLast} as the write expects: nothing was stored. Read on from there, and decide again.`,
    { details: { last, ifLast } },
  );
}

/**
 * Whether a log is addressed: as it was made, or as its first opener wants.
 *
 * @throws SSSNError `invalid_state` when it was made otherwise: its messages would be shown to the wrong readers, or to none.
 */
export function decideAddressed(channelId: string, made: boolean | undefined, wanted: boolean | undefined): boolean {
  if (made === undefined || wanted === undefined || made === wanted) return made ?? wanted ?? false;
  throw new SSSNError(
    "invalid_state",
    `The log of channel ${channelId} was made ${made ? "by a mailbox and can't be opened as another kind" : "by another kind of channel and can't be opened as a mailbox"}: give one of them another id.`,
  );
}

/** Up to where a log is what it was under an earlier identity; `undefined`: it never had that. */
export function lastCommon({ predecessors }: Pick<ChannelLog, "predecessors">, identity: string): number | undefined {
  const since = predecessors.findIndex((predecessor) => predecessor.identity === identity);
  return since < 0 ? undefined : Math.min(...predecessors.slice(since).map(({ last }) => last));
}

/**
 * Whether a position is one of this log.
 *
 * @param expected the identity of the log that it is from; `undefined`: of any. @param position left out: it is not known.
 * @throws SSSNError `log_replaced` when it is from another log; `log_rewound` when what it stands for was lost since, with `details.last`: up to there nothing was.
 */
export function checkIdentity(
  channelId: string,
  { identity, predecessors }: Pick<ChannelLog, "identity" | "predecessors">,
  expected: string | undefined,
  position = Infinity,
): void {
  if (expected === undefined || expected === identity) return;
  const last = lastCommon({ predecessors }, expected);
  if (last === undefined)
    throw new SSSNError(
      "log_replaced",
      `Channel ${channelId} has another log than the one that this position is from: it was deleted, emptied or moved. Begin anew, from its start or its end.`,
      { details: { expected: describe(expected), log: identity } },
    );
  if (position <= last) return;
  throw new SSSNError(
    "log_rewound",
    `Channel ${channelId} has lost messages behind ${last} that it had acknowledged, and its next ones have their sequences: go on from there.`,
    { details: { last, log: identity } },
  );
}

/** What a log answers after it was deleted. */
export function deletedLog(channelId: string): SSSNError {
  return new SSSNError("log_deleted", `The log of channel ${channelId} was deleted. Make the channel anew to begin with an empty one.`);
}

/**
 * Compares a repeated write with the message that is there: who wrote it, to whom, what, and the metadata that the writer states. Not what
 * the way added to it, and neither priority, delay nor time to live: those of the first write hold.
 *
 * @throws SSSNError `message_conflict` when the same id comes with another sender, content or address.
 */
export function checkSameMessage(channelId: string, draft: MessageDraft, stored: ChannelMessage): void {
  const same =
    draft.senderId === stored.senderId &&
    draft.correlationId === stored.correlationId &&
    draft.replyTo === stored.replyTo &&
    draft.recipientId === stored.recipientId &&
    draft.key === stored.key &&
    jsonEquals(draft.content, stored.content) &&
    jsonEquals(statementOf(draft.metadata), statementOf(stored.metadata));
  if (same) return;
  throw new SSSNError(
    "message_conflict",
    `Channel ${channelId} already holds a message with the id ${stored.id} and other content. Use a new id for a new message.`,
    { details: { id: stored.id } },
  );
}

/** Whether a message's time to live is over. */
export function isPast({ validUntil }: ChannelMessage, now: number): boolean {
  return validUntil !== undefined && validUntil <= now;
}

/** A dead letter as it is told. */
export function toDeadMessage({ deliveries, reason, diedAt, deathId, lastReaderId }: ClaimRecord, message: ChannelMessage): DeadMessage {
  return {
    message,
    deliveries,
    ...(reason === undefined ? {} : { reason }),
    ...(diedAt === undefined ? {} : { diedAt }),
    ...(deathId === undefined ? {} : { deathId }),
    ...(lastReaderId === undefined ? {} : { readerId: lastReaderId }),
  };
}

/** What time it is, on the clock of leases and delays, and for the log. */
export interface Moment {
  readonly steady: number;
  readonly log: number;
  /** The timestamp of the next message, which was given one or not. */
  readonly stamp: (given: number | undefined) => number;
}

/** Makes the stored message of a draft. */
export function toMessage(draft: MessageDraft, id: string, sequence: number, now: Moment): ChannelMessage {
  const { senderId, content, metadata, correlationId, replyTo, recipientId, key, priority, supersede, delayMs, ttlMs } = draft;
  const message: { -readonly [Field in keyof ChannelMessage]: ChannelMessage[Field] } = {
    id,
    sequence,
    timestamp: now.stamp(draft.timestamp),
    senderId,
    content,
    metadata,
  };
  if (correlationId !== undefined) message.correlationId = correlationId;
  if (replyTo !== undefined) message.replyTo = replyTo;
  if (recipientId !== undefined) message.recipientId = recipientId;
  if (key !== undefined) message.key = key;
  if (priority !== undefined && priority !== DEFAULT_PRIORITY) message.priority = priority;
  if (supersede !== undefined) message.supersede = supersede;
  if (delayMs !== undefined && delayMs !== 0) message.availableAt = now.steady + delayMs;
  if (ttlMs !== undefined) message.validUntil = now.log + ttlMs;
  return Object.freeze(message);
}
