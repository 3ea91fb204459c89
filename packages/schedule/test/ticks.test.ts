import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkDefinition, type ScheduleRule } from "../src/definition.js";
import { ticksOf, type Ticks } from "../src/ticks.js";

const DAY_MS = 24 * 3_600_000;

function ticksBy(rule: ScheduleRule): Ticks {
  return ticksOf(checkDefinition({ ...rule, channel: "c", content: null }));
}

/** So many ticks behind a moment, as ISO texts without the fraction. */
function following(ticks: Ticks, after: string, count: number): string[] {
  const found: string[] = [];
  for (let tick = ticks.next(Date.parse(after)); tick !== undefined && found.length < count; tick = ticks.next(tick))
    found.push(new Date(tick).toISOString().replace(".000Z", "Z"));
  return found;
}

/** The ticks of one day: from a moment on, for 24 hours. */
function within(ticks: Ticks, from: string, durationMs = DAY_MS): string[] {
  const end = Date.parse(from) + durationMs;
  return following(ticks, from, 100).filter((tick) => Date.parse(tick) <= end);
}

describe("a time of day that a change of the clocks leaves out comes when they have changed", () => {
  it.each([
    ["Europe/Berlin", "30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"],
    ["Europe/London", "30 1 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"],
    ["America/New_York", "30 2 * * *", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00Z"],
    ["America/Los_Angeles", "30 2 * * *", "2026-03-07T12:00:00Z", "2026-03-08T10:00:00Z"],
    ["America/St_Johns", "30 2 * * *", "2026-03-07T12:00:00Z", "2026-03-08T05:30:00Z"],
    ["America/Sao_Paulo", "30 0 * * *", "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z"],
    ["Africa/Cairo", "30 0 * * *", "2026-04-23T12:00:00Z", "2026-04-23T22:00:00Z"],
    ["Australia/Sydney", "30 2 * * *", "2026-10-03T12:00:00Z", "2026-10-03T16:00:00Z"],
    ["Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z"],
    ["Pacific/Chatham", "0 3 * * *", "2026-09-26T12:00:00Z", "2026-09-26T14:00:00Z"],
  ])("%s, %s", (zone, cron, from, expected) => {
    expect(within(ticksBy({ cron, zone }), from)).toEqual([expected]);
  });
});

describe("a time of day that comes twice is taken once, the first time", () => {
  it.each([
    ["Europe/Berlin", "30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"],
    ["Europe/London", "30 1 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"],
    ["America/New_York", "30 1 * * *", "2026-10-31T12:00:00Z", "2026-11-01T05:30:00Z"],
    ["America/Los_Angeles", "30 1 * * *", "2026-10-31T12:00:00Z", "2026-11-01T08:30:00Z"],
    ["America/St_Johns", "30 1 * * *", "2026-10-31T12:00:00Z", "2026-11-01T04:00:00Z"],
    ["America/Sao_Paulo", "30 23 * * *", "2019-02-16T12:00:00Z", "2019-02-17T01:30:00Z"],
    ["Africa/Cairo", "30 23 * * *", "2026-10-29T12:00:00Z", "2026-10-29T20:30:00Z"],
    ["Australia/Sydney", "30 2 * * *", "2026-04-04T12:00:00Z", "2026-04-04T15:30:00Z"],
    ["Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00:00Z", "2026-04-04T14:45:00Z"],
    ["Pacific/Chatham", "15 3 * * *", "2026-04-04T12:00:00Z", "2026-04-04T13:30:00Z"],
  ])("%s, %s", (zone, cron, from, expected) => {
    expect(within(ticksBy({ cron, zone }), from)).toEqual([expected]);
  });

  it("also where several times are named", () => {
    const ticks = ticksBy({ cron: "15,45 1,2 * * *", zone: "Europe/Berlin" });
    expect(within(ticks, "2026-10-24T22:00:00Z")).toEqual([
      "2026-10-24T23:15:00Z",
      "2026-10-24T23:45:00Z",
      "2026-10-25T00:15:00Z",
      "2026-10-25T00:45:00Z",
    ]);
  });
});

describe("what comes every so many minutes goes on through a change of the clocks", () => {
  const ZONES = ["Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "America/St_Johns", "Africa/Cairo"];
  it.each([...ZONES, "America/Sao_Paulo", "Australia/Sydney", "Australia/Lord_Howe", "Asia/Kolkata"])("in %s", (zone) => {
    const ticks = ticksBy({ cron: "*/30 * * * *", zone });
    // Around every change of the clocks that one of the zones has in this year.
    for (const day of ["03-07", "03-28", "04-04", "04-23", "09-26", "10-03", "10-24", "10-29", "10-31"]) {
      const start = Date.parse(`2026-${day}T00:00:00Z`);
      for (let at = start; at < start + 3 * DAY_MS; at += 30 * 60_000) expect(ticks.next(at)).toBe(at + 30 * 60_000);
    }
  });
});

describe("days that are not in every month or year", () => {
  it.each([
    ["0 0 29 2 *", "2026-01-01T00:00:00Z", ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]],
    ["0 0 31 * *", "2026-01-31T12:00:00Z", ["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"]],
    ["0 0 L * *", "2028-02-01T00:00:00Z", ["2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z"]],
    ["0 9 * * MON#1", "2026-01-01T00:00:00Z", ["2026-01-05T09:00:00Z", "2026-02-02T09:00:00Z"]],
    ["15 30 9 * * *", "2026-01-01T00:00:00Z", ["2026-01-01T09:30:15Z", "2026-01-02T09:30:15Z"]],
    ["@monthly", "2026-01-15T00:00:00Z", ["2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"]],
  ])("%s", (cron, after, expected) => {
    expect(following(ticksBy({ cron }), after, 2)).toEqual(expected);
  });
});

describe("a period", () => {
  it("is counted from the epoch, or from where it says, which is its first tick", () => {
    expect(following(ticksBy({ everyMs: 3_600_000 }), "2026-01-01T10:20:00Z", 2)).toEqual(["2026-01-01T11:00:00Z", "2026-01-01T12:00:00Z"]);
    const shifted = ticksBy({ everyMs: 3_600_000, fromMs: Date.parse("2026-01-02T00:05:00Z") });
    expect(following(shifted, "2026-01-01T10:20:00Z", 2)).toEqual(["2026-01-02T00:05:00Z", "2026-01-02T01:05:00Z"]);
    expect(shifted.newest(0, Date.parse("2026-01-02T00:04:59Z"))).toBeUndefined();
  });
});

describe("the newest tick", () => {
  const start = Date.UTC(2026, 0, 1);
  const rule: fc.Arbitrary<ScheduleRule> = fc.oneof(
    fc.record({
      everyMs: fc.integer({ min: 60_000, max: 9 * DAY_MS }),
      fromMs: fc.integer({ min: start - DAY_MS, max: start + 30 * DAY_MS }),
    }),
    fc.record({ at: fc.integer({ min: start, max: start + 400 * DAY_MS }) }),
    fc.record({
      cron: fc.constantFrom("*/7 * * * *", "30 2 * * *", "0 0 29 2 *", "0 12 L * *", "0 9 * * 1-5", "45 1,2 * * 0", "0 0 1 1 *"),
      zone: fc.constantFrom("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York"),
    }),
  );

  it("is the last of those that come one after the other", () => {
    fc.assert(
      fc.property(rule, fc.integer({ min: 0, max: 400 * DAY_MS }), fc.integer({ min: 1, max: 20 * DAY_MS }), (of, offset, length) => {
        const ticks = ticksBy(of);
        const [after, until] = [start + offset, start + offset + length];
        let last: number | undefined;
        for (let tick = ticks.next(after); tick !== undefined && tick <= until; tick = ticks.next(tick)) last = tick;
        expect(ticks.newest(after, until)).toBe(last);
      }),
      { numRuns: 150 },
    );
  });
});
