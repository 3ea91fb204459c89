import type { WorkLane } from "@sssn/core/log-state";

/**
 * The key space. `!` sorts below every character of an identifier, and no identifier contains it, so no identifier can reach into
 * another channel's keys or another kind of entry.
 *
 *     !format                          the format's version
 *     !group                           the number of the last group of commits; the first entry of each group
 *     !steady                          how the clock of leases stands against the machine's
 *     !channel!<channel id>            the channel's number, whether it is addressed, and who its log is
 *     !deletion!<number>               a channel that is being deleted
 *     !hold!<name>                     the last number of a right that one host at a time has
 *     !highest                         the highest number of a channel that was ever deleted, or higher: none is given twice
 *     <number>h                        header: last sequence, count, bytes
 *     <number>m<sequence>              a message
 *     <number>i<message id>            the sequence of a message whose id was given by its writer
 *     <number>r<recipient>!<sequence>  addressed logs only: who may see it; no recipient stands for everybody
 *     <number>x<sequence>              removed from this sequence up to the one in the value
 *     <number>d<time>!<sequence>       when a message that was written with a delay may be claimed
 *     <number>t<time>!<message id>     when an id of a removed message may be forgotten
 *     <number>q<priority><recipient>!<sequence>  logs with keys or priorities: who waits in which lane, behind which one of its key
 *     <number>k<key>!<sequence>        a message of a key that is not settled out of its order
 *     <number>k<key>!                  the last message of a key
 *     <number>n<name>                  the last message of a name that can be superseded, and its key
 *     <number>e<time>!<sequence>       when the time to live of a message is over; its key
 *     <number>p<sequence>              past their time to live from this sequence up to the one in the value
 *     <number>y<sequence>              superseded from this sequence up to the one in the value
 *     <number>c<owner>!<name>          a cursor
 *     <number>v<owner>!<name>          when a cursor was moved to where it stands, and what it has lost; missing where an earlier release moved it
 *     <number>g<group>!                a group exists
 *     <number>g<group>!s<sequence>     settled from this sequence up to the one in the value
 *     <number>g<group>!u<sequence>     unfinished: a claim that was extended, a delay, something that came back, a dead letter
 *     <number>g<group>!b<number>       what one call has claimed, while any of it is live and not stored by itself
 *     <number>g<group>!r               what bounds the group's work
 *     <number>g<group>!w<time>         how many were handed out at that time, as far as the group's rate asks for it
 */
export const FORMAT_KEY = "!format";
export const FORMAT_VERSION = "1";
/** Of a store with keys, priorities, regimes, or cancelled or superseded messages: earlier releases would hand out what they must not. */
export const FORMAT_WITH_ORDER = "2";
export const GROUP_KEY = "!group";
export const STEADY_KEY = "!steady";

const CHANNEL = "!channel!";
const NUMBER_DIGITS = 6;
const SEQUENCE_DIGITS = 11;

const HOLD = "!hold!";
export const holdKey = (name: string): string => `${HOLD}${name}`;
/** The last number of every right. */
export const HOLDS = rangeOf(HOLD);

const DELETION = "!deletion!";
export const HIGHEST_KEY = "!highest";

export const channelKey = (channelId: string): string => `${CHANNEL}${channelId}`;
/** Every channel's entry. */
export const CHANNELS = rangeOf(CHANNEL);

export const deletionKey = (channelNumber: number): string => `${DELETION}${channelNumber}`;
/** Every deletion that was begun and not ended. */
export const DELETIONS = rangeOf(DELETION);

/** What stands behind the prefix of a range. */
export function nameIn(range: KeyRange, key: string): string {
  return key.slice(range.gte.length);
}

/** A fixed-width number that sorts as it counts. */
export function sortable(value: number, digits: number = SEQUENCE_DIGITS): string {
  return value.toString(36).padStart(digits, "0");
}

export function parseSortable(text: string): number {
  return Number.parseInt(text, 36);
}

export interface KeyRange {
  readonly gte: string;
  readonly lt: string;
}

/** Everything that begins with a prefix. All keys are ASCII. */
export function rangeOf(prefix: string): KeyRange {
  return { gte: prefix, lt: `${prefix}\x7f` };
}

/** The keys of one channel. */
export class ChannelKeys {
  readonly header: string;
  readonly #prefix: string;
  readonly #message: string;

  constructor(channelNumber: number) {
    this.#prefix = sortable(channelNumber, NUMBER_DIGITS);
    this.header = `${this.#prefix}h`;
    this.#message = `${this.#prefix}m`;
  }

  /** Whatever belongs to the channel. */
  get everything(): KeyRange {
    return rangeOf(this.#prefix);
  }

  message(sequence: number): string {
    return this.#message + sortable(sequence);
  }

  /** What all message keys begin with. */
  get messages(): string {
    return this.#message;
  }

  sequenceOf(messageKey: string): number {
    return parseSortable(messageKey.slice(this.#message.length));
  }

  id(messageId: string): string {
    return `${this.#prefix}i${messageId}`;
  }

  get lanes(): string {
    return `${this.#prefix}r`;
  }

  lane(recipient: string): string {
    return `${this.lanes}${recipient}!`;
  }

  laneEntry(recipient: string, sequence: number): string {
    return this.lane(recipient) + sortable(sequence);
  }

  get removed(): string {
    return `${this.#prefix}x`;
  }

  get forgetting(): string {
    return `${this.#prefix}t`;
  }

  get delayed(): string {
    return `${this.#prefix}d`;
  }

  delayedEntry(availableAt: number, sequence: number): string {
    return `${this.delayed}${sortable(availableAt)}!${sortable(sequence)}`;
  }

  get expiring(): string {
    return `${this.#prefix}e`;
  }

  expiringEntry(validUntil: number, sequence: number): string {
    return `${this.expiring}${sortable(validUntil)}!${sortable(sequence)}`;
  }

  get superseded(): string {
    return `${this.#prefix}y`;
  }

  get allWaiting(): string {
    return `${this.#prefix}q`;
  }

  waiting({ recipient, priority }: WorkLane): string {
    return `${this.allWaiting}${priority}${recipient}!`;
  }

  waitingEntry(lane: WorkLane, sequence: number): string {
    return this.waiting(lane) + sortable(sequence);
  }

  get allKeyed(): string {
    return `${this.#prefix}k`;
  }

  lastKeyed(key: string): string {
    return `${this.allKeyed}${key}!`;
  }

  keyed(key: string, sequence: number): string {
    return this.lastKeyed(key) + sortable(sequence);
  }

  get allNamed(): string {
    return `${this.#prefix}n`;
  }

  named(name: string): string {
    return this.allNamed + name;
  }

  get expired(): string {
    return `${this.#prefix}p`;
  }

  get cursors(): string {
    return `${this.#prefix}c`;
  }

  cursor(owner: string, name: string): string {
    return `${this.cursors}${owner}!${name}`;
  }

  cursorTrace(owner: string, name: string): string {
    return `${this.cursorTraces}${owner}!${name}`;
  }

  get cursorTraces(): string {
    return `${this.#prefix}v`;
  }

  get groups(): string {
    return `${this.#prefix}g`;
  }

  group(name: string): string {
    return `${this.groups}${name}!`;
  }
}
