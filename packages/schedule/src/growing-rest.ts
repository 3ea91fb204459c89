const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 60_000;

/** How long to leave alone what fails: longer each time. */
export class GrowingRest {
  #failures = 0;
  #until = -Infinity;

  /** @param now monotonic. Returns how long to rest, in ms. */
  failed(now: number): number {
    const restMs = Math.min(FIRST_REST_MS * 2 ** this.#failures++, LONGEST_REST_MS);
    this.#until = now + restMs;
    return restMs;
  }

  /** Returns whether it had failed before. */
  succeeded(): boolean {
    const hadFailed = this.#failures > 0;
    this.#failures = 0;
    this.#until = -Infinity;
    return hadFailed;
  }

  remaining(now: number): number {
    return Math.max(0, this.#until - now);
  }
}
