import { Checker, type Violation } from "../checker.js";
import type { Aftermath, HistoryEvent } from "../history.js";
import { OrderChecker } from "../order-checker.js";
import type { HostEvent, LoadContent, Stamped } from "./host-events.js";

/** What is found at the end, by somebody who has never been cut off. */
export interface Found {
  /** Every message of the log, by sequence. */
  readonly messages: ReadonlyMap<number, { readonly id: string; readonly content: LoadContent; readonly hasTtl: boolean }>;
  readonly last: number;
  /** The cursors of the hosts' readers. */
  readonly cursors: readonly number[];
  /** What a new worker is handed. */
  readonly claimable: readonly number[];
  readonly ordered: readonly number[];
  readonly at: number;
}

/** How much was judged. */
export type JudgedCounts = Readonly<Record<string, number>>;

/** Rounding of the server's clock, and of the offset between the two. */
const ROUNDING_MS = 1;

/** Judges what several hosts did with one schema: the histories become one, which is judged as that of one host is. */
export class HostsJudge {
  readonly #checker = new Checker();
  readonly #order = new OrderChecker();
  readonly #epochMs: number;

  /** @param epochMs what the server's clock is ahead of the clock of the histories. */
  constructor(epochMs: number) {
    this.#epochMs = epochMs;
  }

  get counts(): JudgedCounts {
    return { ...this.#checker.counts, ...this.#order.counts };
  }

  judge(histories: readonly (readonly Stamped<HostEvent>[])[], found: Found): Violation[] {
    const merged = histories
      .flatMap((history) => history.map((event) => this.#placed(event)))
      .sort((left, right) => left.place - right.place)
      .map(({ event }) => event);
    const ofWork = merged.filter((event): event is HistoryEvent => event.type !== "read" && event.type !== "committed");
    const aftermath: Aftermath = {
      messages: new Map([...found.messages].map(([sequence, { id }]) => [sequence, id])),
      cursor: 0,
      claimable: found.claimable,
      at: found.at,
      ordered: found.ordered,
    };
    return [
      ...this.#checker.judge(ofWork, aftermath),
      ...this.#order.judge(ofWork, found.ordered, found.at),
      ...histories.flatMap((history, host) => judgeReader(history, found.cursors[host] ?? 0)),
      ...histories.flatMap((history, host) => judgeFollower(history, host, found)),
      ...judgeMessages(histories.flat(), found),
    ];
  }

  /**
   * Where an event belongs in the one history. A claim was granted when the server says so, however late its worker heard of it; an extension is valid from when it was asked
   * for, because nobody else can have been handed the message between that and its grant. All else is placed when it was said.
   */
  #placed(event: Stamped<HostEvent>): { readonly place: number; readonly event: HostEvent } {
    if ("expiresAt" in event && event.expiresAt !== undefined) {
      const granted = event.expiresAt - event.leaseMs - this.#epochMs;
      return { place: Math.min(granted + ROUNDING_MS, event.stamp), event: { ...event, asked: granted, answered: granted } };
    }
    if (event.type === "settled" && event.action === "extend") return { place: Math.min(event.asked + ROUNDING_MS, event.stamp), event };
    return { place: event.stamp, event };
  }
}

/** One host's cursor, over all its lives. */
function judgeReader(history: readonly HostEvent[], cursor: number): Violation[] {
  const events = history.filter((event): event is HistoryEvent => event.type === "read" || event.type === "committed");
  return new Checker().judge(events, { messages: new Map(), cursor, claimable: [], at: 0, ordered: [] });
}

/** Nothing is removed from the log, so that a follower is given every message, once, in order; but for what has lapsed before it came to it. */
function judgeFollower(history: readonly HostEvent[], host: number, { messages, last }: Found): Violation[] {
  const violations: Violation[] = [];
  const missed = (from: number, to: number): boolean => {
    for (let sequence = from; sequence < to; sequence++) if (messages.get(sequence)?.hasTtl !== true) return true;
    return false;
  };
  let position = 0;
  for (const event of history) {
    if (event.type !== "followed") continue;
    for (const sequence of event.sequences) {
      if (missed(position + 1, sequence))
        violations.push({ rule: "missed", what: `the follower of host ${host} was given ${sequence} behind ${position}` });
      if (sequence <= position)
        violations.push({ rule: "repeated", what: `the follower of host ${host} was given ${sequence} behind ${position}` });
      position = sequence;
    }
  }
  if (missed(position + 1, last + 1))
    violations.push({ rule: "missed", what: `the follower of host ${host} was given nothing behind ${position} of ${last}` });
  return violations;
}

/** No gap, each writer's messages in its order, and each of them once, unless its writer was told that it can't be known. */
function judgeMessages(events: readonly HostEvent[], { messages, last }: Found): Violation[] {
  const violations: Violation[] = [];
  for (let sequence = 1; sequence <= last; sequence++)
    if (!messages.has(sequence)) violations.push({ rule: "lost", what: `${sequence} is not there, and ${last} is` });
  const unsure = new Map<string, number>();
  for (const event of events) {
    if (event.type !== "write-failed" || event.outcome !== "unknown") continue;
    for (const count of event.counts) {
      const name = `${event.writer}/${count}`;
      unsure.set(name, (unsure.get(name) ?? 0) + 1);
    }
  }
  const newest = new Map<string, number>();
  const seen = new Map<string, number>();
  for (const [sequence, { content }] of [...messages].sort(([left], [right]) => left - right)) {
    const { writer, count } = content;
    const name = `${writer}/${count}`;
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    if (times > 1 + (unsure.get(name) ?? 0))
      violations.push({ rule: "doubled", what: `${name} is stored ${times} times, the last time as ${sequence}` });
    // What is repeated after it may have been stored stands behind what it was repeated for.
    if (times === 1 && count < (newest.get(writer) ?? 0))
      violations.push({ rule: "out of order", what: `${name} (${sequence}) stands behind ${writer}/${newest.get(writer)}` });
    newest.set(writer, Math.max(newest.get(writer) ?? 0, count));
  }
  return violations;
}
