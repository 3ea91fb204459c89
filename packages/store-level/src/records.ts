import { crc32 } from "node:zlib";
import { SSSNError, deepFreeze, NO_METADATA, type ChannelMessage, type JsonValue } from "@sssn/core";

const CHECKSUM_DIGITS = 8;

/** What most messages do not have comes last, and is left out where there is none of it. */
type Fields = [
  id: string,
  timestamp: number,
  senderId: string,
  content: JsonValue,
  metadata?: ChannelMessage["metadata"] | 0,
  correlationId?: string | 0,
  replyTo?: string | 0,
  recipientId?: string | 0,
  availableAt?: number,
  givenId?: 0 | 1,
  validUntil?: number,
  order?: OrderFields,
];

type OrderFields = [key: string | 0, priority: number | null, supersede?: string];

/** A message as it lies in the database. */
export interface StoredMessage {
  readonly message: ChannelMessage;
  /** Its writer gave the id, so that the log keeps an index entry for it. */
  readonly givenId: boolean;
  /** How much room the record takes. */
  readonly bytes: number;
}

/**
 * A message as it lies in the database: eight hexadecimal digits of CRC-32 over the JSON behind them, seeded with the sequence, so
 * that a record that was damaged, or that stands under another message's key, does not pass.
 */
export function encodeMessage(message: ChannelMessage, givenId: boolean): string {
  const json = JSON.stringify(fieldsOf(message, givenId));
  return checksum(json, message.sequence).toString(16).padStart(CHECKSUM_DIGITS, "0") + json;
}

function fieldsOf(
  {
    id,
    timestamp,
    senderId,
    content,
    metadata,
    correlationId,
    replyTo,
    recipientId,
    availableAt,
    validUntil,
    key,
    priority,
    supersede,
  }: ChannelMessage,
  givenId: boolean,
): Fields {
  const isOrdered = key !== undefined || priority !== undefined || supersede !== undefined;
  if (
    metadata === NO_METADATA &&
    correlationId === undefined &&
    replyTo === undefined &&
    recipientId === undefined &&
    availableAt === undefined &&
    validUntil === undefined &&
    !isOrdered &&
    !givenId
  )
    return [id, timestamp, senderId, content];
  const fields: Fields = [
    id,
    timestamp,
    senderId,
    content,
    metadata === NO_METADATA ? 0 : metadata,
    correlationId ?? 0,
    replyTo ?? 0,
    recipientId ?? 0,
    availableAt ?? 0,
    givenId ? 1 : 0,
  ];
  if (validUntil !== undefined || isOrdered) fields.push(validUntil ?? 0);
  if (isOrdered) fields.push(supersede === undefined ? [key ?? 0, priority ?? null] : [key ?? 0, priority ?? null, supersede]);
  return fields;
}

/** @throws SSSNError `store_corrupted`, naming channel and sequence. */
export function decodeMessage(channelId: string, sequence: number, record: string): StoredMessage {
  const json = record.slice(CHECKSUM_DIGITS);
  if (checksum(json, sequence) !== Number(`0x${record.slice(0, CHECKSUM_DIGITS)}`))
    throw corrupted(channelId, sequence, "its checksum does not fit its content");
  const [id, timestamp, senderId, content, metadata, correlationId, replyTo, recipientId, availableAt, givenId, validUntil, order] =
    JSON.parse(json) as Fields;
  const message: { -readonly [Field in keyof ChannelMessage]: ChannelMessage[Field] } = {
    id,
    sequence,
    timestamp,
    senderId,
    content: deepFreeze(content),
    metadata: metadata ? deepFreeze(metadata) : NO_METADATA,
  };
  if (correlationId) message.correlationId = correlationId;
  if (replyTo) message.replyTo = replyTo;
  if (recipientId) message.recipientId = recipientId;
  if (availableAt) message.availableAt = availableAt;
  if (validUntil) message.validUntil = validUntil;
  if (order) {
    const [key, priority, supersede] = order;
    if (key) message.key = key;
    if (priority !== null) message.priority = priority;
    if (supersede !== undefined) message.supersede = supersede;
  }
  return { message: Object.freeze(message), givenId: givenId === 1, bytes: record.length };
}

function checksum(json: string, sequence: number): number {
  return crc32(json, sequence >>> 0);
}

/** Something that was stored can't be read back. */
export function corrupted(channelId: string, sequence: number, what: string, cause?: unknown): SSSNError {
  return new SSSNError(
    "store_corrupted",
    `Message ${sequence} of channel ${channelId} is damaged: ${what}. The messages behind it can still be read with after: ${sequence}.`,
    {
      details: { channel: channelId, sequence },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
