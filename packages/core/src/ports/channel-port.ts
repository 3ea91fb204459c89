import type { ChannelMessage, Metadata, Visibility, WriteReceipt } from "../message.js";
import type { EventSource } from "../events.js";
import type { JsonValue } from "../json-value.js";
import type {
  ClaimedMessage,
  CursorInfo,
  DeadMessage,
  GroupRegime,
  JobInfo,
  JobPage,
  JobState,
  LogCounts,
  LogPredecessor,
  LogStats,
  OrderResult,
  RetentionPolicy,
  SettleResult,
} from "./message-store.js";

/** All kinds of channels: `channel` is one of a class of your own. */
export const CHANNEL_KINDS = ["channel", "passthrough", "broadcast", "work-queue", "mailbox", "periodic", "discovery"] as const;
/** What kind of channel it is, as shown in its info. */
export type ChannelKind = (typeof CHANNEL_KINDS)[number];

/** How to reach a channel from outside its process. */
export interface ChannelEndpoint {
  /** The transport's name, such as `http`. */
  readonly transport: string;
  /** The channel's own URL. */
  readonly url: string;
}

/** What anybody who may read a channel may know about it. */
export interface ChannelInfo {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly kind: ChannelKind;
  readonly visibility: Visibility;
  /** How often a periodic channel polls its source, in ms. */
  readonly periodMs?: number;
  /** A work queue that may be read as well. */
  readonly shared?: boolean;
  /** How long a message rests after a failure, where the channel says so. */
  readonly backoff?: BackoffOptions;
  /** What its log keeps. Left out: everything, for ever; or an earlier release tells of it. */
  readonly retention?: RetentionPolicy;
  /** How often retention is applied, in ms. Left out by earlier releases. */
  readonly maintenanceIntervalMs?: number;
  readonly endpoints: readonly ChannelEndpoint[];
}

/** What goes with a message besides its content. */
export interface WriteOptions {
  /** The message's id: writing it twice stores it once. Left out: the store makes one. */
  readonly id?: string;
  /** Ties messages together: a thread, a request and its reply. Default: none. */
  readonly correlationId?: string;
  /** The channel in which an answer is expected. Default: none. */
  readonly replyTo?: string;
  /** Whom it is for: a mailbox shows it to nobody else. Default: everybody. */
  readonly recipientId?: string;
  /** Annotations: any JSON object. Default: none. */
  readonly metadata?: Metadata;
  /**
   * Of one key, one message at a time is handed out in a group, in the order in which they were written; the next one comes when that one is
   * settled, dead or cancelled. An identifier. Default: none, and the message waits for no other.
   */
  readonly key?: string;
  /** From 0 to 9: higher ones are handed out first, the oldest first within one level. Default 4. */
  readonly priority?: number;
  /**
   * A name: this message replaces the last one of the same name, wherever that waits and nobody has had it. The replaced one stays in the log, and is settled.
   * An identifier. Default: replaces nothing.
   */
  readonly supersede?: string;
  /** After how many ms it can be claimed. It is readable at once. Default 0; at most 10 years. */
  readonly delayMs?: number;
  /** How long it is delivered and handed out, in ms from now, from 1 to 10 years. Then it stays in the history only. Default: for ever. */
  readonly ttlMs?: number;
}

/** Under which condition a message, or a batch of them, is written. */
export interface WriteCondition {
  /**
   * Only if this is the last sequence of the channel, 0 where there is none, as `positions()` or the last read told it: so what was decided by reading up to there still
   * holds. Otherwise nothing is stored, and the write fails with `position_conflict`. A message that is there already under its id is a duplicate, wherever the channel ends. Default: no condition.
   */
  readonly ifLast?: number;
}

/** One message of a batch. */
export interface WriteEntry<Content> extends WriteOptions {
  readonly content: Content;
}

