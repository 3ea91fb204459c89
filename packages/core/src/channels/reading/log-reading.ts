import { SSSNError, describe } from "../../errors.js";
import { validateIdentifier, validateInteger } from "../../identifiers.js";
import type { ChannelMessage } from "../../message.js";
import { checkIdentity, isPast } from "../../log-state/checks.js";
import type {
  CommitOptions,
  CursorOptions,
  Positions,
  ReadOptions,
  ReadResult,
  SeekTarget,
  StartPosition,
  SubscribeOptions,
} from "../../ports/channel-port.js";
import type { ChannelLog, CursorKey, LogPage } from "../../ports/message-store.js";

/** The largest page of a read. */
export const MAX_READ_LIMIT = 10_000;

/** For whom, and how much at once. */
interface ReadBounds {
  readonly audience: string | undefined;
  readonly maxBytes: number;
}

/** The messages behind a position that are still delivered: whole pages of what is past its time are passed over. */
export async function readPresent(read: (after: number) => Promise<LogPage>, log: ChannelLog, after: number): Promise<LogPage> {
  for (let from = after; ;) {
    const page = await read(from);
    if (page.messages.every(({ validUntil }) => validUntil === undefined)) return page;
    const now = log.now();
    const messages = page.messages.filter((message) => !isPast(message, now));
    if (messages.length > 0) return { ...page, messages };
    from = page.position;
  }
}

/** One message, if it is still delivered and the audience may see it. @throws SSSNError `invalid_identifier`. */
export async function findIn(log: ChannelLog, id: string, audience: string | undefined): Promise<ChannelMessage | undefined> {
  const message = await log.get(validateIdentifier("message id", id));
  if (!message || isPast(message, log.now())) return undefined;
  const isOthers = audience !== undefined && message.recipientId !== undefined && message.recipientId !== audience;
  return isOthers ? undefined : message;
}

/** Reads a page behind a cursor or an explicit position, and commits what the options say. */
export async function readLog(log: ChannelLog, readerId: string, options: ReadOptions, bounds: ReadBounds): Promise<ReadResult<unknown>> {
  const { after, commit } = options;
  checkIdentity(log.channelId, log, options.log, after ?? (typeof commit === "number" ? commit : undefined));
  const read = async (from: number): Promise<ReadResult<unknown>> => {
    const page = await readPresent((behind) => log.read({ after: behind, limit, ...bounds }), log, from);
    return { ...page, log: log.identity };
  };
  const limit = validateInteger("limit", options.limit ?? 100, 1, MAX_READ_LIMIT);
  const key = cursorKey(readerId, options);
  if (after !== undefined) {
    if (commit !== undefined)
      throw new SSSNError("invalid_argument", "Reading with `after` moves no cursor, so it takes no `commit`: use one of them.");
    return read(position("after", after));
  }
  if (typeof commit === "number") await log.moveCursor(key, position("commit", commit));
  else if (commit !== undefined && commit !== "on-delivery")
    throw new SSSNError("invalid_argument", `commit takes a sequence or "on-delivery", but is ${describe(commit)}.`);
  const page = await read(await standing(log, key));
  if (commit === "on-delivery") await log.moveCursor(key, page.position);
  return page;
}

export async function commitCursor(log: ChannelLog, readerId: string, sequence: number, options: CommitOptions): Promise<number> {
  checkIdentity(log.channelId, log, options.log, sequence);
  return log.moveCursor(cursorKey(readerId, options), position("position", sequence));
}

export async function positionsIn(log: ChannelLog, readerId: string, options: CursorOptions): Promise<Positions> {
  const [bounds, cursor] = await Promise.all([log.bounds(), log.cursor(cursorKey(readerId, options))]);
  const { identity, predecessors } = log;
  return {
    ...bounds,
    ...(cursor === undefined ? {} : { cursor }),
    log: identity,
    ...(predecessors.length === 0 ? {} : { predecessors }),
    now: log.now(),
  };
}

export async function seekCursor(log: ChannelLog, readerId: string, target: SeekTarget, options: CursorOptions): Promise<number> {
  return log.moveCursor(cursorKey(readerId, options), await resolveTarget(log, target), { rewind: true });
}

/** Where a subscriber or stream begins: behind its cursor, or where `from` says. */
export async function startPosition(log: ChannelLog, systemId: string, options: SubscribeOptions): Promise<number> {
  const { from } = options;
  checkIdentity(log.channelId, log, options.log, typeof from === "object" ? from.after : undefined);
  if (options.cursor !== undefined) {
    const known = await log.cursor(cursorKey(systemId, options));
    if (known !== undefined) return known;
  }
  return resolveStart(log, from ?? "now");
}

async function resolveStart(log: ChannelLog, from: StartPosition): Promise<number> {
  const { first, last } = await log.bounds();
  if (from === "now") return last;
  if (from === "start") return first - 1;
  if (typeof from !== "object")
    throw new SSSNError("invalid_argument", `from takes "now", "start" or { after: sequence }, but is ${describe(from)}.`);
  const after = position("from.after", from.after);
  // Asked here, so that a position from another log is refused at once and not by a stream that breaks off later.
  await log.read({ after, limit: 1 });
  return after;
}

/** A cursor that was never moved stands before the first kept message. */
async function standing(log: ChannelLog, key: CursorKey): Promise<number> {
  return (await log.cursor(key)) ?? (await log.bounds()).first - 1;
}

/** The position that a target names. */
export async function resolveTarget(log: ChannelLog, target: SeekTarget): Promise<number> {
  const { first, last } = await log.bounds();
  if (target === "start") return first - 1;
  if (target === "end") return last;
  if (typeof target === "object" && "sequence" in target) return position("sequence", target.sequence);
  if (typeof target === "object" && "timestamp" in target)
    return positionBefore(log, validateInteger("timestamp", target.timestamp, 0, Number.MAX_SAFE_INTEGER), first, last);
  throw new SSSNError(
    "invalid_argument",
    `A cursor is sought to "start", "end", { sequence } or { timestamp }, but got ${describe(target)}.`,
  );
}

/** The position just before the first message that is as new as a timestamp, found by halving. */
async function positionBefore(log: ChannelLog, timestamp: number, first: number, last: number): Promise<number> {
  let [low, high] = [first, last + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const next: ChannelMessage | undefined = (await log.read({ after: middle - 1, limit: 1 })).messages[0];
    if (next && next.timestamp < timestamp) low = next.sequence + 1;
    else high = middle;
  }
  return low - 1;
}

export function cursorKey(readerId: string, { cursor }: CursorOptions): CursorKey {
  return { owner: readerId, name: cursor === undefined ? readerId : validateIdentifier("cursor name", cursor) };
}

function position(what: string, value: unknown): number {
  return validateInteger(what, value, 0, Number.MAX_SAFE_INTEGER);
}
