import {
  CHANNEL_KINDS,
  IDENTIFIER,
  MAX_CLAIMS,
  MAX_DELAY_MS,
  MAX_IDENTIFIER_LENGTH,
  MAX_LEASE_MS,
  MAX_ORDERS,
  MAX_PRIORITY,
  MAX_READ_LIMIT,
  MAX_WAIT_MS,
  MIN_LEASE_MS,
} from "@sssn/core";
import { topology } from "./topology-schema.js";
import { counts, cursorInfo, stats } from "./figure-schemas.js";
import { count, integer, list, object, type ObjectSchema, type Schema } from "./schema-forms.js";

export { regime } from "./figure-schemas.js";
export { count, integer, list, object, type ObjectSchema, type Schema } from "./schema-forms.js";

function identifier(description: string): Schema {
  return {
    type: "string",
    minLength: 1,
    maxLength: MAX_IDENTIFIER_LENGTH,
    pattern: IDENTIFIER.source,
    description,
    "x-error": "invalid_identifier",
  };
}

export function reference(name: keyof typeof COMPONENTS): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

const MAX = Number.MAX_SAFE_INTEGER;

export const position = (description: string): Schema => integer(0, MAX, description);
export const cursorName: Schema = identifier("The cursor's name. Default: the reader's id.");
export const groupName: Schema = identifier("Each group works every message off once. Default: default.");
export const readerId: Schema = identifier("Whose cursor.");
export const workerId: Schema = identifier("Tells workers of one reader apart, so that working holds over all the calls of one.");
export const callId: Schema = identifier("Names the call: repeated under the same name, it is answered with what it was granted.");
export const messageId: Schema = identifier("A message's id.");
export const pageLimit: Schema = integer(1, MAX_READ_LIMIT, "Most messages to return. Default 100.");
export const leaseMs: Schema = integer(MIN_LEASE_MS, MAX_LEASE_MS, "How long the lease runs, in ms. Default: the channel's.");
export const waitMs: Schema = integer(0, MAX_WAIT_MS, "How long to wait for a message when there is none, in ms. Default 0.");
export const delayMs: Schema = integer(0, MAX_DELAY_MS, "After how many ms the message can be claimed. Default 0.");
export const claimLimit: Schema = integer(1, MAX_CLAIMS, "Most messages to claim. Default 1.");
export const working: Schema = integer(0, MAX_CLAIMS, "How many of the messages are worked on at once. Default: all.");
export const receipts: Schema = {
  type: "array",
  items: { type: "string", maxLength: 256 },
  maxItems: MAX_CLAIMS,
  description: "The receipts that came with the claims.",
};
export const reason: Schema = {
  type: "string",
  description: "Why, for whoever looks at the dead letters. At most 1 000 characters are kept.",
};

export const priority = (description: string): Schema => integer(0, MAX_PRIORITY, description);
export const jobState: Schema = {
  type: "string",
  enum: ["ready", "claimed", "resting", "dead", "cancelled", "settled"],
  description: "Where the messages are in the group.",
};
export const jobsLimit: Schema = integer(1, 1_000, "Most messages to list. Default 100.");
export const orderLimit: Schema = integer(1, MAX_ORDERS, "Of those in a state: most of them. Default 1000.");
export const messageIds: Schema = list(messageId, MAX_ORDERS);
export const progress: Schema = { description: "How far the work is: any JSON value of 16 KiB at the most.", "x-error": "invalid_content" };

const anyContent: Schema = { description: "Any JSON value.", "x-error": "invalid_content" };
const metadata: Schema = { type: "object", description: "Any JSON object.", "x-error": "invalid_content" };

/** A condition of a scan. */
export const scanCondition: ObjectSchema = object(
  {
    path: { type: "string", maxLength: 256, description: "Such as content.price, metadata.source, senderId." },
    is: { type: "string", enum: ["equal", "different", "less", "greater", "containing", "there", "missing"] },
    value: { description: "Any JSON value." },
  },
  ["path", "is"],
);

/** What one message is written with. */
export const writeEntry: ObjectSchema = {
  ...object(
    {
      content: anyContent,
      id: identifier("The message's id: writing it twice stores it once. Left out: the host makes one."),
      correlationId: identifier("Threads messages together."),
      replyTo: identifier("The channel that replies go to."),
      recipientId: identifier("Who it is for, in a mailbox."),
      metadata,
      key: identifier("Of one key, one message at a time is handed out in a group, in the order of their sequences."),
      priority: priority("Higher ones are handed out first. Default 4."),
      supersede: identifier("Replaces the last message of this name, wherever that waits."),
      delayMs,
      ttlMs: integer(1, MAX_DELAY_MS, "How long the message is delivered and handed out, in ms. Default: for ever."),
    },
    ["content"],
  ),
  "x-error": "invalid_content",
};

export const ifLast: Schema = integer(0, MAX, "Only if this is the last sequence of the channel.");

/** What one message is written with that is written by itself. */
export const conditionalEntry: ObjectSchema = { ...writeEntry, properties: { ...writeEntry.properties, ifLast } };

const retention: ObjectSchema = object(
  {
    maxAgeMs: count("Oldest age, in ms."),
    maxCount: count("Messages."),
    maxBytes: count("Bytes."),
    keepUnsettled: { type: "boolean" },
    maxDeadAgeMs: count("How long dead letters are kept, in ms."),
  },
  [],
  "What is kept; left out: everything, for ever.",
);

