import "../disposable.js";
import type { Cancel, Clock } from "../clock.js";
import type { JsonValue } from "../json-value.js";
import type { ChannelMessage, MessageDraft, WriteReceipt } from "../message.js";

/** What a store promises beyond the rules that all stores keep. Declared once, for code, tests and users; final when a channel was opened, because an engine elsewhere decides about some of it. */
export interface StoreCapabilities {
  /** What it acknowledged survives the end of the process. */
  readonly durable: boolean;
  /** What it acknowledged survives a power cut. */
  readonly flushed: boolean;
  /** What it acknowledged survives the loss of a machine that keeps it. */
  readonly replicated: boolean;
  /** A batch is stored as a whole or not at all. Where not, its beginning may be there after a failure, and the same batch with the same ids completes it. */
  readonly atomicBatches: boolean;
  /** So long a write is known by its id, in ms: at least as long as its message is kept (`Infinity`), or only for some time. */
  readonly idempotentForMs: number;
  /** Several hosts may open the same channel at once: processes, or, where a store keeps nothing outside its process, stores that know of each other. */
  readonly shared: boolean;
  /** So long after an append, a release or a requeue at any host, whoever listens at any host is told at the latest, in ms. 0: before the call that caused it resolves. */
  readonly wakeUpWithinMs: number;
  /** By whose clock leases, delays and timestamps run: the host's own, or one that all hosts have in common. */
  readonly clock: "host" | "engine";
}

/**
 * Keeps channels. Opens one {@link ChannelLog} per channel id; the log, not the channel, owns sequences, cursors, claims and
 * retention. To write one, implement both and run `@sssn/store-conformance` on it.
 */
export interface MessageStore extends AsyncDisposable {
  readonly capabilities: StoreCapabilities;
  /**
   * Opens a channel's log, and makes it where there is none. Opening the same id again gives the same log.
   *
   * @throws SSSNError `store_closed`, `store_locked` (another process owns it), `store_corrupted`, `store_unavailable`, and
   * `invalid_state` when the log was made with another `addressed`.
   */
  open(channelId: string, options?: LogOptions): Promise<ChannelLog>;
  /** The ids of all channels whose logs are here, open or not, in the order of their text. */
  list(): Promise<readonly string[]>;
  /**
   * Deletes a channel's log with everything in it: messages, cursors, groups. Its open {@link ChannelLog} answers `log_deleted` from then on; opening
   * the id again makes a new log, of another identity.
   *
   * @returns whether there was one.
   * @throws SSSNError `store_closed`, `store_unavailable`, `invalid_identifier`.
   */
  delete(channelId: string): Promise<boolean>;
  /**
   * Gives a right to one host at a time: to whoever asks first, until it is given back or its time is over by the log's clock. So what all hosts would do, one of them does.
   *
   * @param name up to 300 characters out of those of an identifier.
   * @param ttlMs how long the right lasts unless it is renewed, from 1 to 7 days.
   * @returns `undefined` where somebody has it.
   * @throws SSSNError `store_closed`, `store_unavailable`, `invalid_argument`.
   */
  hold(name: string, ttlMs: number): Promise<Hold | undefined>;
  /** Waits for what is under way, then lets go of everything. Safe to call twice. */
  close(): Promise<void>;
}

/** A right that one host at a time has. */
export interface Hold {
  /** Higher each time that the right is given: whoever has a lower number has it no more. It goes on growing after a restart. */
  readonly fence: number;
  /** Has it for its time from now on. Resolves with false where it is over: somebody else may have it. */
  renew(): Promise<boolean>;
  /** Gives it back at once. */
  release(): Promise<void>;
}

/** How a log is opened. */
export interface LogOptions {
  /**
   * Every reader sees only what is addressed to it or to nobody: the log keeps an index per recipient. Decided when the log is
   * made, for good. Default: as it was made; false for a new one.
   */
  readonly addressed?: boolean;
  /**
   * After so many deliveries that count, from 1, a message that comes back is a dead letter of its group. It holds from this opening
   * on, also for what came back before. Default: as it was opened last; no bound for a log that is opened first.
   */
  readonly maxDeliveries?: number;
  /** What time it is for the log, where the store has no clock of its own engine. Decided by its first opening in a process. Default: the store's clock. */
  readonly clock?: Clock;
}

/** What a reader of an addressed log may see; `undefined` sees everything. */
export type Audience = string | undefined;

