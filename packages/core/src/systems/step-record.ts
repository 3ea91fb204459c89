import type { Clock } from "../clock.js";

/** How the steps of a system have gone so far. */
export interface StepReport {
  /** How many have begun. */
  readonly begun: number;
  /** How many have thrown. */
  readonly failed: number;
  /** How many took longer than there is between two of them, so that at least one was left out. */
  readonly overran: number;
  /** When the last one began, in ms since the Unix epoch. Left out before the first. */
  readonly lastBegunAt?: number;
  /** How long the last one took that has ended, in ms. Left out before the first. */
  readonly lastMs?: number;
  /** How long the longest one took, in ms. Left out before the first. */
  readonly longestMs?: number;
  /** The last error, and when it came, in ms since the Unix epoch. Left out where there was none. */
  readonly lastError?: { readonly message: string; readonly at: number };
}

/** Takes down how steps go. */
export class StepRecord {
  readonly #clock: Clock;
  #report: { -readonly [Field in keyof StepReport]: StepReport[Field] } = { begun: 0, failed: 0, overran: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get report(): StepReport {
    return { ...this.#report };
  }

  /** @param periodMs how long there is between two steps. @returns the number of this step, and what to call when it has ended. */
  begin(periodMs: number): { readonly tick: number; readonly end: () => void } {
    const begun = this.#clock.monotonic();
    const tick = ++this.#report.begun;
    this.#report.lastBegunAt = this.#clock.now();
    return {
      tick,
      end: () => {
        const tookMs = this.#clock.monotonic() - begun;
        this.#report.lastMs = tookMs;
        this.#report.longestMs = Math.max(this.#report.longestMs ?? 0, tookMs);
        if (tookMs > periodMs) this.#report.overran++;
      },
    };
  }

  failed({ message }: Error): void {
    this.#report.failed++;
    this.#report.lastError = { message, at: this.#clock.now() };
  }
}
