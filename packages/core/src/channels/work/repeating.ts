import { sleep, type Clock } from "../../clock.js";
import { isSSSNError } from "../../errors.js";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Repeats a call that may safely be repeated, while its failures may pass and there is time, with a pause that grows and is jittered.
 *
 * @param until on the monotonic clock.
 * @throws what the last attempt threw.
 */
export async function repeatUntil<Result>(clock: Clock, until: number, call: () => Promise<Result>): Promise<Result> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt) * (0.5 + Math.random() / 2);
      if (!isSSSNError(error) || !error.retryable || clock.monotonic() + pauseMs >= until) throw error;
      await sleep(clock, pauseMs);
    }
  }
}