/** Where a shared read begins, and what it commits. */
export interface ReadOptions {
  /** Most messages to return, from 1 to 10 000. Default 100. */
  readonly limit?: number;
  /** The cursor's name. Default: the reader's id. */
  readonly cursor?: string;
  /** The identity of the log that the positions are from, as an earlier read told it: another one is refused with `log_replaced`, and one that was set back since, before the position, with `log_rewound`. */
  readonly log?: string;
  /** Read behind this sequence instead of behind the cursor; moves no cursor. 0 is the start. */
  readonly after?: number;
  /**
   * What counts as consumed. A sequence: commit it first, then read behind it (name the `position` of the last read, and a
   * dropped response loses nothing). `"on-delivery"`: commit what this read returns, at the risk of losing it. Left out:
   * nothing moves, and the same read returns the same messages.
   */
  readonly commit?: number | "on-delivery";
}

/** A page of messages. */
export interface ReadResult<Content> {
  readonly messages: readonly ChannelMessage<Content>[];
  /** What to commit once these messages are dealt with, and where the next read goes on. */
  readonly position: number;
  /** How many messages were removed before this reader got to them. */
  readonly skipped: number;
  /** Who the log is: positions mean something in this one only. */
  readonly log: string;
}

/** Positions in a log. */
export interface Positions {
  /** The first kept sequence; `last + 1` when there is none. */
  readonly first: number;
  /** The last sequence; 0 before the first. */
  readonly last: number;
  /** Where the cursor stands; left out before its first commit. */
  readonly cursor?: number;
  /** Who the log is: positions mean something in this one only. */
  readonly log: string;
  /** Who it was before it lost messages that it had acknowledged, and up to where it is the same, the earliest first. Left out: that never happened. */
  readonly predecessors?: readonly LogPredecessor[];
  /** What time it is for the log, in ms since the Unix epoch: what the age of its messages is judged by. */
  readonly now: number;
}

/** Which of a reader's cursors. */
export interface CursorOptions {
  /** The cursor's name. Default: the reader's id. */
  readonly cursor?: string;
}

/** Which of a reader's cursors, and in which log. */
export interface CommitOptions extends CursorOptions {
  /** The identity of the log that the position is from: another one is refused with `log_replaced`, and one that was set back since, before the position, with `log_rewound`. */
  readonly log?: string;
}

/** Where a cursor can be sought to. */
export type SeekTarget = "start" | "end" | { readonly sequence: number } | { readonly timestamp: number };

