export {
  checkIdentity,
  checkLast,
  checkPosition,
  checkSameMessage,
  decideAddressed,
  deletedLog,
  isPast,
  toDeadMessage,
  toMessage,
  type Moment,
} from "./checks.js";
export { type BatchedClaim, type ClaimBatch } from "./ledger/claim-batches.js";
export { ClaimLedger } from "./ledger/claim-ledger.js";
export { replayCalls, type LedgerCall } from "./ledger/ledger-calls.js";
export { storedOf, type AcknowledgedBatch, type KeptLedger } from "./ledger/kept-ledger.js";
export { type LedgerSnapshot } from "./ledger/ledger-snapshot.js";
export { type LedgerMessage, type OrderOutcome } from "./ledger/ledger-orders.js";
export { type ClaimRecord, type LedgerChanges, type LedgerPolicy, type StoredLedger } from "./ledger/claim-record.js";
export { DueTimes } from "./due-times.js";
export { type LaneSource, type SizedMessage, type WaitingMessage } from "./work/lane-source.js";
export { LogClock } from "./log-clock.js";
export { cursorInfo, movedTrace, traceOfPosition, type CursorTrace, type CursorView } from "./cursor-trace.js";
export { MOST_CURSOR_STATS, cursorStats, groupCounts, groupStats, type LogView } from "./log-stats.js";
export { guardLog, type LogGuard, type LogWithWork } from "./guard-log.js";
export { Holds, checkHold } from "./holds.js";
export { IntervalSet, type Interval } from "./interval-set.js";
export { FreshStep, type Step } from "./ledger/step.js";
export { OneAtATime } from "./one-at-a-time.js";
export { randomToken, sequenceOfToken, sequenceToken } from "./random.js";
export { sha256 } from "../sha256.js";
export { WorkGroups, type GroupLog } from "./work/work-groups.js";
export { COMMON_LANE, DEFAULT_PRIORITY, laneName, laneOf, type WorkLane } from "./work-lane.js";
export { copyStore, type CopiedChannel, type CopyOptions, type CopyProgress, type CopyResult } from "./portable/copy-store.js";
export { digestLog } from "./portable/log-digest.js";
export {
  isPortable,
  type LogHeader,
  type LogPart,
  type PortableLogs,
  type PortableMessage,
  type PortableStore,
  type RememberedId,
  type RightNumber,
} from "./portable/log-part.js";
export { logIsThere, noSuchLog, takeIn, type LogBody } from "./portable/whole-log.js";