/** Schemas that several answers share. */
export const COMPONENTS = {
  Message: object(
    {
      id: messageId,
      sequence: integer(1, MAX, "The position in its channel."),
      timestamp: { type: "integer", description: "The log's time, in ms since the Unix epoch." },
      senderId: { type: "string", description: "Who wrote it, by the token." },
      content: { description: "Any JSON value." },
      metadata: { type: "object" },
      correlationId: { type: "string" },
      replyTo: { type: "string" },
      recipientId: { type: "string" },
      key: { type: "string", description: "Of one key, one message at a time is handed out in a group." },
      priority: { type: "integer", description: "From 0 to 9; left out: 4." },
      supersede: { type: "string", description: "The name under which a later message may replace it." },
      availableAt: { type: "integer", description: "From when on it can be claimed, in ms since the Unix epoch." },
      validUntil: { type: "integer", description: "Until when it is delivered and handed out, in ms since the Unix epoch." },
    },
    ["id", "sequence", "timestamp", "senderId", "content", "metadata"],
  ),
  Receipt: object(
    {
      id: messageId,
      sequence: integer(1, MAX),
      duplicate: { type: "boolean", description: "Whether the message was there already." },
      timestamp: { type: "integer", description: "When it was stored, by the log's clock, in ms since the Unix epoch." },
    },
    ["id", "sequence", "duplicate"],
  ),
  Page: object(
    {
      messages: list({ $ref: "#/components/schemas/Message" }),
      position: position("What to commit once these messages are dealt with, and where the next read goes on."),
      skipped: count("How many messages were removed before this reader got to them."),
      log: { type: "string", description: "Who the log is: positions mean something in this one only." },
    },
    ["messages", "position", "skipped", "log"],
  ),
  Claim: object(
    {
      message: { $ref: "#/components/schemas/Message" },
      receipt: { type: "string", description: "The fencing token: settling takes this very one." },
      deliveries: integer(1, MAX, "How often the message was handed out, this time included."),
      expiresAt: { type: "integer", description: "When the lease ends, in ms since the Unix epoch by the host's clock." },
      leaseMs: { type: "number", description: "How much is left of the lease, in ms, as the answer is given." },
    },
    ["message", "receipt", "deliveries", "expiresAt", "leaseMs"],
  ),
  SettleResult: object(
    {
      receipt: { type: "string" },
      status: {
        type: "string",
        enum: ["acknowledged", "already_acknowledged", "released", "dead_lettered", "extended", "lost", "cancelled", "unknown"],
      },
      expiresAt: { type: "integer" },
      reason: { type: "string", description: "Why it was cancelled." },
    },
    ["receipt", "status"],
  ),
  ChannelInfo: object(
    {
      id: { type: "string" },
      name: { type: "string" },
      description: { type: "string" },
      kind: { type: "string", enum: CHANNEL_KINDS },
      visibility: { type: "string", enum: ["public", "private"] },
      periodMs: { type: "integer" },
      shared: { type: "boolean", description: "A work queue that may be read as well." },
      backoff: object({ initialMs: { type: "number" }, factor: { type: "number" }, maxMs: { type: "number" } }),
      retention,
      maintenanceIntervalMs: { type: "integer", description: "How often retention is applied, in ms." },
      endpoints: list(object({ transport: { type: "string" }, url: { type: "string" } }, ["transport", "url"])),
    },
    ["id", "name", "description", "kind", "visibility", "endpoints"],
  ),
  DeadMessage: object(
    {
      message: { $ref: "#/components/schemas/Message" },
      deliveries: integer(0, MAX),
      reason: { type: "string" },
      diedAt: { type: "integer" },
      deathId: { type: "string" },
      readerId: { type: "string", description: "Who had it last." },
    },
    ["message", "deliveries"],
  ),
  Stats: stats,
  Counts: counts,
  CursorInfo: cursorInfo,
  OrderResult: object(
    { id: { type: "string" }, status: { type: "string", enum: ["cancelled", "rescheduled", "held", "settled", "unknown"] } },
    ["id", "status"],
  ),
  Job: object(
    {
      id: { type: "string" },
      sequence: integer(1, MAX),
      state: jobState,
      deliveries: integer(0, MAX, "How often it was handed out."),
      priority: priority("Higher ones are handed out first."),
      key: { type: "string" },
      readerId: { type: "string", description: "Who has it, or had it last." },
      leaseMs: { type: "number", description: "How much is left of its lease, in ms." },
      availableInMs: { type: "number", description: "In how many ms its rest is over." },
      reason: { type: "string", description: "What its last delivery ended with, or why it was cancelled." },
      progress: { description: "How far its handler said that it was." },
      sinceMs: { type: "number", description: "How long ago it died, was cancelled, or was settled, in ms." },
      waiting: object(
        {
          reason: { type: "string", enum: ["paused", "max_in_flight", "rate", "behind"] },
          id: { type: "string", description: "The message of its key that comes first." },
          sequence: integer(1, MAX),
        },
        ["reason"],
        "Why it is not handed out though it is ready.",
      ),
    },
    ["id", "sequence", "state", "priority"],
  ),
  Topology: topology,
  Problem: object(
    {
      type: { type: "string" },
      title: { type: "string" },
      status: { type: "integer" },
      detail: { type: "string", description: "What was wrong, with which value, and what to do." },
      code: { type: "string", description: "Stable; branch on this." },
      retryable: { type: "boolean", description: "Whether the same request can succeed later." },
      details: { type: "object" },
    },
    ["type", "title", "status", "detail", "code", "retryable", "details"],
  ),
} as const satisfies Record<string, ObjectSchema>;