/** A read by position. */
export interface ReadRequest {
  /** Messages behind this sequence; 0 is the start. */
  readonly after: number;
  /** Most messages to return, 1 or more. */
  readonly limit: number;
  /** Only messages addressed to this reader or to nobody. Left out: all. */
  readonly audience?: Audience;
  /** A page ends before its messages have more bytes than this, as the store counts them; it holds one message at least. Left out: no bound. */
  readonly maxBytes?: number;
}

/** What a read returns. */
export interface LogPage {
  readonly messages: readonly ChannelMessage[];
  /** Everything up to here has been looked at: where to go on, and what to commit. */
  readonly position: number;
  /** How many messages behind `after` were already removed from the front of the log. */
  readonly skipped: number;
}

/** A named position, owned by one reader. */
export interface CursorKey {
  readonly owner: string;
  readonly name: string;
}

/** A cursor and where it stands. */
export interface CursorState extends CursorKey {
  readonly sequence: number;
}

/** A call for messages to work on. */
export interface ClaimRequest {
  readonly group: string;
  readonly readerId: string;
  /** Most messages to hand out, 1 or more. */
  readonly limit: number;
  readonly leaseMs: number;
  readonly audience?: Audience;
  /** Fewer are handed out where they have more bytes than this, as the store counts them, but one at least. Left out: no bound. */
  readonly maxBytes?: number;
  /**
   * How many of the claimed messages the reader works on at once, in order. When all leases lapse, only so many unsettled ones count as
   * delivered; the others were merely fetched ahead. Left out: all count.
   */
  readonly working?: number;
  /** Tells workers of one reader apart, so that `working` holds over all the calls of one. Left out: every call is a worker of its own. */
  readonly workerId?: string;
  /** Names this call of this reader: repeated under the same name, it is answered with what it was granted and still holds. */
  readonly callId?: string;
}

/** A lease on one message in one group. */
export interface ClaimedMessage {
  readonly message: ChannelMessage;
  /** The fencing token: settling takes this very one. */
  readonly receipt: string;
  /** How often the message was handed out in this group, this time included. */
  readonly deliveries: number;
  /** When the lease ends, in ms since the Unix epoch by the host's steady clock. */
  readonly expiresAt: number;
  /** How much is left of the lease, in ms, as the answer is given: count it from when the answer comes, on a clock of your own. */
  readonly leaseMs: number;
}

/** What a claim returns. */
export interface ClaimPage {
  readonly claims: readonly ClaimedMessage[];
  /** In how many ms the next delayed or leased message of this group may become available; left out: none is known. */
  readonly nextAvailableInMs?: number;
}

