import { describe, expect, it } from "vitest";
import { LogClock } from "../src/log-state/log-clock.js";
import { VirtualClock } from "../src/testing.js";

const YEARS = 10 * 365 * 86_400_000;

describe("the clock of a log", () => {
  it("follows the wall clock, and a machine that slept for some hours", async () => {
    const clock = new VirtualClock();
    const log = new LogClock(clock);
    await clock.advance(1_000);
    expect(log.now()).toBe(clock.now());
    clock.stepWall(3_600_000);
    expect(log.now()).toBe(clock.now());
  });

  it("never goes back, and goes on at its own pace behind a clock that was set back", async () => {
    const clock = new VirtualClock();
    const log = new LogClock(clock);
    const before = log.now();
    clock.stepWall(-3_600_000);
    expect(log.now()).toBe(before);
    await clock.advance(5_000);
    expect(log.now()).toBe(before + 5_000);
  });

  it("does not believe a moment that is years ahead, and believes it when it has stood for a minute", async () => {
    const clock = new VirtualClock();
    const log = new LogClock(clock);
    const before = log.now();
    clock.stepWall(YEARS);
    expect(log.now()).toBe(before);
    clock.stepWall(-YEARS);
    await clock.advance(1_000);
    expect(log.now()).toBe(before + 1_000);
    clock.stepWall(YEARS);
    log.now();
    await clock.advance(60_000);
    expect(log.now()).toBe(clock.now());
  });

  it("begins no earlier than the newest message, and gives no timestamp twice backwards", () => {
    const clock = new VirtualClock();
    const newest = clock.now() + YEARS;
    const log = new LogClock(clock, newest);
    const { stamp } = log.moment(0);
    expect([log.now(), stamp(undefined), stamp(5), stamp(newest + 7), stamp(undefined)]).toEqual([
      newest,
      newest,
      newest,
      newest + 7,
      newest + 7,
    ]);
  });
});
