import type { JobsRequest } from "../../ports/message-store.js";
import type { ClaimLedger } from "../ledger/claim-ledger.js";
import type { ClaimRecord } from "../ledger/claim-record.js";
import type { DueTimes } from "../due-times.js";
import type { Step } from "../ledger/step.js";

/** So many messages are looked at for one page. */
const MOST_LOOKED_AT = 10_000;

/** Where a log begins and ends, and what was written into it for later. */
export interface LogExtent {
  readonly first: number;
  readonly last: number;
  readonly delayed: DueTimes;
}

interface SequencePage {
  readonly sequences: readonly number[];
  /** Where to go on; left out: there is no more. */
  readonly position?: number;
}

const RECORD_STATES = { claimed: "leased", resting: "delayed", dead: "dead", cancelled: "cancelled" } as const satisfies Partial<
  Record<JobsRequest["state"], ClaimRecord["state"]>
>;

/** The next messages of a group that are in a state, without looking at what is settled. */
export function pageOfJobs(ledger: ClaimLedger, request: JobsRequest, extent: LogExtent, step: Step): SequencePage {
  ledger.refresh(step);
  const { state, after, limit } = request;
  if (state === "ready") return readyBehind(ledger, after, limit, extent, step);
  const known = state === "settled" ? ledger.settledLately() : ledger.sequencesIn(RECORD_STATES[state], step);
  const unmet = state === "resting" ? waitingForTheirTime(ledger, extent, step) : [];
  const sequences = [...known, ...unmet]
    .filter((sequence) => sequence > after && sequence >= extent.first)
    .sort((left, right) => left - right);
  const page = sequences.slice(0, limit);
  return page.length < sequences.length ? { sequences: page, position: page.at(-1) as number } : { sequences: page };
}

/** Written with a delay that is not over, and nobody has looked for work there yet. */
function waitingForTheirTime(ledger: ClaimLedger, { delayed }: LogExtent, { now }: Step): number[] {
  delayed.takeDue(now);
  return [...delayed.sequences()].filter((sequence) => !ledger.isTaken(sequence));
}

function readyBehind(ledger: ClaimLedger, after: number, limit: number, { first, last, delayed }: LogExtent, step: Step): SequencePage {
  delayed.takeDue(step.now);
  const sequences: number[] = [];
  let sequence = ledger.nextUnsettled(Math.max(after + 1, first));
  for (let looked = 0; sequence <= last && sequences.length < limit && looked < MOST_LOOKED_AT; looked++) {
    const state = ledger.stateOf(sequence, step);
    if (state === "returned" || (state === undefined && !delayed.has(sequence))) sequences.push(sequence);
    sequence = ledger.nextUnsettled(sequence + 1);
  }
  return sequence > last ? { sequences } : { sequences, position: sequence - 1 };
}
