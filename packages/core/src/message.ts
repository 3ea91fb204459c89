import type { JsonValue } from "./json-value.js";

/** Whether a channel may leave its process: only `PUBLIC` ones are published. */
export const Visibility = { PUBLIC: "public", PRIVATE: "private" } as const;
/** A value of {@link Visibility}. */
export type Visibility = (typeof Visibility)[keyof typeof Visibility];

/** Annotations of a message: any JSON. */
export type Metadata = Readonly<Record<string, JsonValue>>;

/** One immutable record in a channel. It is deeply frozen: no reader can change what another one sees. */
export interface ChannelMessage<Content = JsonValue> {
  /** Unique in its channel; also the key that makes a repeated write harmless. */
  readonly id: string;
  /** The position in the channel: from 1, strictly increasing in append order, never reused. */
  readonly sequence: number;
  /** When it was stored, by the log's clock, in ms since the Unix epoch; never less than the one before. What a writer claims about time belongs into `metadata`. */
  readonly timestamp: number;
  /** Who wrote it, set by the channel from the caller's identity. */
  readonly senderId: string;
  readonly content: Content;
  readonly metadata: Metadata;
  /** Ties messages together: a thread, a request and its reply. */
  readonly correlationId?: string;
  /** The channel in which an answer is expected. */
  readonly replyTo?: string;
  /** Whom it is for; a mailbox shows it to nobody else. */
  readonly recipientId?: string;
  /** Of one key, one message at a time is handed out in a group, in the order of their sequences. */
  readonly key?: string;
  /** From 0 to 9: higher ones are handed out first. Left out: 4. */
  readonly priority?: number;
  /** What it replaced, or is replaced by, as long as it waits: see `supersede`. */
  readonly supersede?: string;
  /** From when on it can be claimed, in ms since the Unix epoch. It is readable at once. */
  readonly availableAt?: number;
  /** Until when it is delivered and handed out, in ms since the Unix epoch by the log's clock. It stays in the history. */
  readonly validUntil?: number;
}

/** What a log is given to append: a message that has no position yet. Content and metadata are frozen JSON. */
export interface MessageDraft {
  /** Left out: the log makes one. */
  readonly id?: string;
  /** Only for copying a log: the log gives it otherwise. One that lies before the log's newest is taken for that one. */
  readonly timestamp?: number;
  readonly senderId: string;
  readonly content: JsonValue;
  readonly metadata: Metadata;
  readonly correlationId?: string;
  readonly replyTo?: string;
  readonly recipientId?: string;
  /** Of one key, one message at a time is handed out in a group, in the order of their sequences. */
  readonly key?: string;
  /** From 0 to 9: higher ones are handed out first. Left out: 4. */
  readonly priority?: number;
  /** Settles the last message with this name, in every group in which it waits and nobody has had it. */
  readonly supersede?: string;
  /** How long it is delivered and handed out, in ms from now. */
  readonly ttlMs?: number;
  /** From now on, after how long it can be claimed, in ms. */
  readonly delayMs?: number;
}

/** The answer to a write. */
export interface WriteReceipt {
  readonly id: string;
  readonly sequence: number;
  /** The log already held this id with the same content; nothing was stored. */
  readonly duplicate: boolean;
  /** When it was stored, by the log's clock; left out when a repeated message is not kept any more. */
  readonly timestamp?: number;
}

/** Metadata of a message that has none. */
export const NO_METADATA: Metadata = Object.freeze({});
