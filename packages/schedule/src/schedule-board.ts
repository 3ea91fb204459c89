import { jsonEquals, type ChannelMessage } from "@sssn/core";
import type { CheckedDefinition } from "./definition.js";
import { checkRecord, type CheckedRecord } from "./schedule-record.js";
import { ticksOf, type Ticks } from "./ticks.js";

/** A schedule as it is listed. */
export interface Schedule {
  readonly name: string;
  readonly definition: CheckedDefinition;
  readonly isPaused: boolean;
  /** The newest tick that was written, in ms since the Unix epoch. Left out: none yet. */
  readonly lastTick?: number;
  /** The next one. Left out: it is paused, or has none any more. */
  readonly nextTick?: number;
}

/** A schedule, and the messages that say so. */
interface Entry {
  readonly definition: CheckedDefinition;
  readonly ticks: Ticks;
  /** When its first tick can be. */
  readonly since: number;
  readonly set: number;
  pausing?: { readonly isPaused: boolean; readonly at: number; readonly sequence: number };
  ticked?: { readonly tick: number; readonly sequence: number };
}

/** All schedules, taken from a log in its order. */
export class ScheduleBoard {
  readonly #entries = new Map<string, Entry>();

  /** Takes a message in. One that is no record of a schedule changes nothing, and hides nothing. */
  apply(message: ChannelMessage<unknown>): void {
    let record: CheckedRecord;
    try {
      record = checkRecord(message.content);
    } catch {
      return;
    }
    const { schedule } = record;
    const entry = this.#entries.get(schedule);
    if (record.type === "set") this.#set(schedule, record.definition, message);
    else if (record.type === "removed") this.#entries.delete(schedule);
    else if (!entry) return;
    else if (record.type === "paused") {
      if (entry.pausing?.isPaused === record.paused) return;
      entry.pausing = { isPaused: record.paused, at: message.timestamp, sequence: message.sequence };
    } else if (record.tick > (entry.ticked?.tick ?? -1)) entry.ticked = { tick: record.tick, sequence: message.sequence };
  }

  #set(name: string, definition: CheckedDefinition, { timestamp, sequence }: ChannelMessage<unknown>): void {
    const before = this.#entries.get(name);
    // Said again at every start of a program: nothing has changed.
    if (before && jsonEquals(before.definition, definition)) return;
    // What lies in the past of one moment only is not lost by being said late.
    const since = "at" in definition ? -1 : timestamp;
    this.#entries.set(name, { ...before, definition, ticks: ticksOf(definition), since, set: sequence });
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Every schedule. @param now in the log's time. */
  list(now: number): readonly Schedule[] {
    return [...this.#entries].map(([name, entry]) => {
      const { definition, ticked, pausing } = entry;
      const isPaused = pausing?.isPaused ?? false;
      const nextTick = isPaused ? undefined : nextOf(entry, now);
      return {
        name,
        definition,
        isPaused,
        ...(ticked === undefined ? {} : { lastTick: ticked.tick }),
        ...(nextTick === undefined ? {} : { nextTick }),
      };
    });
  }

  /**
   * The ticks of a schedule that are to be written now, in their order.
   *
   * @param lateMs a tick that is older was missed. @param most at a time.
   */
  due(name: string, now: number, lateMs: number, most: number): readonly number[] {
    const entry = this.#entries.get(name);
    if (!entry || entry.pausing?.isPaused) return [];
    const after = standing(entry);
    const { missed } = entry.definition;
    if (missed === "all") return firstTicks(entry.ticks, after, now, most);
    const newest = entry.ticks.newest(after, now);
    return newest === undefined || (missed === "skip" && now - newest > lateMs) ? [] : [newest];
  }

  /** The sequences of the messages that say something which still holds. */
  liveSequences(): ReadonlySet<number> {
    return new Set(
      [...this.#entries.values()].flatMap(({ set, pausing, ticked }) => [set, pausing?.sequence ?? set, ticked?.sequence ?? set]),
    );
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** Behind which moment ticks are still to be written. */
function standing({ since, pausing, ticked }: Entry): number {
  return Math.max(since, pausing?.at ?? -1, ticked?.tick ?? -1);
}

function nextOf(entry: Entry, now: number): number | undefined {
  return entry.ticks.next(Math.max(standing(entry), now));
}

function firstTicks(ticks: Ticks, after: number, until: number, most: number): readonly number[] {
  const found: number[] = [];
  for (let tick = ticks.next(after); tick !== undefined && tick <= until && found.length < most; tick = ticks.next(tick)) found.push(tick);
  return found;
}
