import type { Clock } from "../clock.js";
import type { Moment } from "./checks.js";

/** A step of the wall clock is believed once it has stood for so long. */
const BELIEVED_AFTER_MS = 60_000;
/** A shorter one is believed at once: so long a machine may have slept. */
const SLEPT_MS = 24 * 3_600_000;
/** Clocks that drift apart by less than this are not said to have been stepped. */
const DRIFT_MS = 1_000;

/**
 * What time it is for a log: what its messages' timestamps and their age are taken from. It follows the wall clock, but it never goes back,
 * and a step ahead of more than a day is followed only once it has stood for a minute, so that one message written while the clock was ten years ahead is
 * no different from the others. Behind a wall clock that was set back it goes on at its own pace.
 */
export class LogClock {
  readonly #clock: Clock;
  #last: number;
  #readAt: number;
  #stamped: number;
  /** Since when the wall clock has been ahead of what was expected, on the monotonic clock. */
  #aheadSince: number | undefined;

  /** @param floor the newest timestamp of the log; 0 for a log without one. */
  constructor(clock: Clock, floor = 0) {
    this.#clock = clock;
    this.#stamped = floor;
    this.#last = Math.max(floor, clock.now());
    this.#readAt = clock.monotonic();
  }

  /** In ms since the Unix epoch. */
  now(): number {
    const monotonic = this.#clock.monotonic();
    const expected = this.#last + (monotonic - this.#readAt);
    const wall = this.#clock.now();
    this.#readAt = monotonic;
    this.#last = this.#follows(wall, expected, monotonic) ? Math.max(wall, this.#last) : expected;
    return Math.floor(this.#last);
  }

  /** What goes with the messages of one append. */
  moment(steady: number): Moment {
    const log = this.now();
    return {
      steady,
      log,
      stamp: (given = log) => (this.#stamped = Math.max(this.#stamped, given)),
    };
  }

  /** The newest timestamp that was given: no later one is less. */
  get newest(): number {
    return this.#stamped;
  }

  #follows(wall: number, expected: number, monotonic: number): boolean {
    const ahead = wall - expected;
    if (ahead <= DRIFT_MS) {
      this.#aheadSince = undefined;
      return ahead >= -DRIFT_MS;
    }
    if (ahead <= SLEPT_MS) return true;
    this.#aheadSince ??= monotonic;
    return monotonic - this.#aheadSince >= BELIEVED_AFTER_MS;
  }
}