/** A rest that grows with every delivery: `initialMs`, then `factor` times as long each time, up to `maxMs`. */
export interface Backoff {
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/** What to do with a claim. An `uncounted` release takes this delivery back, because nobody worked on the message. */
export type Settlement =
  | { readonly receipt: string; readonly action: "acknowledge" }
  | {
      readonly receipt: string;
      readonly action: "release";
      readonly delayMs: number | Backoff;
      readonly reason?: string;
      readonly uncounted?: boolean;
    }
  | { readonly receipt: string; readonly action: "dead-letter"; readonly reason?: string }
  | { readonly receipt: string; readonly action: "extend"; readonly leaseMs: number; readonly progress?: JsonValue };

/**
 * How a settlement ended. `lost`: the lease ended or has moved on, nothing was changed. `unknown`: this reader never held such a
 * claim, or it ended too long ago: what was acknowledged is remembered for ten minutes at least, by the log, unless 50 000 others of its group were since. `cancelled`: the message was cancelled, so that the claim is nobody's any more.
 */
export type SettleStatus =
  "acknowledged" | "already_acknowledged" | "released" | "dead_lettered" | "extended" | "lost" | "cancelled" | "unknown";

/** How one settlement ended. */
export interface SettleResult {
  readonly receipt: string;
  readonly status: SettleStatus;
  /** After an extension. */
  readonly expiresAt?: number;
  /** Why it was cancelled, where whoever did it said so. */
  readonly reason?: string;
}

/** How much is removed at once. */
export interface EvictOptions {
  /** At most so many messages, the oldest first. Default: all that may go. */
  readonly most?: number;
}

/** What may stay in a log. Left out: no bound. */
export interface RetentionPolicy {
  /** Oldest age, in ms, by the log's own clock. */
  readonly maxAgeMs?: number;
  /** Most messages, the newest stay. */
  readonly maxCount?: number;
  /** Most bytes of stored messages, as the store counts them. */
  readonly maxBytes?: number;
  /** Never remove what some group has not settled yet. Default false. */
  readonly keepUnsettled?: boolean;
  /** How long dead letters are kept, in ms since they died. Left out: until a person decides. No other bound removes them or counts them. */
  readonly maxDeadAgeMs?: number;
}

/** What bounds the work of a group. What is left out does not bound it. */
export interface GroupRegime {
  /** Nothing is handed out. What is out may be settled. */
  readonly paused?: boolean;
  /** How many messages may be out at once, over all workers and hosts, from 1. */
  readonly maxInFlight?: number;
  /** At most `count` messages are handed out in any `perMs`, also across a restart. */
  readonly rate?: { readonly count: number; readonly perMs: number };
}

/**
 * What has happened in a group since its log was opened: counted upwards only, so that rates can be made of it. It begins anew with every start of the host.
 */
export interface GroupTotals {
  /** When counting began, in ms since the Unix epoch. */
  readonly since: number;
  /** Messages that were handed out, each time counted. */
  readonly delivered: number;
  readonly acknowledged: number;
  /** Given back by whoever had them. */
  readonly released: number;
  /** Leases that ended by themselves. */
  readonly lapsed: number;
  readonly deadLettered: number;
  readonly cancelled: number;
  /** Past their time to live before they were worked off. */
  readonly expired: number;
  /** Replaced by later messages. */
  readonly superseded: number;
  /** Removed from the log before they were worked off. */
  readonly removed: number;
}

/** How far a group is with its work. */
export interface GroupStats {
  readonly group: string;
  /** Can be claimed, or waits for those of its key that are before it. */
  readonly ready: number;
  readonly claimed: number;
  readonly delayed: number;
  readonly dead: number;
  /** What has happened in it. */
  readonly totals: GroupTotals;
  /** What bounds its work; left out: nothing does. */
  readonly regime?: GroupRegime;
  /** How old the oldest unfinished message is, in ms; left out: nothing is unfinished. */
  readonly oldestUnfinishedMs?: number;
}

/** Where messages are moved to. */
export interface Rescheduling {
  /** After how many ms they may be handed out. Left out: at once. */
  readonly delayMs?: number;
  /** From 0 to 9. Left out: as it is. */
  readonly priority?: number;
}

/** What became of an order to cancel or to move one message. `held`: somebody has it. `settled`: it needs no work any more. `unknown`: it is not in the log. */
export interface OrderResult {
  readonly id: string;
  readonly status: "cancelled" | "rescheduled" | "held" | "settled" | "unknown";
}

/** Where a message is in a group. `resting`: it waits for its time. */
export type JobState = "ready" | "claimed" | "resting" | "dead" | "cancelled" | "settled";

/** Why a message that is ready is not handed out. */
export type WaitReason =
  | { readonly reason: "paused" | "max_in_flight" | "rate" }
  /** Another message of its key comes first. */
  | { readonly reason: "behind"; readonly id: string; readonly sequence: number };

/** The state of one message in a group. */
export interface JobInfo {
  readonly id: string;
  readonly sequence: number;
  readonly state: JobState;
  /** How often it was handed out. Left out for a settled one that is no longer remembered. */
  readonly deliveries?: number;
  readonly priority: number;
  readonly key?: string;
  /** Who has it, or had it last. */
  readonly readerId?: string;
  /** How much is left of its lease, in ms. */
  readonly leaseMs?: number;
  /** In how many ms its rest is over. */
  readonly availableInMs?: number;
  /** What its last delivery ended with, or why it was cancelled. */
  readonly reason?: string;
  /** How far its handler said that it was. */
  readonly progress?: JsonValue;
  /** How long ago it died, was cancelled, or was settled, in ms, where that is known. */
  readonly sinceMs?: number;
  /** Why it is not handed out though it is ready. */
  readonly waiting?: WaitReason;
}

/** Which messages of a group to list. */
export interface JobsRequest {
  readonly state: JobState;
  /** Behind this sequence. */
  readonly after: number;
  /** From 1. */
  readonly limit: number;
}

/** A page of messages of a group. */
export interface JobPage {
  readonly jobs: readonly JobInfo[];
  /** Everything up to here has been looked at: where to go on. Left out: there is no more. */
  readonly position?: number;
}

/** How far a cursor is, as far as that is known without a look at any message. */
export interface CursorInfo extends CursorState {
  /** Messages behind the cursor. */
  readonly lag: number;
  /** How many messages may be removed from the front before this cursor misses one. */
  readonly distanceToRetention: number;
  /** When it was moved last, by the log's clock, in ms since the Unix epoch. Left out: an earlier release moved it, and kept no time. */
  readonly movedAt?: number;
  /** How many messages were removed, by retention or by hand, while it stood before them. It only grows; of a cursor without `movedAt`, what is gone behind it now. */
  readonly lost: number;
}

/** Which cursors to list: in the order of their owners, and of their names within one. */
export interface CursorsRequest {
  /** Behind this one, whether it is there or not. Left out: from the first. */
  readonly after?: CursorKey;
  /** From 1. */
  readonly limit: number;
}

/** How far a cursor is behind. */
export interface CursorStats extends CursorInfo {
  /** Age of the first message behind the cursor, in ms; 0 when there is none. */
  readonly lagMs: number;
}

/** What a log counts: kept in memory, so that asking for it reads nothing. */
export interface LogCounts {
  readonly count: number;
  readonly bytes: number;
  /** The first kept sequence; `last + 1` when the log is empty. */
  readonly first: number;
  /** The last sequence ever given out; 0 before the first. */
  readonly last: number;
  /** How many kept messages are past their time to live. No group counts them as ready, delayed or unfinished. */
  readonly expired: number;
  /** Without how old their work is, which takes a look at a message. */
  readonly groups: readonly Omit<GroupStats, "oldestUnfinishedMs">[];
}

/** A log in figures, with those that take a look at messages. */
export interface LogStats extends LogCounts {
  readonly groups: readonly GroupStats[];
  /** The first 1 000 in the order of their owners and names: a message is looked at for each. All of them are listed page by page. */
  readonly cursors: readonly CursorStats[];
}

/** A dead letter that is still in the log. */
export interface DeadMessage {
  readonly message: ChannelMessage;
  /** How often it was delivered in vain. */
  readonly deliveries: number;
  /** What the last handler failed with, or that none ever said. */
  readonly reason?: string;
  /** When it died, in ms since the Unix epoch; left out for what died under an earlier release, whose age counts from the opening of its log. */
  readonly diedAt?: number;
  /** Names this death, so that a copy of it elsewhere is made once. */
  readonly deathId?: string;
  /** Who had it last. */
  readonly readerId?: string;
}

/** Which dead letters to list. */
export interface DeadRequest {
  /** From 1. */
  readonly limit: number;
  /** Behind this sequence. Default 0. */
  readonly after?: number;
  /** Only those whose copy elsewhere was not reported with {@link ChannelLog.forwarded} yet. Default false. */
  readonly pending?: boolean;
}

/** Under which condition messages are added. */
export interface AppendOptions {
  /**
   * Only if this is the last sequence of the log, 0 where there is none: so that what was decided by reading up to there still holds. What is there already under its id is
   * a duplicate, wherever the log ends.
   */
  readonly ifLast?: number;
}

/** Where a log begins and ends. */
export interface LogBounds {
  /** The first kept sequence; `last + 1` when the log is empty. */
  readonly first: number;
  /** The last sequence that is stored; 0 before the first. */
  readonly last: number;
}

/**
 * A log before it was set back: a server that had not got its newest messages took over from one that had acknowledged them. Sequences behind
 * `last` stood for other messages then.
 */
export interface LogPredecessor {
  readonly identity: string;
  /** Up to here it is the same. */
  readonly last: number;
}

/** One channel's durable record. All methods reject with `store_closed` after the store was closed. */
export interface ChannelLog {
  readonly channelId: string;
  /** Who the log is: made with it, and with each time that it is set back. A position means something in the log of this identity only. */
  readonly identity: string;
  /** Who it was before it was set back, the earliest first; empty where that never happened, and in stores in which it can't. */
  readonly predecessors: readonly LogPredecessor[];
  /**
   * Adds messages to the end, all or none. Resolves when they are as durable as the store promises, and only then.
   *
   * @throws SSSNError `message_conflict` (an id is there with other content), `store_full`, `store_unavailable`: nothing is
   * acknowledged; whether the batch reached the disk may be unknown, and writing it again with the same ids is safe. `position_conflict`: the log ends elsewhere
   * than `ifLast` says, and nothing was stored.
   */
  append(drafts: readonly MessageDraft[], options?: AppendOptions): Promise<readonly WriteReceipt[]>;
  /**
   * Reads in order, whatever is claimed or settled. Never moves a cursor.
   *
   * @throws SSSNError `position_ahead`: `after` is behind the end of the log; `store_corrupted`, with `details.sequence`.
   */
  read(request: ReadRequest): Promise<LogPage>;
  /** The last messages before a sequence, in order. `position` is the first sequence that was looked at, and 1 or less at the beginning of the log. */
  readBefore(request: { readonly before: number; readonly limit: number; readonly maxBytes?: number }): Promise<LogPage>;
  /** The message with this id, if it is still there. */
  get(id: string): Promise<ChannelMessage | undefined>;
  bounds(): Promise<LogBounds>;
  /** What time it is for this log, in ms since the Unix epoch: what timestamps and ages are taken from. It never goes back. */
  now(): number;

