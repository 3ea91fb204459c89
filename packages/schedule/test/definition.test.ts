import { isSSSNError } from "@sssn/core";
import { describe, expect, it } from "vitest";
import { checkDefinition, checkName } from "../src/definition.js";

const TO = { channel: "jobs", content: "report" };

function refusal(call: () => unknown): string {
  try {
    call();
    return "nothing is wrong";
  } catch (error) {
    return isSSSNError(error) ? `${error.code}: ${error.message}` : String(error);
  }
}

describe("a schedule that makes no sense is refused, with what is wrong and what would be right", () => {
  it.each<[string, unknown, RegExp]>([
    ["nothing", undefined, /^invalid_argument: A schedule takes an object/],
    ["a list", [], /takes an object/],
    ["no rule", TO, /exactly one of everyMs, cron and at, but has none/],
    ["two rules", { ...TO, everyMs: 1_000, at: 1 }, /but has everyMs and at/],
    ["an unknown option", { ...TO, everyMs: 1_000, timezone: "UTC" }, /no "timezone". It has: at, channel,/],
    ["a period that is too short", { ...TO, everyMs: 999 }, /everyMs/],
    ["a period that is too long", { ...TO, everyMs: 1e13 }, /everyMs/],
    ["a period that is a text", { ...TO, everyMs: "5m" }, /everyMs/],
    ["a period from before the epoch", { ...TO, everyMs: 1_000, fromMs: -1 }, /fromMs/],
    ["a beginning without a period", { ...TO, at: 1, fromMs: 1 }, /fromMs means nothing beside at/],
    ["a zone without a cron pattern", { ...TO, everyMs: 1_000, zone: "UTC" }, /zone means nothing beside everyMs/],
    ["a moment that no date can hold", { ...TO, at: 8.64e15 + 1 }, /at /],
    ["a moment that is a text", { ...TO, at: "tomorrow" }, /at /],
    ["a pattern of four fields", { ...TO, cron: "0 0 * *" }, /cron takes five fields .* but is "0 0 \* \*"/],
    ["a pattern of seven fields", { ...TO, cron: "0 0 0 1 1 * 2030" }, /cron takes five fields/],
    ["a minute of 61", { ...TO, cron: "61 * * * *" }, /can't be read: .*61/],
    ["a day that never comes", { ...TO, cron: "0 0 30 2 *" }, /for a day that never comes/],
    ["the moment of reading in it", { ...TO, cron: "? * * * *" }, /cron takes five fields/],
    ["a date", { ...TO, cron: "2026-01-05T00:00:00" }, /cron takes five fields/],
    ["words", { ...TO, cron: "every day at nine o'clock" }, /can't be read/],
    ["an unknown nickname", { ...TO, cron: "@sometimes" }, /can't be read/],
    ["a pattern that is a number", { ...TO, cron: 5 }, /cron takes five fields .* but is 5/],
    ["an unknown zone", { ...TO, cron: "@daily", zone: "Europe/Atlantis" }, /zone takes a name of the tz database .*Atlantis/],
    ["an offset as zone", { ...TO, cron: "@daily", zone: "+02:00" }, /zone takes a name/],
    ["an empty zone", { ...TO, cron: "@daily", zone: "" }, /zone takes a name/],
    ["a zone that is a number", { ...TO, cron: "@daily", zone: 1 }, /zone takes a name/],
    ["no channel", { content: 1, everyMs: 1_000 }, /^invalid_identifier: .*channel/],
    ["a channel that is no name", { ...TO, channel: "a/b", everyMs: 1_000 }, /^invalid_identifier/],
    ["no content", { channel: "jobs", everyMs: 1_000 }, /^invalid_content/],
    ["content that JSON can't carry", { ...TO, content: NaN, everyMs: 1_000 }, /^invalid_content/],
    ["an unknown way with missed ticks", { ...TO, everyMs: 1_000, missed: "some" }, /missed takes skip, once, all, but is "some"/],
  ])("%s", (_what, definition, expected) => {
    expect(refusal(() => checkDefinition(definition))).toMatch(expected);
  });

  it("and so is a name that is none, or too long for an id to be made of it", () => {
    expect(refusal(() => checkName("no name!"))).toMatch(/^invalid_identifier/);
    expect(refusal(() => checkName("x".repeat(201)))).toMatch(/^invalid_argument: .* at most 200 characters, but this has 201/);
    expect(checkName("x".repeat(200))).toHaveLength(200);
  });
});

describe("a schedule that is fine", () => {
  it("has its defaults filled in, so that two that mean the same are the same", () => {
    expect(checkDefinition({ ...TO, cron: " 0  9 * * * " })).toEqual({ ...TO, cron: "0 9 * * *", zone: "UTC", missed: "once" });
    expect(checkDefinition({ ...TO, everyMs: 1_000, missed: "all" })).toEqual({ ...TO, everyMs: 1_000, fromMs: 0, missed: "all" });
    expect(checkDefinition({ ...TO, at: 5 })).toEqual({ ...TO, at: 5, missed: "once" });
  });
});
