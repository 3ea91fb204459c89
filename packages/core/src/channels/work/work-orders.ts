import { SSSNError, describe } from "../../errors.js";
import { validateBoolean, validateIdentifier, validateInteger } from "../../identifiers.js";
import { MAX_PRIORITY } from "../../log-state/work-lane.js";
import type {
  CancelOptions,
  JobSelection,
  JobsOptions,
  RegimeOptions,
  RequeueOptions,
  RescheduleOptions,
  SettleOptions,
} from "../../ports/channel-port.js";
import type { ChannelLog, GroupRegime, JobInfo, JobPage, JobState, OrderResult } from "../../ports/message-store.js";
import { MAX_DELAY_MS } from "./claim-bounds.js";
import { groupName, reasonOf } from "./claiming.js";

/** Most messages of one order. */
export const MAX_ORDERS = 10_000;
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;
/** The longest time that a rate is counted over: a week. */
const MAX_RATE_MS = 7 * 24 * 60 * 60 * 1000;
const MAX_COUNT = 1_000_000;

const STATES: readonly JobState[] = ["ready", "claimed", "resting", "dead", "cancelled", "settled"];
const REGIME_OPTIONS: ReadonlySet<string> = new Set<keyof GroupRegime>(["paused", "maxInFlight", "rate"]);

/** @throws SSSNError `invalid_argument`. */
export function validatePriority(priority: unknown): number {
  return validateInteger("priority", priority, 0, MAX_PRIORITY);
}

/** What bounds a group's work from now on. @throws SSSNError `invalid_argument`. */
export async function setRegime(log: ChannelLog, regime: GroupRegime, options: RegimeOptions): Promise<void> {
  return log.setRegime(groupName(options), checkRegime(regime));
}

function checkRegime(regime: GroupRegime): GroupRegime {
  if (typeof regime !== "object" || regime === null)
    throw new SSSNError("invalid_argument", `A regime is an object with paused, maxInFlight or rate, but this is ${describe(regime)}.`);
  const unknown = Object.keys(regime).find((name) => !REGIME_OPTIONS.has(name));
  if (unknown !== undefined)
    throw new SSSNError("invalid_argument", `A regime has no ${describe(unknown)}: it takes ${[...REGIME_OPTIONS].join(", ")}.`);
  const { paused, maxInFlight, rate } = regime;
  return {
    ...(paused === undefined || !validateBoolean("paused", paused) ? {} : { paused }),
    ...(maxInFlight === undefined ? {} : { maxInFlight: validateInteger("maxInFlight", maxInFlight, 1, MAX_COUNT) }),
    ...(rate === undefined ? {} : { rate: checkRate(rate) }),
  };
}

function checkRate(rate: NonNullable<GroupRegime["rate"]>): NonNullable<GroupRegime["rate"]> {
  if (typeof rate !== "object" || rate === null)
    throw new SSSNError("invalid_argument", `A rate is { count, perMs }, but this is ${describe(rate)}.`);
  return {
    count: validateInteger("rate.count", rate.count, 1, MAX_COUNT),
    perMs: validateInteger("rate.perMs", rate.perMs, 1, MAX_RATE_MS),
  };
}

/** Settles messages as cancelled. @throws SSSNError `invalid_argument`, `invalid_identifier`. */
export async function cancel(
  log: ChannelLog,
  which: readonly string[] | JobSelection,
  options: CancelOptions,
): Promise<readonly OrderResult[]> {
  const [group, { reason }] = [groupName(options), reasonOf(options)];
  return log.cancel(group, await idsOf(log, group, which), reason);
}

/** Moves messages that nobody has. @throws SSSNError `invalid_argument`, `invalid_identifier`. */
export async function reschedule(log: ChannelLog, ids: readonly string[], options: RescheduleOptions): Promise<readonly OrderResult[]> {
  const { at, delayMs, priority } = options;
  if (at !== undefined && delayMs !== undefined)
    throw new SSSNError("invalid_argument", "A message is moved to a time with at, or by a time with delayMs: give one of them.");
  const time = at === undefined ? undefined : validateInteger("at", at, 0, Number.MAX_SAFE_INTEGER);
  const restMs = time === undefined ? delayMs : Math.max(0, time - log.now());
  return log.reschedule(groupName(options), checkIds(ids), {
    ...(restMs === undefined ? {} : { delayMs: validateInteger(at === undefined ? "delayMs" : "at", restMs, 0, MAX_DELAY_MS) }),
    ...(priority === undefined ? {} : { priority: validatePriority(priority) }),
  });
}

/** Makes dead letters, or what was cancelled, available again. @throws SSSNError `invalid_argument`, `invalid_identifier`. */
export async function requeue(log: ChannelLog, options: RequeueOptions): Promise<number> {
  const group = groupName(options);
  const { ids, state } = options;
  if (state === undefined) return log.requeue(group, ids && checkIds(ids));
  if (ids !== undefined) throw new SSSNError("invalid_argument", "Messages are chosen by their ids or by their state: give one of them.");
  return log.requeue(group, await idsOf(log, group, { state, ...(options.limit === undefined ? {} : { limit: options.limit }) }));
}

/** The whole state of a message. @throws SSSNError `not_found`. */
export async function job(log: ChannelLog, id: string, options: SettleOptions): Promise<JobInfo> {
  const found = await log.job(groupName(options), validateIdentifier("message id", id));
  if (found) return found;
  throw new SSSNError("not_found", `Channel ${log.channelId} holds no message with the id ${describe(id)}. It may have been removed.`, {
    details: { id },
  });
}

/** Messages of a group that are in a state. @throws SSSNError `invalid_argument`. */
export async function jobs(log: ChannelLog, options: JobsOptions): Promise<JobPage> {
  return log.jobs(groupName(options), {
    state: checkState(options.state),
    after: validateInteger("after", options.after ?? 0, 0, Number.MAX_SAFE_INTEGER),
    limit: validateInteger("limit", options.limit ?? DEFAULT_PAGE, 1, MAX_PAGE),
  });
}

function checkState(state: unknown): JobState {
  const known = STATES.find((name) => name === state);
  if (known) return known;
  throw new SSSNError("invalid_argument", `state must be one of ${STATES.join(", ")}, but is ${describe(state)}.`);
}

function checkIds(ids: unknown): readonly string[] {
  if (Array.isArray(ids) && ids.length <= MAX_ORDERS) return ids.map((id: unknown) => validateIdentifier("message id", id));
  const given = Array.isArray(ids) ? ids.length : describe(ids);
  throw new SSSNError("invalid_argument", `An order takes a list of at most ${MAX_ORDERS} ids, but got ${given}.`);
}

/** The ids that are given, or those of the first messages in a state. */
async function idsOf(log: ChannelLog, group: string, which: readonly string[] | JobSelection): Promise<readonly string[]> {
  if (!isSelection(which)) return checkIds(which);
  const state = checkState(which.state);
  const limit = validateInteger("limit", which.limit ?? MAX_PAGE, 1, MAX_ORDERS);
  const ids: string[] = [];
  for (let after: number | undefined = 0; after !== undefined && ids.length < limit;) {
    const page: JobPage = await log.jobs(group, { state, after, limit: Math.min(MAX_PAGE, limit - ids.length) });
    ids.push(...page.jobs.map(({ id }) => id));
    after = page.position;
  }
  return ids;
}

function isSelection(which: readonly string[] | JobSelection): which is JobSelection {
  return typeof which === "object" && which !== null && !Array.isArray(which) && "state" in which;
}