  /** Where a cursor stands; `undefined` before its first commit. */
  cursor(key: CursorKey): Promise<number | undefined>;
  /**
   * Moves a cursor: forwards only, unless `rewind` allows the other way too. Resolves with where it stands then.
   *
   * @throws SSSNError `position_ahead`.
   */
  moveCursor(key: CursorKey, sequence: number, options?: { rewind?: boolean }): Promise<number>;

  /**
   * Hands out available messages of a group, each to one reader at a time: those of the highest priority first, the oldest first within it, of one
   * key one at a time in the order of their sequences, and no more than the group's regime allows.
   */
  claim(request: ClaimRequest): Promise<ClaimPage>;
  /** Settles or extends claims of one reader; answers one for one, in order. */
  settle(group: string, readerId: string, settlements: readonly Settlement[]): Promise<readonly SettleResult[]>;
  /** What bounds the work of a group from now on, for everybody who claims in it. Makes the group where there is none. */
  setRegime(group: string, regime: GroupRegime): Promise<void>;
  /**
   * Settles messages of a group as cancelled: what waits, rests or is dead, and what is out is taken from whoever has it. Answers one for one, in order.
   */
  cancel(group: string, ids: readonly string[], reason?: string): Promise<readonly OrderResult[]>;
  /** Moves messages that nobody has to another time or another priority. Answers one for one, in order. */
  reschedule(group: string, ids: readonly string[], to: Rescheduling): Promise<readonly OrderResult[]>;
  /** The whole state of a message in a group; `undefined` for an id that is not in the log. */
  job(group: string, id: string): Promise<JobInfo | undefined>;
  /** Messages of a group in one state, in the order of their sequences. Does not look through what is settled. */
  jobs(group: string, request: JobsRequest): Promise<JobPage>;
  /** The dead letters of a group, oldest first. */
  dead(group: string, request: DeadRequest): Promise<readonly DeadMessage[]>;
  /** Copies of these dead letters are safe elsewhere, or not wanted: they are no longer pending. */
  forwarded(group: string, ids: readonly string[]): Promise<void>;
  /** Makes dead letters available again, and cancelled messages that are named, with their deliveries at 0. Left out ids: all dead letters. Resolves with how many. */
  requeue(group: string, ids?: readonly string[]): Promise<number>;

