import { SSSNError, describe } from "../errors.js";
import { isIdentifier, validateIdentifier, validateInteger } from "../identifiers.js";
import type {
  ClearFilter,
  CursorPage,
  CursorsOptions,
  DeadLettersOptions,
  HistoryOptions,
  Positions,
  ReadResult,
} from "../ports/channel-port.js";
import type { ChannelLog, CursorKey, DeadMessage, LogCounts, LogStats, RetentionPolicy } from "../ports/message-store.js";
import { checkRetention } from "./channel-options.js";
import { groupName } from "./work/claiming.js";
import { MAX_READ_LIMIT, positionsIn, resolveTarget } from "./reading/log-reading.js";

/** The largest page of cursors. */
export const MAX_CURSORS = 1_000;
const MAX = Number.MAX_SAFE_INTEGER;
const CLEAR_PAGE = 1_000;
const EVICT_PIECE = 10_000;
const CLEAR_BYTES = 16 * 1024 * 1024;

export async function history(log: ChannelLog, options: HistoryOptions, maxBytes: number): Promise<ReadResult<unknown>> {
  const { after, before } = options;
  const limit = validateInteger("limit", options.limit ?? 100, 1, MAX_READ_LIMIT);
  if (before === undefined)
    return { ...(await log.read({ after: validateInteger("after", after ?? 0, 0, MAX), limit, maxBytes })), log: log.identity };
  if (after !== undefined)
    throw new SSSNError("invalid_argument", "History is read forwards with after, or backwards with before: give one of them.");
  const page = await log.readBefore({ before: validateInteger("before", before, 0, MAX), limit, maxBytes });
  return { ...page, log: log.identity };
}

/** Where reading would begin for a time. */
export async function locate(
  log: ChannelLog,
  adminId: string,
  target: { readonly timestamp: number },
): Promise<Positions & { readonly position: number }> {
  const positions = await positionsIn(log, adminId, {});
  return { ...positions, position: await resolveTarget(log, { timestamp: target.timestamp }) };
}

/** Removes what is in the log now and satisfies the filter; what is written meanwhile stays. */
export async function clear(log: ChannelLog, filter: ClearFilter<unknown> = () => true): Promise<number> {
  const { last } = await log.bounds();
  let [removed, after] = [0, 0];
  while (after < last) {
    const page = await log.read({ after, limit: CLEAR_PAGE, maxBytes: CLEAR_BYTES });
    const ids = page.messages.filter((message) => message.sequence <= last && filter(message)).map(({ id }) => id);
    if (ids.length > 0) removed += await log.remove(ids);
    after = page.position;
  }
  return removed;
}

/** @param goesOn asked between pieces. */
export async function evict(
  log: ChannelLog,
  policy: RetentionPolicy,
  goesOn: () => Promise<boolean> = () => Promise.resolve(true),
): Promise<number> {
  const checked = checkRetention(policy);
  for (let removed = 0; ;) {
    const piece = await log.evict(checked, { most: EVICT_PIECE });
    removed += piece;
    if (piece < EVICT_PIECE || !(await goesOn())) return removed;
  }
}

export function remove(log: ChannelLog, ids: readonly string[]): Promise<number> {
  if (!Array.isArray(ids)) throw new SSSNError("invalid_argument", `remove() takes a list of message ids, but got ${describe(ids)}.`);
  for (const id of ids) validateIdentifier("message id", id);
  return log.remove(ids);
}

export function deadLetters(log: ChannelLog, options: DeadLettersOptions): Promise<readonly DeadMessage[]> {
  return log.dead(groupName(options), {
    after: validateInteger("after", options.after ?? 0, 0, MAX),
    limit: validateInteger("limit", options.limit ?? 100, 1, MAX_READ_LIMIT),
  });
}

/**
 * The log in figures. Groups that are declared, and the default one of a work queue, are there before anybody has come: the work that waits
 * for them is what an alarm is set on.
 */
export async function stats(log: ChannelLog, expected: readonly string[]): Promise<LogStats> {
  const known = await log.stats();
  const missing = missingIn(known, expected);
  if (missing.length === 0) return known;
  const untouched = await log.untouched();
  return { ...known, groups: [...known.groups, ...missing.map((group) => ({ group, ...untouched }))] };
}

/** What is counted of it, with the same groups. */
export async function counts(log: ChannelLog, expected: readonly string[]): Promise<LogCounts> {
  const known = await log.counts();
  const missing = missingIn(known, expected);
  if (missing.length === 0) return known;
  const { oldestUnfinishedMs: _oldestUnfinishedMs, ...untouched } = await log.untouched();
  return { ...known, groups: [...known.groups, ...missing.map((group) => ({ group, ...untouched }))] };
}

function missingIn({ groups }: LogCounts, expected: readonly string[]): string[] {
  return expected.filter((group) => !groups.some((other) => other.group === group));
}

/** A page of cursors. */
export async function cursors(log: ChannelLog, { after, limit = 100 }: CursorsOptions): Promise<CursorPage> {
  validateInteger("limit", limit, 1, MAX_CURSORS);
  // One more says whether there are more.
  const found = await log.cursors({ limit: limit + 1, ...(after === undefined ? {} : { after: cursorAt(after) }) });
  const last = found.length > limit ? found[limit - 1] : undefined;
  return { cursors: found.slice(0, limit), ...(last === undefined ? {} : { next: `${last.owner}!${last.name}` }) };
}

/** @throws SSSNError `invalid_argument`. */
function cursorAt(place: unknown): CursorKey {
  const [owner, name, ...others] = typeof place === "string" ? place.split("!") : [];
  if (owner !== undefined && name !== undefined && others.length === 0 && [owner, name].every(isIdentifier)) return { owner, name };
  throw new SSSNError("invalid_argument", `after takes the next of the page of cursors before, but is ${describe(place)}.`);
}
