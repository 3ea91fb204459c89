import { SSSNError, describe, isSSSNError, validateInteger, type StandardSchema } from "@sssn/core";
import { checkDefinition, checkName, type CheckedDefinition, type ScheduleDefinition } from "./definition.js";

/** What a channel of schedules holds: the newest record of each type about a schedule counts. */
export type ScheduleRecord =
  | { readonly type: "set"; readonly schedule: string; readonly definition: ScheduleDefinition }
  | { readonly type: "paused"; readonly schedule: string; readonly paused: boolean }
  | { readonly type: "ticked"; readonly schedule: string; readonly tick: number }
  | { readonly type: "removed"; readonly schedule: string };

/** A record as it is stored. */
export type CheckedRecord = Exclude<ScheduleRecord, { type: "set" }> | { type: "set"; schedule: string; definition: CheckedDefinition };

/** @throws SSSNError `invalid_content`, and what a bad name or definition is refused with. */
export function checkRecord(value: unknown): CheckedRecord {
  const given = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const schedule = checkName(given["schedule"]);
  switch (given["type"]) {
    case "set":
      return { type: "set", schedule, definition: checkDefinition(given["definition"]) };
    case "paused":
      if (typeof given["paused"] !== "boolean")
        throw new SSSNError("invalid_content", `paused takes true or false, but is ${describe(given["paused"])}.`);
      return { type: "paused", schedule, paused: given["paused"] };
    case "ticked":
      return { type: "ticked", schedule, tick: validateInteger("tick", given["tick"], 0, 8.64e15) };
    case "removed":
      return { type: "removed", schedule };
    default:
      throw new SSSNError(
        "invalid_content",
        `A record of a schedule has one of the types set, paused, ticked and removed, but this has ${describe(given["type"])}.`,
      );
  }
}

/** What a channel of schedules refuses, whoever writes it. */
export const RECORD_SCHEMA: StandardSchema<ScheduleRecord, ScheduleRecord> = {
  "~standard": {
    version: 1,
    vendor: "sssn",
    validate(value) {
      try {
        return { value: checkRecord(value) };
      } catch (thrown) {
        if (isSSSNError(thrown)) return { issues: [{ message: thrown.message }] };
        throw thrown;
      }
    },
  },
};
