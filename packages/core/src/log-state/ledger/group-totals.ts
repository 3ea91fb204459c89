import type { GroupTotals } from "../../ports/message-store.js";

/** What is counted, besides since when. */
export type GroupEvent = Exclude<keyof GroupTotals, "since">;

/** Counts what happens in a group, upwards only, for as long as its log is open. */
export class GroupCounters {
  #since: number;
  readonly #counts: Record<GroupEvent, number> = {
    delivered: 0,
    acknowledged: 0,
    released: 0,
    lapsed: 0,
    deadLettered: 0,
    cancelled: 0,
    expired: 0,
    superseded: 0,
    removed: 0,
  };

  /** @param since when counting began, in ms since the epoch. */
  constructor(since: number) {
    this.#since = since;
  }

  count(event: GroupEvent, times = 1): void {
    this.#counts[event] += times;
  }

  restore({ since, ...counts }: GroupTotals): void {
    this.#since = since;
    Object.assign(this.#counts, counts);
  }

  get totals(): GroupTotals {
    return { since: this.#since, ...this.#counts };
  }
}
