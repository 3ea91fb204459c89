import type { Clock } from "../../clock.js";
import { SSSNError, describe } from "../../errors.js";
import { validateInteger } from "../../identifiers.js";
import { jsonEquals } from "../../json.js";
import type { JsonValue } from "../../json-value.js";
import type { ChannelMessage } from "../../message.js";
import type { ScanCondition, ScanOptions, ScanResult } from "../../ports/channel-port.js";
import type { ChannelLog } from "../../ports/message-store.js";

const PAGE = 500;
const PAGE_BYTES = 4 * 1024 * 1024;
const MAX_MATCHES = 1_000;
const MAX_SCANNED = 100_000;
const MAX_MS = 10_000;
const MAX_CONDITIONS = 16;
const MAX_PATH_LENGTH = 256;
/** So many scans of one channel at once: each reads the log through. */
const MOST_AT_ONCE = 3;

/** What a path may begin with. */
const ROOTS: ReadonlySet<string> = new Set([
  "content",
  "metadata",
  "id",
  "senderId",
  "recipientId",
  "correlationId",
  "replyTo",
  "key",
  "priority",
]);

const COMPARISONS: Readonly<Record<ScanCondition["is"], (found: JsonValue | undefined, value: JsonValue | undefined) => boolean>> = {
  equal: (found, value) => found !== undefined && jsonEquals(found, value),
  different: (found, value) => found === undefined || !jsonEquals(found, value),
  less: (found, value) => compare(found, value, (difference) => difference < 0),
  greater: (found, value) => compare(found, value, (difference) => difference > 0),
  containing: (found, value) => contains(found, value),
  there: (found) => found !== undefined,
  missing: (found) => found === undefined,
};

function compare(found: JsonValue | undefined, value: JsonValue | undefined, holds: (difference: number) => boolean): boolean {
  if (typeof found === "number" && typeof value === "number") return holds(found - value);
  if (typeof found === "string" && typeof value === "string") return holds(found < value ? -1 : found > value ? 1 : 0);
  return false;
}

function contains(found: JsonValue | undefined, value: JsonValue | undefined): boolean {
  if (typeof found === "string") return typeof value === "string" && found.includes(value);
  return Array.isArray(found) && found.some((item: JsonValue) => jsonEquals(item, value));
}

/** Scans of one channel: a few at once, each with bounds. */
export class Scanner {
  readonly #channelId: string;
  readonly #clock: Clock;
  #running = 0;

  constructor(channelId: string, clock: Clock) {
    this.#channelId = channelId;
    this.#clock = clock;
  }

  /** @throws SSSNError `backpressure`, `invalid_argument`, `position_ahead`. */
  async scan(log: ChannelLog, options: ScanOptions): Promise<ScanResult<unknown>> {
    const accepts = matcher(options.where);
    const limit = validateInteger("limit", options.limit ?? 100, 1, MAX_MATCHES);
    const maxScanned = validateInteger("maxScanned", options.maxScanned ?? 10_000, 1, MAX_SCANNED);
    const maxMs = validateInteger("maxMs", options.maxMs ?? 1_000, 1, MAX_MS);
    const after = validateInteger("after", options.after ?? 0, 0, Number.MAX_SAFE_INTEGER);
    if (this.#running >= MOST_AT_ONCE)
      throw new SSSNError("backpressure", `Channel ${this.#channelId} is scanned ${MOST_AT_ONCE} times already; try again in a moment.`, {
        details: { retryAfterMs: 1_000 },
      });
    this.#running++;
    try {
      return await this.#walk(log, { accepts, limit, maxScanned, until: this.#clock.monotonic() + maxMs, after });
    } finally {
      this.#running--;
    }
  }

  async #walk(
    log: ChannelLog,
    { accepts, limit, maxScanned, until, after }: { accepts: Matcher; limit: number; maxScanned: number; until: number; after: number },
  ): Promise<ScanResult<unknown>> {
    const { last } = await log.bounds();
    const messages: ChannelMessage[] = [];
    let [scanned, position, isOver] = [0, after, false];
    while (!isOver && messages.length < limit && scanned < maxScanned) {
      const page = await log.read({ after: position, limit: Math.min(PAGE, maxScanned - scanned), maxBytes: PAGE_BYTES });
      for (const message of page.messages) {
        scanned++;
        position = message.sequence;
        if (accepts(message)) messages.push(message);
        if (messages.length === limit) break;
      }
      if (messages.length < limit) position = page.position;
      isOver = position >= last || this.#clock.monotonic() >= until;
    }
    return { messages, position, scanned, isComplete: position >= last, log: log.identity };
  }
}

type Matcher = (message: ChannelMessage) => boolean;

/** @throws SSSNError `invalid_argument`, naming the condition. */
function matcher(where: readonly ScanCondition[] = []): Matcher {
  if (!Array.isArray(where) || where.length > MAX_CONDITIONS)
    throw new SSSNError("invalid_argument", `where takes a list of at most ${MAX_CONDITIONS} conditions, but is ${describe(where)}.`);
  const conditions = where.map((condition: ScanCondition) => {
    const path = checkPath(condition.path);
    const holds = Object.hasOwn(COMPARISONS, condition.is) ? COMPARISONS[condition.is] : undefined;
    if (!holds)
      throw new SSSNError(
        "invalid_argument",
        `A condition is one of ${Object.keys(COMPARISONS).join(", ")}, but this is ${describe(condition.is)}.`,
      );
    return { path, holds, value: condition.value };
  });
  return (message) => conditions.every(({ path, holds, value }) => holds(valueAt(message, path), value));
}

function checkPath(path: unknown): readonly string[] {
  const parts = typeof path === "string" && path.length <= MAX_PATH_LENGTH ? path.split(".") : [];
  if (ROOTS.has(parts[0] ?? "")) return parts;
  throw new SSSNError(
    "invalid_argument",
    `A path begins with one of ${[...ROOTS].join(", ")} and goes on with members, such as content.price, but is ${describe(path)}.`,
  );
}

/** Own members only: a path never reaches into what a value inherits. */
function valueAt(message: ChannelMessage, path: readonly string[]): JsonValue | undefined {
  let value: unknown = message;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value as JsonValue;
}
