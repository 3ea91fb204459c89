import type { Clock } from "./clock.js";

/** What {@link within} resolves with when the time is over first. */
export const TOO_LATE = Symbol("too late");

/** Waits for something for so long at the most. The timer is gone when it resolves; what was waited for goes on. */
export async function within<Result>(clock: Clock, timeoutMs: number, awaited: PromiseLike<Result>): Promise<Result | typeof TOO_LATE> {
  let cancel = (): void => {};
  const late = new Promise<typeof TOO_LATE>((resolve) => {
    cancel = clock.schedule(() => resolve(TOO_LATE), timeoutMs);
  });
  try {
    return await Promise.race([awaited, late]);
  } finally {
    cancel();
  }
}
