import type { GroupRegime } from "../../ports/message-store.js";
import type { DueTimes } from "../due-times.js";
import type { ClaimEntries } from "./claim-entries.js";
import type { GroupCounts } from "./claim-record.js";

/** Which part of a log is counted, and when. */
interface Counted {
  readonly first: number;
  readonly last: number;
  /** Messages that were written for a time that is to come. */
  readonly waiting: DueTimes;
  readonly now: number;
}

/** A group in figures, over the kept sequences `first` to `last`. What has lapsed by then is known. */
export function countGroup(group: string, entries: ClaimEntries, regime: GroupRegime, { first, last, waiting, now }: Counted): GroupCounts {
  const { settled, queues, dead } = entries;
  const unfinished = Math.max(0, last - first + 1) - settled.countWithin(first, last);
  waiting.takeDue(now);
  let unmet = 0;
  for (const sequence of waiting.sequences()) if (sequence >= first && !entries.has(sequence) && !settled.has(sequence)) unmet++;
  const [claimed, delayed] = [queues.leased, queues.delayed + unmet];
  let oldest = settled.nextAbsent(first);
  while (oldest <= last && waiting.has(oldest)) oldest = settled.nextAbsent(oldest + 1);
  return {
    group,
    ready: unfinished - claimed - delayed,
    claimed,
    delayed,
    dead: dead.size,
    totals: entries.counters.totals,
    ...(Object.keys(regime).length > 0 ? { regime } : {}),
    ...(oldest <= last ? { oldestUnfinished: oldest } : {}),
  };
}
