import { SSSNError, isSSSNError, sleep, type Clock } from "@sssn/core";

/** So often somebody else may come first. */
const MOST_TRIES = 50;
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 100;
const RETRY_AFTER_MS = 500;

/**
 * Looks and writes under the condition that nobody has written since the look, and does so again where somebody has: at once, then after a pause
 * that is never the same, so that hosts which are in each other's way get out of it.
 *
 * @throws SSSNError `backpressure` when others always came first.
 */
export async function undisturbed<Result>(clock: Clock, lookAndWrite: () => Promise<Result>): Promise<Result> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    if (tries > 1) await sleep(clock, Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 2)) * Math.random());
    try {
      return await lookAndWrite();
    } catch (error) {
      if (!isSSSNError(error, "position_conflict")) throw error;
    }
  }
  throw new SSSNError("backpressure", `Others registered first ${MOST_TRIES} times in a row: nothing was stored. Try again.`, {
    details: { retryAfterMs: RETRY_AFTER_MS, outcome: "not_stored" },
  });
}
