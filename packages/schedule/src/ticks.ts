// When the ticks of a schedule are. Pure: the same for every scheduler, whenever it asks.
import { readCron } from "./cron.js";
import type { CheckedDefinition } from "./definition.js";

/** The ticks of a schedule, in ms since the Unix epoch. */
export interface Ticks {
  /** The first tick behind a moment; undefined when there is none. */
  next(after: number): number | undefined;
  /** The last tick behind one moment and up to another. */
  newest(after: number, until: number): number | undefined;
}

/** Where the search for the newest tick begins; each window that holds none is followed by one that is so many times as long. */
const FIRST_WINDOW_MS = 60_000;
const WINDOW_GROWTH = 8;

/** The ticks of a definition. */
export function ticksOf(definition: CheckedDefinition): Ticks {
  if ("at" in definition) return ticksAt(definition.at);
  if ("everyMs" in definition) return ticksEvery(definition.everyMs, definition.fromMs);
  return cronTicks(definition.cron, definition.zone);
}

function ticksAt(at: number): Ticks {
  return {
    next: (after) => (at > after ? at : undefined),
    newest: (after, until) => (at > after && at <= until ? at : undefined),
  };
}

function ticksEvery(everyMs: number, fromMs: number): Ticks {
  const number = (moment: number): number => Math.floor((moment - fromMs) / everyMs);
  return {
    next: (after) => fromMs + Math.max(0, number(after) + 1) * everyMs,
    newest(after, until) {
      const tick = fromMs + number(until) * everyMs;
      return tick >= fromMs && tick > after ? tick : undefined;
    },
  };
}

function cronTicks(pattern: string, zone: string): Ticks {
  const cron = readCron(pattern, zone);
  const next = (after: number): number | undefined => cron.nextRun(new Date(Math.max(0, after)))?.getTime();
  const lastOf = (from: number, until: number): number | undefined => {
    let last: number | undefined;
    for (let tick = next(from); tick !== undefined && tick <= until; tick = next(tick)) last = tick;
    return last;
  };
  return {
    next,
    newest(after, until) {
      for (let length = FIRST_WINDOW_MS, end = until; end > after; end -= length, length *= WINDOW_GROWTH) {
        const found = lastOf(Math.max(after, end - length), end);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}
