import type { ChannelMessage } from "../../message.js";
import type { JobInfo, JobState, WaitReason } from "../../ports/message-store.js";
import type { ClaimLedger } from "../ledger/claim-ledger.js";
import type { LedgerEntry } from "../ledger/claim-record.js";
import { KeyOrder } from "./key-order.js";
import type { LaneSource } from "./lane-source.js";
import type { Step } from "../ledger/step.js";
import { DEFAULT_PRIORITY, priorityOf } from "../work-lane.js";

const STATES = { leased: "claimed", delayed: "resting", returned: "ready", dead: "dead", cancelled: "cancelled" } as const;

/** Where a message is in a group. */
function jobState(ledger: ClaimLedger, { sequence, availableAt }: Pick<ChannelMessage, "sequence" | "availableAt">, step: Step): JobState {
  const known = ledger.stateOf(sequence, step);
  if (known) return STATES[known];
  if (ledger.isSettled(sequence)) return "settled";
  return availableAt !== undefined && availableAt > step.now ? "resting" : "ready";
}

/** The whole state of a message in a group. */
export async function jobInfo(ledger: ClaimLedger, message: ChannelMessage, source: LaneSource, step: Step): Promise<JobInfo> {
  const { id, sequence, key } = message;
  const entry = ledger.entry(sequence);
  const state = jobState(ledger, message, step);
  const waiting = state === "ready" ? await waitReason(ledger, message, source, step) : undefined;
  const since = sinceMs(ledger, sequence, state, entry, step);
  return {
    id,
    sequence,
    state,
    ...deliveriesOf(ledger, sequence, state, entry),
    // It may have been moved to another lane.
    priority: entry ? priorityOf(entry.lane) : (message.priority ?? DEFAULT_PRIORITY),
    ...(key === undefined ? {} : { key }),
    ...readerOf(entry),
    ...(state === "claimed" ? { leaseMs: Math.max(0, (entry?.expiresAt ?? 0) - step.now) } : {}),
    ...(state === "resting" ? { availableInMs: Math.max(0, (entry?.availableAt ?? message.availableAt ?? 0) - step.now) } : {}),
    ...(entry?.reason === undefined ? {} : { reason: entry.reason }),
    ...(entry?.progress === undefined ? {} : { progress: entry.progress }),
    ...(since === undefined ? {} : { sinceMs: since }),
    ...(waiting ? { waiting } : {}),
  };
}

function readerOf(entry: Readonly<LedgerEntry> | undefined): Pick<JobInfo, "readerId"> {
  const readerId = entry?.readerId ?? entry?.lastReaderId;
  return readerId === undefined ? {} : { readerId };
}

function deliveriesOf(
  ledger: ClaimLedger,
  sequence: number,
  state: JobState,
  entry: Readonly<LedgerEntry> | undefined,
): { readonly deliveries?: number } {
  if (entry) return { deliveries: entry.deliveries };
  if (state !== "settled") return { deliveries: 0 };
  const lately = ledger.lately(sequence);
  return lately ? { deliveries: lately.deliveries } : {};
}

function sinceMs(
  ledger: ClaimLedger,
  sequence: number,
  state: JobState,
  entry: Readonly<LedgerEntry> | undefined,
  { now }: Step,
): number | undefined {
  const at = state === "settled" ? ledger.lately(sequence)?.at : (entry?.diedAt ?? entry?.cancelledAt);
  return at === undefined ? undefined : Math.max(0, now - at);
}

async function waitReason(ledger: ClaimLedger, message: ChannelMessage, source: LaneSource, step: Step): Promise<WaitReason | undefined> {
  const before = message.key === undefined ? undefined : await blockerOf(ledger, message.sequence, message.key, source);
  const blocker = before === undefined ? undefined : (await source.load([before])).get(before)?.message;
  if (blocker) return { reason: "behind", id: blocker.id, sequence: blocker.sequence };
  const { paused, maxInFlight } = ledger.regime;
  const { count, moreInMs } = ledger.allowance(step);
  if (count > 0) return undefined;
  if (paused) return { reason: "paused" };
  return { reason: moreInMs === undefined && maxInFlight !== undefined ? "max_in_flight" : "rate" };
}

/** The message of a key that is out or comes first: known to the ledger, or else the nearest one before that is not settled. */
async function blockerOf(ledger: ClaimLedger, sequence: number, key: string, source: LaneSource): Promise<number | undefined> {
  const current = ledger.keys.current(key)?.sequence;
  if (current !== undefined) return current === sequence ? undefined : current;
  const before = await new KeyOrder(ledger, source).lastInOrder(key, sequence - 1);
  return before === undefined || ledger.isSettled(before) ? undefined : before;
}