/** What to claim, for how long, and whether to wait for it. */
export interface ClaimOptions {
  /** Each group works every message off once. Default `default`. */
  readonly group?: string;
  /** Most messages to claim, from 1 to 1 000. Default 1. */
  readonly limit?: number;
  /** How long the lease runs, from 10 ms to 7 days. Default: the channel's. */
  readonly leaseMs?: number;
  /** How long to wait for a message when there is none, up to 60 000 ms. Default 0. */
  readonly waitMs?: number;
  /**
   * How many of the messages are worked on at once, in their order. When the leases lapse, only so many unsettled ones count as delivered,
   * because the others were merely fetched ahead. Default: all.
   */
  readonly working?: number;
  /** Tells workers of one reader apart, so that `working` holds over all the calls of one. Default: every call is a worker of its own. */
  readonly workerId?: string;
  /** Names the call: when it is repeated, because its answer was lost, it is answered with what it was granted. Remote channels do so by themselves. */
  readonly callId?: string;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** A claimed message. */
export type Claim<Content> = Omit<ClaimedMessage, "message"> & { readonly message: ChannelMessage<Content> };

/** In which group a claim is settled. */
export interface SettleOptions {
  /** The group in which it was claimed. Default `default`. */
  readonly group?: string;
}

/** How a claim is given back. */
export interface NackOptions extends SettleOptions {
  /** After how many ms it becomes available again. Default: the channel's back-off, or 0. */
  readonly delayMs?: number;
  /** Why, for whoever looks at the dead letters. At most 1 000 characters are kept. */
  readonly reason?: string;
  /** The message was not worked on at all: this delivery does not count towards `maxDeliveries`. Default false. */
  readonly uncounted?: boolean;
}

/** How a claim is kept alive. */
export interface ExtendOptions extends SettleOptions {
  /** How long the lease runs from now. Default: the channel's. */
  readonly leaseMs?: number;
  /** How far the work is, for whoever looks at it with `job()`: any JSON, of 16 KiB at the most. Default: as it was. */
  readonly progress?: JsonValue;
}

/** Of which group. */
export interface RegimeOptions {
  /** Default `default`. */
  readonly group?: string;
}

/** Chooses messages of a group by their state, the oldest first. */
export interface JobSelection {
  readonly state: JobState;
  /** Most of them, from 1 to 10 000. Default 1 000. */
  readonly limit?: number;
}

/** How messages are cancelled. */
export interface CancelOptions extends SettleOptions {
  /** Why, for whoever has them and whoever looks at them. At most 1 000 characters are kept. */
  readonly reason?: string;
}

/** Where messages are moved to. */
export interface RescheduleOptions extends SettleOptions {
  /** When they may be handed out, in ms since the Unix epoch by the log's clock; one that is past is now. Default: now. */
  readonly at?: number;
  /** After how many ms they may be handed out, up to 10 years, in place of `at`. */
  readonly delayMs?: number;
  /** Their priority from now on, from 0 to 9. Default: the one with which they were written. */
  readonly priority?: number;
}

/** Which messages to requeue. */
export interface RequeueOptions extends SettleOptions {
  /** By id: dead letters, and what was cancelled. Default: all dead letters. */
  readonly ids?: readonly string[];
  /** By their state, in place of `ids`: `dead` or `cancelled`. */
  readonly state?: "dead" | "cancelled";
  /** Of those in a state: most of them, from 1 to 10 000. Default 1 000. */
  readonly limit?: number;
}

/** Which messages of a group to list. */
export interface JobsOptions extends SettleOptions {
  /** `ready`, `claimed`, `resting`, `dead`, `cancelled` or `settled`. */
  readonly state: JobState;
  /** Behind this sequence. Default 0. */
  readonly after?: number;
  /** From 1 to 1 000. Default 100. */
  readonly limit?: number;
}

/** Why a claim ends among the dead letters. */
export interface DeadLetterOptions extends SettleOptions {
  /** Why, for whoever looks at the dead letters. At most 1 000 characters are kept. */
  readonly reason?: string;
}

/** From where a subscriber hears: what comes after this moment, from the first kept message, or behind a sequence. */
export type StartPosition = "now" | "start" | { readonly after: number };

/** Where a stream begins, and what ends it. */
export interface StreamOptions {
  /** Default `"now"`. */
  readonly from?: StartPosition;
  /** The identity of the log that `from.after` is a position of: another one is refused with `log_replaced`, and one that was set back since, before the position, with `log_rewound`. */
  readonly log?: string;
  /**
   * What happens when the log is replaced while it is followed over a network: the stream ends with `log_replaced`, or goes on with the first message of the other one. Also what happens when the
   * log was set back and messages behind the position were lost: the stream ends with `log_rewound`, or goes on behind the last one that was not. Default `"end"`.
   */
  readonly ifReplaced?: "end" | "start";
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

/** Where a subscription begins, and whether it remembers how far it came. */
export interface SubscribeOptions extends StreamOptions {
  /**
   * A durable subscription: starts behind this cursor and commits each message after the callback is done with it. A message whose
   * callback fails comes again.
   */
  readonly cursor?: string;
  /** Durable subscriptions: how often a message is tried, from 1. Then the subscription ends with `delivery_failed`. Default 10. */
  readonly attempts?: number;
  /** Durable subscriptions: how long a message rests that failed. Default: 100 ms, doubling, up to 30 s. */
  readonly backoff?: BackoffOptions;
}

/** How long to rest between attempts: a time that grows, up to a bound. */
export interface BackoffOptions {
  /** The first rest, in ms, up to 10 years. Default 1 000. */
  readonly initialMs?: number;
  /** Each further rest is so many times as long, from 1 to 10. Default 2. */
  readonly factor?: number;
  /** The longest rest, in ms, up to 10 years. Default 300 000. */
  readonly maxMs?: number;
}

/** A live delivery, one message after the other in log order. */
export interface Subscription extends AsyncDisposable {
  /**
   * Ends it; resolves when the callback that may be running is done, and after 30 s at the latest. Called by the callback itself, it does
   * not wait for it.
   */
  close(): Promise<void>;
  /** Settles when it has ended: with an error when it broke off. */
  readonly closed: Promise<void>;
}

/** What is called with each message. It may be async; the next message waits for it. An exception is reported, not propagated. */
export type MessageCallback<Content> = (message: ChannelMessage<Content>) => unknown;

/** A message that was cancelled in a group. */
export interface Cancellation {
  readonly id: string;
  readonly group: string;
  readonly reason?: string;
}

/**
 * The consumption interface: what a channel in this process and one behind HTTP have in common.
 *
 * `Content` is what readers get, `Written` what writers give: they differ where a schema makes one of the other.
 */
export interface ChannelPort<Content = unknown, Written = Content> {
  /** The id of the channel. */
  readonly id: string;
  /** Aborts when the channel has ended for good, where that can be told: whoever waits for it can stop. */
  readonly ended?: AbortSignal;
  /** False while calls go unanswered and are repeated, as those of a remote channel whose host is away. Left out: it is always reached. */
  readonly isReachable?: boolean;
  /** Told of each claim that is taken away because its message was cancelled in this process. Left out: a holder hears of it when it renews its lease. */
  readonly cancellations?: EventSource<{ readonly cancelled: Cancellation }>;
  /** Where a remote channel lives, such as `https://orders.example`: at each of its hosts. Left out: in this process. */
  readonly origins?: readonly string[];
  /** What the channel is, and where it can be reached. @throws SSSNError `insufficient_role`. */
  info(readerId: string): Promise<ChannelInfo>;
  /**
   * Writes one message. Resolves when it is stored as safely as the store promises, and never before.
   *
   * @throws SSSNError `content_rejected` (the schema says no), `invalid_content`, `content_too_large`, `message_conflict` (the id is there with other content),
   * `position_conflict` (the channel ends elsewhere than `ifLast` says), `backpressure`, `store_full`, `store_unavailable`; over a network `transport_failed` and
   * `timeout`. `details.outcome` says `not_stored`, or `unknown` where it may have been stored: writing it again under the same `id` is safe in either case.
   */
  write(senderId: string, content: Written, options?: WriteOptions & WriteCondition): Promise<WriteReceipt>;
  /** Writes up to 10 000 messages, all or none, in their order. Fails as {@link ChannelPort.write} does. */
  writeBatch(senderId: string, entries: readonly WriteEntry<Written>[], condition?: WriteCondition): Promise<readonly WriteReceipt[]>;
  /**
   * The next messages behind the reader's cursor, or behind `after`. Nothing is removed, and the same read returns the same messages until it is committed.
   *
   * @throws SSSNError `position_ahead`, `log_replaced`, `log_rewound`, `unsupported_operation` (a work queue that is not shared), `store_corrupted`.
   */
  read(readerId: string, options?: ReadOptions): Promise<ReadResult<Content>>;
  /** Where the log begins and ends, and where the reader's cursor stands. */
  positions(readerId: string, options?: CursorOptions): Promise<Positions>;
  /**
   * Moves the reader's cursor forwards to a position; one that lies behind it changes nothing. Resolves with where it stands then.
   *
   * @throws SSSNError `position_ahead`, `log_replaced`, `log_rewound`.
   */
  commit(readerId: string, position: number, options?: CommitOptions): Promise<number>;
  /** Moves the reader's cursor anywhere. Resolves with where it stands then. @throws SSSNError `position_ahead`. */
  seek(readerId: string, target: SeekTarget, options?: CursorOptions): Promise<number>;
  /**
   * Takes available messages, oldest first, each for this reader alone until its lease ends. Waits for one up to `waitMs`, and answers with none after that, or when
   * `signal` aborts. Settle each with {@link ChannelPort.acknowledge}, {@link ChannelPort.nack} or {@link ChannelPort.deadLetter}.
   *
   * @throws SSSNError `unknown_group`, `unsupported_operation` (a broadcast channel).
   */
  claim(readerId: string, options?: ClaimOptions): Promise<readonly Claim<Content>[]>;
  /**
   * Ends claims: their messages are done in the group. One result for each receipt, in their order; `lost` and `unknown` are results and no errors, and change nothing.
   * Repeating it is safe.
   */
  acknowledge(readerId: string, receipts: readonly string[], options?: SettleOptions): Promise<readonly SettleResult[]>;
  /** Gives claims back, at once or after a rest. A message that has had its last delivery becomes a dead letter. Results as those of {@link ChannelPort.acknowledge}. */
  nack(readerId: string, receipts: readonly string[], options?: NackOptions): Promise<readonly SettleResult[]>;
  /** Ends claims as dead letters: trying again is useless. Results as those of {@link ChannelPort.acknowledge}. */
  deadLetter(readerId: string, receipts: readonly string[], options?: DeadLetterOptions): Promise<readonly SettleResult[]>;
  /**
   * Lets the leases of claims run from now on, for `leaseMs`. Results as those of {@link ChannelPort.acknowledge}, with when the lease ends, or with why the message was cancelled.
   *
   * @throws SSSNError `content_too_large` for progress of more than 16 KiB.
   */
  extend(readerId: string, receipts: readonly string[], options?: ExtendOptions): Promise<readonly SettleResult[]>;
  /** The message with this id, if it is there and the reader may see it. Moves no cursor. @throws SSSNError `unsupported_operation` (a work queue that is not shared). */
  find(readerId: string, id: string): Promise<ChannelMessage<Content> | undefined>;
  /** Resolves once the start position is fixed: what is written from then on will be delivered. */
  subscribe(systemId: string, callback: MessageCallback<Content>, options?: SubscribeOptions): Promise<Subscription>;
  /**
   * Messages as they come, for as long as the loop over them goes on, or until `signal` aborts. Over a network it comes back by itself, without a gap and without a repeat.
   *
   * @throws SSSNError `position_ahead`, `log_replaced`, `log_rewound`, `insufficient_role`; what trying again can help against is tried again.
   */
  stream(readerId: string, options?: StreamOptions): AsyncIterable<ChannelMessage<Content>>;
}

/** Which part of a log an observer looks at. */
export interface HistoryOptions {
  /** Behind this sequence. Default 0. */
  readonly after?: number;
  /** In place of `after`: the last ones before this sequence, in ascending order; the page's `position` is what to go on with, 0 at the beginning of the log. */
  readonly before?: number;
  /** From 1 to 10 000. Default 100. */
  readonly limit?: number;
}

/** What of a message is compared with what: all conditions have to hold. */
export interface ScanCondition {
  /** Such as `content.order.price`, `metadata.source`, `senderId`, `recipientId`, `correlationId`, `replyTo`, `key`, `priority`, `id`. */
  readonly path: string;
  /** `less` and `greater` compare numbers, or texts, with their like; `containing` looks for a part of a text or an item of a list; `there` and `missing` need no value. */
  readonly is: "equal" | "different" | "less" | "greater" | "containing" | "there" | "missing";
  readonly value?: JsonValue;
}

/** What to look for in a log, and how far. */
export interface ScanOptions {
  /** Behind this sequence. Default 0. */
  readonly after?: number;
  /** At most 16 conditions. Default: none, and every message is found. */
  readonly where?: readonly ScanCondition[];
  /** Most messages to find, from 1 to 1 000. Default 100. */
  readonly limit?: number;
  /** Most messages to look at, from 1 to 100 000. Default 10 000. */
  readonly maxScanned?: number;
  /** How long to look, in ms from 1 to 10 000. Default 1 000. */
  readonly maxMs?: number;
}

/** What a scan has found. */
export interface ScanResult<Content> {
  readonly messages: readonly ChannelMessage<Content>[];
  /** Everything up to here has been looked at: where to go on. */
  readonly position: number;
  /** How many messages were looked at. */
  readonly scanned: number;
  /** It came to the end of the log as that was when it began. */
  readonly isComplete: boolean;
  /** Who the log is: positions mean something in this one only. */
  readonly log: string;
}

/** Which dead letters to list. */
export interface DeadLettersOptions extends SettleOptions {
  /** Behind this sequence. Default 0. */
  readonly after?: number;
  /** From 1 to 10 000. Default 100. */
  readonly limit?: number;
}

/** Which cursors to list. */
export interface CursorsOptions {
  /** Where to go on: the `next` of the page before. */
  readonly after?: string;
  /** From 1 to 1 000. Default 100. */
  readonly limit?: number;
}

/** A page of cursors, in the order of their owners and names. */
export interface CursorPage {
  readonly cursors: readonly CursorInfo[];
  /** Where to go on. Left out: there are no more. */
  readonly next?: string;
}

/** Which messages to clear. */
export type ClearFilter<Content> = (message: ChannelMessage<Content>) => boolean;

/** Host operations, for the role admin. */
export interface ChannelHostPort<Content = unknown> {
  /** Any part of the log, whoever it is addressed to, forwards or backwards; moves no cursor. */
  history(adminId: string, options?: HistoryOptions): Promise<ReadResult<Content>>;
  /**
   * The log in figures: its size, its groups, its cursors. It looks at a message for each group and cursor; what is asked for often is `counts()`, and cursors beyond the first
   * 1 000 are listed by `cursors()`.
   */
  stats(adminId: string): Promise<LogStats>;
  /** What is counted in memory: its size and its groups. It looks at no message, so it may be asked for every second. */
  counts(adminId: string): Promise<LogCounts>;
  /** Its readers' cursors, page by page: how far each is, when it was moved last, and what was removed before it got there. It looks at no message. */
  cursors(adminId: string, options?: CursorsOptions): Promise<CursorPage>;
  /** Removes all messages, or those that the filter accepts. Sequences go on and cursors stay. Resolves with how many went. */
  clear(adminId: string, filter?: ClearFilter<Content>): Promise<number>;
  /** Applies a retention policy now; left out: the channel's own. Resolves with how many messages went. */
  evict(adminId: string, policy?: RetentionPolicy): Promise<number>;
  /** Removes messages by id, claimed or not; unknown ids are ignored. Resolves with how many went. */
  remove(adminId: string, ids: readonly string[]): Promise<number>;
  /** Messages that satisfy conditions, in any part of the log; bounded in what it finds, looks at and takes. @throws SSSNError `backpressure` when three scans are under way. */
  scan(adminId: string, options?: ScanOptions): Promise<ScanResult<Content>>;
  /** The position just before the first message that is as new as a time, where reading would begin; moves nothing. */
  locate(adminId: string, target: { readonly timestamp: number }): Promise<Positions & { readonly position: number }>;
  /** The dead letters of a group, oldest first. `jobs({ state: "dead" })` lists them without their contents. */
  deadLetters(adminId: string, options?: DeadLettersOptions): Promise<readonly DeadMessage[]>;
  /** Makes dead letters of a group available again, all or those with the ids, with their deliveries at 0; also what was cancelled, where it is named. Resolves with how many. */
  requeue(adminId: string, options?: RequeueOptions): Promise<number>;
  /**
   * What bounds the work of a group from now on, over all its workers, also after a restart. What is left out does not bound it: `{}` frees it. `stats()` shows it.
   */
  setRegime(adminId: string, regime: GroupRegime, options?: RegimeOptions): Promise<void>;
  /**
   * Settles messages of a group as cancelled: what waits, rests or is dead. What somebody has is taken away: its handler's signal aborts with the reason, in this process
   * at once and elsewhere with the next renewal of its lease, and settling it answers `cancelled`. One result for each message, in their order.
   */
  cancel(adminId: string, which: readonly string[] | JobSelection, options?: CancelOptions): Promise<readonly OrderResult[]>;
  /** Moves messages of a group that nobody has to another time or another priority; without either, to now. One result for each id, in their order. */
  reschedule(adminId: string, ids: readonly string[], options?: RescheduleOptions): Promise<readonly OrderResult[]>;
  /** The whole state of a message in a group: who has it, until when it rests, how far it is, and why it is not handed out. @throws SSSNError `not_found`. */
  job(adminId: string, id: string, options?: SettleOptions): Promise<JobInfo>;
  /** The messages of a group that are in one state, page by page. Does not look through what is settled. */
  jobs(adminId: string, options: JobsOptions): Promise<JobPage>;
  /**
   * Deletes a group with its claims, its dead letters and what it has settled: unfinished work of it is no reason any more to keep
   * a message. A claim makes it anew. Resolves with whether there was one.
   */
  deleteGroup(adminId: string, group: string): Promise<boolean>;
  /** Deletes a cursor, the reader's default one where `cursor` is left out. Resolves with whether there was one. */
  deleteCursor(adminId: string, readerId: string, options?: CursorOptions): Promise<boolean>;
}
