import { NO_METADATA, SSSNError, deepFreeze, type ChannelMessage, type JsonValue } from "@sssn/core";
import type { SizedMessage } from "@sssn/core/log-state";

/** What a message takes besides its content and metadata, as this store counts bytes. */
const ROW_BYTES = 120;

/** A message as a row of the table. Columns that most do not have are null. */
export interface MessageRow {
  readonly sequence: number;
  readonly id: string;
  readonly given: boolean;
  readonly written_at: number;
  readonly sender: string;
  readonly recipient: string | null;
  readonly key: string | null;
  readonly previous: number | null;
  readonly priority: number | null;
  readonly supersede: string | null;
  readonly available_at: number | null;
  readonly valid_until: number | null;
  readonly correlation: string | null;
  readonly reply_to: string | null;
  readonly content: string;
  readonly metadata: string | null;
  readonly size: number;
}

/** A row as the driver gives it: numbers of 64 bits come as texts. */
export type ReadRow = {
  readonly [Column in keyof MessageRow]: MessageRow[Column] extends number | null ? string | number | null : MessageRow[Column];
};

/** All columns, in the order of a write. */
export const COLUMNS =
  "sequence, id, given, written_at, sender, recipient, key, previous, priority, supersede, available_at, valid_until, correlation, reply_to, content, metadata, size";

/** The types of {@link COLUMNS}, as a list of JSON is read. */
export const COLUMN_TYPES =
  "sequence bigint, id text, given boolean, written_at bigint, sender text, recipient text, key text, previous bigint, priority smallint, supersede text, available_at bigint, valid_until bigint, correlation text, reply_to text, content text, metadata text, size integer";

/** @param previous the message of its key that was the last one before it. */
export function rowOf(message: ChannelMessage, given: boolean, previous: number | undefined): MessageRow {
  const content = JSON.stringify(message.content);
  const metadata = message.metadata === NO_METADATA ? null : JSON.stringify(message.metadata);
  return {
    sequence: message.sequence,
    id: message.id,
    given,
    written_at: message.timestamp,
    sender: message.senderId,
    recipient: message.recipientId ?? null,
    key: message.key ?? null,
    previous: previous ?? null,
    priority: message.priority ?? null,
    supersede: message.supersede ?? null,
    available_at: message.availableAt ?? null,
    valid_until: message.validUntil ?? null,
    correlation: message.correlationId ?? null,
    reply_to: message.replyTo ?? null,
    content,
    metadata,
    size: content.length + (metadata?.length ?? 0) + ROW_BYTES,
  };
}

/** @throws SSSNError `store_corrupted`, naming channel and sequence, for a row whose content is no JSON. */
export function messageOf(channelId: string, row: ReadRow): SizedMessage {
  const message: { -readonly [Field in keyof ChannelMessage]: ChannelMessage[Field] } = {
    id: row.id,
    sequence: Number(row.sequence),
    timestamp: Number(row.written_at),
    senderId: row.sender,
    content: parsed(channelId, row, row.content),
    metadata: row.metadata === null ? NO_METADATA : (parsed(channelId, row, row.metadata) as ChannelMessage["metadata"]),
  };
  if (row.correlation !== null) message.correlationId = row.correlation;
  if (row.reply_to !== null) message.replyTo = row.reply_to;
  if (row.recipient !== null) message.recipientId = row.recipient;
  if (row.key !== null) message.key = row.key;
  if (row.priority !== null) message.priority = Number(row.priority);
  if (row.supersede !== null) message.supersede = row.supersede;
  if (row.available_at !== null) message.availableAt = Number(row.available_at);
  if (row.valid_until !== null) message.validUntil = Number(row.valid_until);
  return { message: Object.freeze(message), bytes: Number(row.size) };
}

function parsed(channelId: string, { sequence }: ReadRow, text: string): JsonValue {
  try {
    return deepFreeze(JSON.parse(text) as JsonValue);
  } catch (cause) {
    throw new SSSNError(
      "store_corrupted",
      `Message ${sequence} of channel ${channelId} is damaged: it is no JSON. The messages behind it can still be read with after: ${sequence}.`,
      { details: { channel: channelId, sequence: Number(sequence) }, cause },
    );
  }
}
