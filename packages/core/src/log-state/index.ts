export { checkPosition, checkSameMessage, decideAddressed, toMessage } from "./checks.js";
export { ClaimDispatcher, COMMON_LANE, type LaneSource } from "./claim-dispatcher.js";
export { type BatchedClaim, type ClaimBatch } from "./claim-batches.js";
export { ClaimLedger, type ClaimRecord, type LedgerChanges, type StoredLedger } from "./claim-ledger.js";
export { cursorStats, groupStats, type LogView } from "./log-stats.js";
export { IntervalSet, type Interval } from "./interval-set.js";
export { randomToken, sequenceOfToken, sequenceToken } from "./random.js";
