/** Ends something that was started: a timer, a listener, a subscription to an event. Safe to call twice. */
export type Cancel = () => void;

/**
 * The only source of time in SSSN. Stores, channels and systems take one as an option; the default is {@link systemClock}.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. It may jump: use it for timestamps, never for durations. */
  now(): number;
  /** Milliseconds since some fixed moment. It never goes back and knows nothing of wall-clock steps. */
  monotonic(): number;
  /**
   * Calls back once after a delay.
   *
   * @param delayMs 0 or more; any length is allowed, also beyond the 24.8 days of a platform timer.
   * @param options `background`: the timer does not keep the process alive. Default false.
   */
  schedule(callback: () => void, delayMs: number, options?: { background?: boolean }): Cancel;
}

const LONGEST_TIMER_MS = 2_147_483_647;

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(callback, delayMs, { background = false } = {}) {
    const due = performance.now() + delayMs;
    let timer: ReturnType<typeof setTimeout>;
    const arm = (): void => {
      const remaining = due - performance.now();
      // A platform timer of more than 2^31 - 1 ms would fire at once.
      timer = remaining > LONGEST_TIMER_MS ? setTimeout(arm, LONGEST_TIMER_MS) : setTimeout(callback, Math.max(0, remaining));
      // Node's timers keep the process alive until they are told otherwise; a browser's are plain numbers.
      if (background) (timer as { unref?: () => void }).unref?.();
    };
    arm();
    return () => clearTimeout(timer);
  },
};

/**
 * Waits, and can be cut short.
 *
 * @throws the signal's reason, once it aborts. The timer is gone by then.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const abort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.schedule(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, delayMs);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/**
 * Wall-clock time that does not jump while the process runs: anchored once, advanced by the monotonic clock.
 *
 * Leases and delays are kept in it, so that a step of the machine's clock neither frees a live claim early nor holds a dead
 * one for ever, while the figures still mean something after a restart.
 */
export class SteadyClock {
  readonly #clock: Clock;
  readonly #anchor: number;

  /** @param anchor steady time less monotonic time, where it is known. Default: as the wall clock has it now. */
  constructor(clock: Clock, anchor: number = clock.now() - clock.monotonic()) {
    this.#clock = clock;
    this.#anchor = anchor;
  }

  /** Milliseconds since the Unix epoch, as of the moment this clock was made plus the time that has really passed. */
  now(): number {
    return Math.round(this.#anchor + this.#clock.monotonic());
  }
}
