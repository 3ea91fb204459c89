import { SSSNError, describe, freezeJson, validateIdentifier, validateInteger, type JsonValue } from "@sssn/core";
import { checkCron } from "./cron.js";

/** When the ticks of a schedule are. */
export type ScheduleRule =
  | {
      /** A tick every so many ms, from 1 000 to 10 years, counted from `fromMs`. */
      readonly everyMs: number;
      /** The first tick, in ms since the Unix epoch. Default 0: whole hours of an hourly schedule, whoever sets it and when. */
      readonly fromMs?: number;
    }
  | {
      /** Five fields (minute, hour, day of the month, month, day of the week), six with seconds before them, or `@hourly`, `@daily` and the like. */
      readonly cron: string;
      /** In which IANA zone, such as `Europe/Berlin`. Default `UTC`. */
      readonly zone?: string;
    }
  | {
      /** One tick, in ms since the Unix epoch. In the past: at once, as a missed one. */
      readonly at: number;
    };

/**
 * What becomes of ticks in whose time no scheduler was there. `"skip"`: nothing. `"once"`: the newest of them is made up for. `"all"`: each
 * of them is, in their order.
 */
export type MissedTicks = "skip" | "once" | "all";

/** What a schedule writes, where, and when. */
export type ScheduleDefinition = ScheduleRule & {
  /** The id of the channel that gets a message at each tick. */
  readonly channel: string;
  /** What each message says. */
  readonly content: JsonValue;
  /** Default `"once"`. */
  readonly missed?: MissedTicks;
};

/** A definition with its defaults filled in: as it is stored, and compared. */
export type CheckedDefinition = (
  { readonly everyMs: number; readonly fromMs: number } | { readonly cron: string; readonly zone: string } | { readonly at: number }
) & { readonly channel: string; readonly content: JsonValue; readonly missed: MissedTicks };

/** The longest name of a schedule: an id made of it and a tick is one of a message. */
const LONGEST_NAME = 200;
const SHORTEST_PERIOD_MS = 1_000;
const LONGEST_PERIOD_MS = 10 * 365 * 24 * 3_600_000;
const LATEST_MS = 8.64e15;
const MISSED: readonly MissedTicks[] = ["skip", "once", "all"];
const RULES = ["everyMs", "cron", "at"] as const;
const KNOWN = new Set(["everyMs", "fromMs", "cron", "zone", "at", "channel", "content", "missed"]);

/** @throws SSSNError `invalid_identifier`, `invalid_argument`: longer than 200 characters. */
export function checkName(value: unknown): string {
  const name = validateIdentifier("schedule", value);
  if (name.length > LONGEST_NAME)
    throw new SSSNError("invalid_argument", `The name of a schedule has at most ${LONGEST_NAME} characters, but this has ${name.length}.`);
  return name;
}

/** @throws SSSNError `invalid_argument`, `invalid_identifier`, `invalid_content`, each naming what is wrong and what would be right. */
export function checkDefinition(value: unknown): CheckedDefinition {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new SSSNError("invalid_argument", `A schedule takes an object, but got ${describe(value)}.`);
  const given = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given))
    if (!KNOWN.has(name))
      throw new SSSNError("invalid_argument", `A schedule has no ${describe(name)}. It has: ${[...KNOWN].sort().join(", ")}.`);
  return {
    ...checkRule(given),
    channel: validateIdentifier("channel", given["channel"]),
    content: freezeJson(given["content"]),
    missed: checkMissed(given["missed"]),
  };
}

function checkRule(given: Readonly<Record<string, unknown>>) {
  const rules = RULES.filter((name) => given[name] !== undefined);
  if (rules.length !== 1)
    throw new SSSNError(
      "invalid_argument",
      `A schedule takes exactly one of everyMs, cron and at, but has ${rules.join(" and ") || "none"}.`,
    );
  const { everyMs, fromMs, cron, zone, at } = given;
  const strayed = (fromMs !== undefined && everyMs === undefined && "fromMs") || (zone !== undefined && cron === undefined && "zone");
  if (strayed) throw new SSSNError("invalid_argument", `${strayed} means nothing beside ${rules.join()}: leave it out.`);
  if (everyMs !== undefined)
    return {
      everyMs: validateInteger("everyMs", everyMs, SHORTEST_PERIOD_MS, LONGEST_PERIOD_MS),
      fromMs: validateInteger("fromMs", fromMs ?? 0, 0, LATEST_MS),
    };
  if (cron !== undefined) return checkCron(cron, zone ?? "UTC");
  return { at: validateInteger("at", at, 0, LATEST_MS) };
}

function checkMissed(value: unknown): MissedTicks {
  if (value === undefined) return "once";
  const known = MISSED.find((name) => name === value);
  if (known) return known;
  throw new SSSNError("invalid_argument", `missed takes ${MISSED.join(", ")}, but is ${describe(value)}.`);
}
