import type { Clock, Logger } from "@sssn/core";
import type { RequestRecord } from "./exchange.js";

/** Refused requests that are logged one by one in a second; the rest of them is counted, so that a flood does not fill a disk. */
const MOST_REFUSALS = 10;
const WINDOW_MS = 1_000;

/** One line a request, on the level info. */
export class RequestLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #windowEnds = 0;
  #refusals = 0;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  write(record: RequestRecord): void {
    if (record.status === 401 || record.status === 403 || record.status === 429) {
      const now = this.#clock.monotonic();
      if (now >= this.#windowEnds) this.#endWindow(now);
      if (++this.#refusals > MOST_REFUSALS) return;
    }
    this.#logger.info({ request: record }, "request");
  }

  #endWindow(now: number): void {
    const suppressed = this.#refusals - MOST_REFUSALS;
    if (suppressed > 0) this.#logger.warn({ suppressed }, `${suppressed} more requests were refused and not logged one by one`);
    this.#refusals = 0;
    this.#windowEnds = now + WINDOW_MS;
  }
}
