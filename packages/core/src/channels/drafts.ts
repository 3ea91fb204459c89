import { SSSNError, describe } from "../errors.js";
import { validateIdentifier, validateInteger } from "../identifiers.js";
import { freezeJsonWithin } from "../json.js";
import type { JsonValue } from "../json-value.js";
import { NO_METADATA, type MessageDraft, type Metadata } from "../message.js";
import type { WriteOptions } from "../ports/channel-port.js";
import type { ResolvedChannelOptions } from "./channel-options.js";
import { validateContent } from "./standard-schema.js";

/** Most messages of one batch. */
export const MAX_BATCH = 10_000;

/** The longest delay of a message or a nack: ten years. */
export const MAX_DELAY_MS = 10 * 366 * 24 * 60 * 60 * 1000;

/**
 * Turns what a writer gives into what a log takes: validated, copied and frozen, with the sender that the channel knows.
 *
 * @throws SSSNError `invalid_content`, `content_too_large`, `content_rejected`, `invalid_identifier`, `invalid_argument`.
 */
export async function makeDraft<Content>(
  channel: ResolvedChannelOptions<Content>,
  senderId: string,
  content: unknown,
  options: WriteOptions,
): Promise<MessageDraft> {
  const checked = channel.schema ? await validateContent(channel.schema, content, `Channel ${channel.id}`) : content;
  const { id, correlationId, replyTo, recipientId, metadata, delayMs } = options;
  return {
    timestamp: channel.clock.now(),
    senderId,
    content: freezeJsonWithin(channel.maxContentBytes, checked),
    metadata: metadata === undefined ? NO_METADATA : freezeMetadata(channel.maxContentBytes, metadata),
    ...(id === undefined ? {} : { id: validateIdentifier("message id", id) }),
    ...(correlationId === undefined ? {} : { correlationId: validateIdentifier("correlation id", correlationId) }),
    ...(replyTo === undefined ? {} : { replyTo: validateIdentifier("replyTo channel id", replyTo) }),
    ...(recipientId === undefined ? {} : { recipientId: validateIdentifier("recipient id", recipientId) }),
    ...(delayMs === undefined ? {} : { delayMs: validateInteger("delayMs", delayMs, 0, MAX_DELAY_MS) }),
  };
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
