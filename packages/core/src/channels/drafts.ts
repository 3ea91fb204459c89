import { SSSNError, describe } from "../errors.js";
import { validateIdentifier, validateInteger } from "../identifiers.js";
import { freezeJsonWithin } from "../json.js";
import type { JsonValue } from "../json-value.js";
import { NO_METADATA, type MessageDraft, type Metadata } from "../message.js";
import type { WriteOptions } from "../ports/channel-port.js";
import { TOO_LATE, within } from "../within.js";
import type { ResolvedChannelOptions } from "./channel-options.js";
import { MAX_DELAY_MS } from "./work/claim-bounds.js";
import { validatePriority } from "./work/work-orders.js";
import { validateContent, type StandardSchema } from "./standard-schema.js";

const SCHEMA_TIMEOUT_MS = 30_000;

/** Most messages of one batch. */
export const MAX_BATCH = 10_000;

/** The longest time to live: as long as the longest delay. */
const MAX_TTL_MS = MAX_DELAY_MS;

/**
 * Turns what a writer gives into what a log takes: validated, copied and frozen, with the sender that the channel knows.
 *
 * @throws SSSNError `invalid_content`, `content_too_large`, `content_rejected`, `invalid_identifier`, `invalid_argument`.
 */
export async function makeDraft<Content, Written>(
  channel: ResolvedChannelOptions<Content, Written>,
  senderId: string,
  content: unknown,
  options: WriteOptions,
): Promise<MessageDraft> {
  const checked = channel.schema ? await checkContent(channel, channel.schema, content) : content;
  const { id, correlationId, replyTo, recipientId, metadata, key, priority, supersede, delayMs, ttlMs } = options;
  return {
    senderId,
    content: freezeJsonWithin(channel.maxContentBytes, checked),
    metadata: metadata === undefined ? NO_METADATA : freezeMetadata(channel.maxContentBytes, metadata),
    ...(id === undefined ? {} : { id: validateIdentifier("message id", id) }),
    ...(correlationId === undefined ? {} : { correlationId: validateIdentifier("correlation id", correlationId) }),
    ...(replyTo === undefined ? {} : { replyTo: validateIdentifier("replyTo channel id", replyTo) }),
    ...(recipientId === undefined ? {} : { recipientId: validateIdentifier("recipient id", recipientId) }),
    ...(key === undefined ? {} : { key: validateIdentifier("key", key) }),
    ...(priority === undefined ? {} : { priority: validatePriority(priority) }),
    ...(supersede === undefined ? {} : { supersede: validateIdentifier("name to supersede", supersede) }),
    ...(ttlMs === undefined ? {} : { ttlMs: validateInteger("ttlMs", ttlMs, 1, MAX_TTL_MS) }),
    ...(delayMs === undefined ? {} : { delayMs: validateInteger("delayMs", delayMs, 0, MAX_DELAY_MS) }),
  };
}

/** A schema may be asynchronous, and may never answer: then the write ends, and those behind it go on. */
async function checkContent<Content, Written>(
  channel: ResolvedChannelOptions<Content, Written>,
  schema: StandardSchema<Written, Content>,
  content: unknown,
): Promise<Content> {
  const checked = await within(channel.clock, SCHEMA_TIMEOUT_MS, validateContent(schema, content, `Channel ${channel.id}`));
  if (checked !== TOO_LATE) return checked;
  throw new SSSNError(
    "timeout",
    `The schema of channel ${channel.id} did not judge a message within ${SCHEMA_TIMEOUT_MS} ms. Nothing was stored.`,
  );
}

function freezeMetadata(maxBytes: number, metadata: unknown): Metadata {
  const frozen = freezeJsonWithin(maxBytes, metadata, "metadata");
  if (typeof frozen === "object" && frozen !== null && !isArray(frozen)) return frozen;
  throw new SSSNError("invalid_content", `metadata must be an object, but is ${describe(metadata)}.`, { details: { path: "metadata" } });
}

/** `Array.isArray` does not narrow readonly arrays away. */
function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
