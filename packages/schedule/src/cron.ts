import { Cron } from "croner";
import { SSSNError, describe, toError } from "@sssn/core";

/** Five or six fields, or a nickname. No `?`, which would stand for the moment in which the pattern is read: every scheduler has another. */
const PATTERN = /^(?:@[a-z]+|[^\s?@]+(?: [^\s?@]+){4,5})$/i;
/** A name of the tz database: offsets are none, because a place is what has summer and winter. */
const ZONE = /^[A-Za-z][A-Za-z0-9_+/-]*$/;

/**
 * A reader of a checked pattern. Where it has neither wildcards nor steps in its time of day, a time that a change of the clocks leaves out
 * comes when they have changed, and one that comes twice is taken once; all others go by what the clock shows.
 */
export function readCron(pattern: string, zone: string): Cron {
  return new Cron(pattern, { timezone: zone, paused: true, fixedTimeRule: "no-wildcard" });
}

/** @throws SSSNError `invalid_argument` saying which field or zone is wrong, or that no tick would ever come. */
export function checkCron(cron: unknown, zone: unknown): { readonly cron: string; readonly zone: string } {
  if (typeof zone !== "string" || !ZONE.test(zone) || !isKnownZone(zone))
    throw new SSSNError("invalid_argument", `zone takes a name of the tz database such as "Europe/Berlin", but is ${describe(zone)}.`);
  const pattern = typeof cron === "string" ? cron.trim().replace(/\s+/g, " ") : "";
  if (!PATTERN.test(pattern))
    throw new SSSNError(
      "invalid_argument",
      `cron takes five fields (minute, hour, day of the month, month, day of the week), six with seconds before them, or a nickname such as @daily, but is ${describe(cron)}.`,
    );
  if (!nextRun(pattern, zone, 0))
    throw new SSSNError("invalid_argument", `The cron pattern ${describe(cron)} is for a day that never comes.`);
  return { cron: pattern, zone };
}

function nextRun(pattern: string, zone: string, after: number): Date | null {
  try {
    return readCron(pattern, zone).nextRun(new Date(after));
  } catch (thrown) {
    throw new SSSNError("invalid_argument", `The cron pattern ${describe(pattern)} can't be read: ${toError(thrown).message}.`);
  }
}

function isKnownZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}