  /**
   * Removes from the front what the policy does not keep. Resolves with how many messages went; as many as `most`: there may be more.
   *
   * @param options `most`: so many at once, 1 or more, so that one call is no work without end for a server that others use as well. Default: all.
   */
  evict(policy: RetentionPolicy, options?: EvictOptions): Promise<number>;
  /** Removes messages by id, claimed or not; unknown ids are ignored. Resolves with how many went. */
  remove(ids: readonly string[]): Promise<number>;
  stats(): Promise<LogStats>;
  /** What is counted in memory. It reads nothing, so it may be asked for every second. */
  counts(): Promise<LogCounts>;
  /** A page of cursors, as far as they are stored. It looks at no message. Fewer than asked for: there are no more. */
  cursors(request: CursorsRequest): Promise<readonly CursorInfo[]>;
  /** The figures of a group that nobody has ever claimed in. */
  untouched(): Promise<Omit<GroupStats, "group">>;

  /** Whether there is such a group: its first claim makes it. */
  hasGroup(group: string): boolean;
  /** How many groups there are. */
  readonly groupCount: number;
  /** Deletes a group: its claims, its dead letters, what it has settled. Resolves with whether there was one. */
  deleteGroup(group: string): Promise<boolean>;
  /** Deletes a cursor. Resolves with whether there was one. */
  deleteCursor(key: CursorKey): Promise<boolean>;

  /** Calls back when there may be something new: an append, a released claim. It carries no payload. */
  onChange(listener: () => void): Cancel;
}
