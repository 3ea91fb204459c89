import { refuseUnknownOptions } from "../options.js";
import type {
  CancelOptions,
  ClaimOptions,
  CommitOptions,
  CursorOptions,
  CursorsOptions,
  DeadLetterOptions,
  DeadLettersOptions,
  ExtendOptions,
  HistoryOptions,
  JobsOptions,
  NackOptions,
  ReadOptions,
  RegimeOptions,
  RequeueOptions,
  RescheduleOptions,
  ScanOptions,
  SettleOptions,
  StreamOptions,
  SubscribeOptions,
  WriteCondition,
  WriteEntry,
  WriteOptions,
} from "../ports/channel-port.js";

/** Each option of a call, so that the compiler misses one that is forgotten here. */
type Names<Options> = Readonly<Record<keyof Options, true>>;

/** What each call of a channel can be told. */
interface CallOptionNames {
  readonly write: Names<WriteOptions & WriteCondition>;
  readonly entry: Names<WriteEntry<unknown>>;
  readonly writeBatch: Names<WriteCondition>;
  readonly read: Names<ReadOptions>;
  readonly positions: Names<CursorOptions>;
  readonly commit: Names<CommitOptions>;
  readonly seek: Names<CursorOptions>;
  readonly subscribe: Names<SubscribeOptions>;
  readonly stream: Names<StreamOptions>;
  readonly claim: Names<ClaimOptions>;
  readonly acknowledge: Names<SettleOptions>;
  readonly nack: Names<NackOptions>;
  readonly deadLetter: Names<DeadLetterOptions>;
  readonly extend: Names<ExtendOptions>;
  readonly requeue: Names<RequeueOptions>;
  readonly setRegime: Names<RegimeOptions>;
  readonly cancel: Names<CancelOptions>;
  readonly reschedule: Names<RescheduleOptions>;
  readonly job: Names<SettleOptions>;
  readonly jobs: Names<JobsOptions>;
  readonly history: Names<HistoryOptions>;
  readonly cursors: Names<CursorsOptions>;
  readonly scan: Names<ScanOptions>;
  readonly deadLetters: Names<DeadLettersOptions>;
  readonly deleteCursor: Names<CursorOptions>;
}

const CURSOR: Names<CursorOptions> = { cursor: true };
const GROUP: Names<SettleOptions> = { group: true };
const STREAM: Names<StreamOptions> = { from: true, log: true, ifReplaced: true, signal: true };
const WRITE: Names<WriteOptions> = {
  id: true,
  correlationId: true,
  replyTo: true,
  recipientId: true,
  metadata: true,
  key: true,
  priority: true,
  supersede: true,
  delayMs: true,
  ttlMs: true,
};

const CALLS: CallOptionNames = {
  write: { ...WRITE, ifLast: true },
  entry: { ...WRITE, content: true },
  writeBatch: { ifLast: true },
  read: { limit: true, cursor: true, log: true, after: true, commit: true },
  positions: CURSOR,
  commit: { ...CURSOR, log: true },
  seek: CURSOR,
  subscribe: { ...STREAM, cursor: true, attempts: true, backoff: true },
  stream: STREAM,
  claim: { ...GROUP, limit: true, leaseMs: true, waitMs: true, working: true, workerId: true, callId: true, signal: true },
  acknowledge: GROUP,
  nack: { ...GROUP, delayMs: true, reason: true, uncounted: true },
  deadLetter: { ...GROUP, reason: true },
  extend: { ...GROUP, leaseMs: true, progress: true },
  requeue: { ...GROUP, ids: true, state: true, limit: true },
  setRegime: GROUP,
  cancel: { ...GROUP, reason: true },
  reschedule: { ...GROUP, at: true, delayMs: true, priority: true },
  job: GROUP,
  jobs: { ...GROUP, state: true, after: true, limit: true },
  history: { after: true, before: true, limit: true },
  cursors: { after: true, limit: true },
  scan: { after: true, where: true, limit: true, maxScanned: true, maxMs: true },
  deadLetters: { ...GROUP, after: true, limit: true },
  deleteCursor: CURSOR,
};

const KNOWN: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(CALLS).map(([call, names]) => [call, new Set(Object.keys(names as object))]),
);
const NONE: ReadonlySet<string> = new Set();

/** Refuses what a call has no option for: a mistyped `ids` of `requeue()` would mean all of them. @throws SSSNError `invalid_argument`. */
export function checkCall(call: keyof CallOptionNames, options: unknown): void {
  refuseUnknownOptions(call === "entry" ? "A message of a batch" : `${call}()`, options, KNOWN.get(call) ?? NONE);
}
