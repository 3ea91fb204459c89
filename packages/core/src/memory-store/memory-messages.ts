import { DueTimes } from "../log-state/due-times.js";
import { IntervalSet, type Interval } from "../log-state/interval-set.js";
import type { SizedMessage, WaitingMessage } from "../log-state/work/lane-source.js";
import { COMMON_LANE, DEFAULT_PRIORITY, laneName, laneOf, type WorkLane } from "../log-state/work-lane.js";
import type { LogHeader, RememberedId } from "../log-state/portable/log-part.js";
import type { ChannelMessage } from "../message.js";
import { SequenceIndex } from "./sequence-list.js";

/** An id is remembered for at least this long after its write, even when its message is gone. */
const REMEMBER_IDS_MS = 600_000;

/** A stretch of the log, and up to where it has been looked at. */
interface Stretch<Message = ChannelMessage> {
  readonly messages: Message[];
  readonly position: number;
}

/** The messages of one log in memory, by sequence, by id, by recipient, by lane and by key. */
export class MemoryMessages {
  /** Whether there is an index per recipient. */
  readonly addressed: boolean;
  readonly removed = new IntervalSet();
  /** Written with a delay. */
  readonly delayed = new DueTimes();
  /** Written with a time to live. */
  readonly expiring = new DueTimes();
  /** Past their time to live, and still here. */
  readonly expired = new IntervalSet();
  /** Replaced by a later one before anybody had them, and still here. */
  readonly superseded = new IntervalSet();
  /** The priorities that were ever seen, the highest first. */
  priorities: readonly number[] = [DEFAULT_PRIORITY];
  readonly #messages = new Map<number, ChannelMessage>();
  readonly #sizes = new Map<number, number>();
  readonly #ids = new Map<string, number>();
  readonly #recipients = new SequenceIndex();
  readonly #lanes = new SequenceIndex();
  readonly #keys = new SequenceIndex();
  /** Of messages with a key: the one before them, when they were written. */
  readonly #previous = new Map<number, number>();
  /** The last message of each name that may be superseded. */
  readonly #names = new Map<string, number>();
  readonly #forgetLater: { readonly id: string; readonly at: number }[] = [];
  #last = 0;
  #bytes = 0;

  constructor(addressed: boolean) {
    this.addressed = addressed;
  }

  get count(): number {
    return this.#messages.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get first(): number {
    return this.removed.nextAbsent(1);
  }

  get last(): number {
    return this.#last;
  }

  get(sequence: number): ChannelMessage | undefined {
    return this.#messages.get(sequence);
  }

  /** The sequence of an id, also of one whose message is gone; `undefined` for an unknown one. */
  sequenceOf(id: string): number | undefined {
    return this.#ids.get(id);
  }

  bytesOf(sequence: number): number {
    return this.#sizes.get(sequence) ?? 0;
  }

  sized(sequence: number): SizedMessage | undefined {
    const message = this.#messages.get(sequence);
    return message && { message, bytes: this.bytesOf(sequence) };
  }

  entries(): Iterable<[number, ChannelMessage]> {
    return this.#messages;
  }

  /** @returns the message that it replaces, where it says so. */
  add(message: ChannelMessage): number | undefined {
    const { sequence, id, key, availableAt, validUntil, priority, supersede } = message;
    const size = JSON.stringify(message).length;
    this.#last = sequence;
    this.#messages.set(sequence, message);
    this.#sizes.set(sequence, size);
    this.#ids.set(id, sequence);
    this.#bytes += size;
    if (availableAt !== undefined) this.delayed.add(sequence, availableAt);
    if (validUntil !== undefined) this.expiring.add(sequence, validUntil);
    if (this.addressed) this.#recipients.add(message.recipientId ?? COMMON_LANE, sequence);
    this.#lanes.add(laneName(laneOf(message, this.addressed)), sequence);
    if (priority !== undefined && !this.priorities.includes(priority))
      this.priorities = [...this.priorities, priority].sort((left, right) => right - left);
    if (key !== undefined) {
      const previous = this.#keys.before(key, sequence);
      if (previous !== undefined) this.#previous.set(sequence, previous);
      this.#keys.add(key, sequence);
    }
    if (supersede === undefined) return undefined;
    const replaced = this.#names.get(supersede);
    this.#names.set(supersede, sequence);
    return replaced !== undefined && this.#messages.has(replaced) ? replaced : undefined;
  }

  /** Takes in a message of another log, as it was there. */
  putBack(message: ChannelMessage, isLastOfName: boolean): void {
    this.add(message);
    if (message.supersede !== undefined && !isLastOfName) this.#names.delete(message.supersede);
  }

  /** Whether the next message of its name replaces it. */
  isLastOfName({ sequence, supersede }: ChannelMessage): boolean {
    return supersede !== undefined && this.#names.get(supersede) === sequence;
  }

  /** The ids of removed messages, in the order in which they are forgotten. */
  rememberedIds(): readonly RememberedId[] {
    const known = this.#forgetLater.flatMap(({ id, at }) => {
      const sequence = this.#ids.get(id);
      return sequence === undefined ? [] : [{ id, sequence, until: at }];
    });
    return known.sort((left, right) => left.until - right.until || (left.id < right.id ? -1 : 1));
  }

  remember({ id, sequence, until }: RememberedId): void {
    this.#ids.set(id, sequence);
    this.#forgetLater.push({ id, at: until });
  }

  /** All messages of another log are in: now what it knew of them besides. */
  finish({ last, removed, expired, superseded }: LogHeader): void {
    this.#last = last;
    for (const { start, end } of removed) this.removed.add(start, end);
    for (const [ranges, kind] of [
      [expired, this.expired],
      [superseded, this.superseded],
    ] as const)
      for (const { start, end } of ranges) for (let sequence = start; sequence <= end; sequence++) this.retire(sequence, kind);
    for (const { start, end } of expired) for (let sequence = start; sequence <= end; sequence++) this.expiring.delete(sequence);
  }

  /** A copy without what lies behind a sequence. */
  upTo(last: number): MemoryMessages {
    const copy = new MemoryMessages(this.addressed);
    for (const [sequence, message] of this.#messages) if (sequence <= last) copy.add(message);
    for (const kind of ["removed", "expired", "superseded"] as const)
      for (const { start, end } of this[kind].upTo(last)) copy[kind].add(start, end);
    for (const { start, end } of [...copy.expired, ...copy.superseded])
      for (let sequence = start; sequence <= end; sequence++)
        copy.retire(sequence, copy.expired.has(sequence) ? copy.expired : copy.superseded);
    for (const [id, sequence] of this.#ids) if (sequence <= last) copy.#ids.set(id, sequence);
    copy.#forgetLater.push(...this.#forgetLater.filter(({ id }) => copy.#ids.has(id)));
    copy.#last = Math.min(last, this.#last);
    return copy;
  }

  /** Takes a message out; its id is remembered for a while. */
  drop(sequence: number): void {
    const message = this.#messages.get(sequence);
    if (!message) return;
    this.#messages.delete(sequence);
    this.#bytes -= this.bytesOf(sequence);
    this.#sizes.delete(sequence);
    this.#previous.delete(sequence);
    this.removed.add(sequence);
    this.delayed.delete(sequence);
    this.expiring.delete(sequence);
    this.expired.delete(sequence);
    this.superseded.delete(sequence);
    this.#forgetLater.push({ id: message.id, at: message.timestamp + REMEMBER_IDS_MS });
    if (this.addressed) this.#recipients.delete(message.recipientId ?? COMMON_LANE, sequence);
    this.#lanes.delete(laneName(laneOf(message, this.addressed)), sequence);
    if (message.key !== undefined) this.#keys.delete(message.key, sequence);
    if (message.supersede !== undefined && this.#names.get(message.supersede) === sequence) this.#names.delete(message.supersede);
  }

  /** No group has to do with it any more, though it stays readable. */
  retire(sequence: number, among: IntervalSet): void {
    const key = this.#messages.get(sequence)?.key;
    among.add(sequence);
    if (key !== undefined) this.#keys.delete(key, sequence);
  }

  /** Whether no group that comes has to do with it. */
  isRetired(sequence: number): boolean {
    return this.removed.has(sequence) || this.expired.has(sequence) || this.superseded.has(sequence);
  }

  /** What no group has to do with: removed, past its time, or replaced. */
  get settledForAll(): readonly Interval[] {
    return [...this.removed, ...this.expired, ...this.superseded];
  }

  forgetOldIds(now: number): void {
    while (this.#forgetLater[0] && this.#forgetLater[0].at <= now) this.#ids.delete((this.#forgetLater.shift() as { id: string }).id);
  }

  scan(after: number, limit: number, maxBytes = Infinity): Stretch {
    const messages: ChannelMessage[] = [];
    let bytes = 0;
    let sequence = this.removed.nextAbsent(after + 1);
    for (; sequence <= this.#last && messages.length < limit; sequence = this.removed.nextAbsent(sequence + 1)) {
      bytes += this.bytesOf(sequence);
      if (messages.length > 0 && bytes > maxBytes) break;
      messages.push(this.#messages.get(sequence) as ChannelMessage);
    }
    return { messages, position: sequence > this.#last ? this.#last : (messages.at(-1)?.sequence ?? after) };
  }

  scanBack(before: number, limit: number, maxBytes = Infinity): Stretch {
    const messages: ChannelMessage[] = [];
    let [bytes, position] = [0, 0];
    const start = Math.min(before - 1, this.#last);
    for (let sequence = this.removed.previousAbsent(start); sequence > 0; sequence = this.removed.previousAbsent(sequence - 1)) {
      bytes += this.bytesOf(sequence);
      if (messages.length === limit || (messages.length > 0 && bytes > maxBytes)) return { messages: messages.reverse(), position };
      messages.push(this.#messages.get(sequence) as ChannelMessage);
      position = sequence;
    }
    return { messages: messages.reverse(), position: 0 };
  }

  /** What some recipients may see. */
  scanRecipients(recipients: readonly string[], after: number, limit: number, maxBytes = Infinity): Stretch {
    const found = recipients.flatMap((recipient) => this.#recipients.behind(recipient, after, limit)).sort((left, right) => left - right);
    let bytes = 0;
    const end = found.findIndex((sequence, index) => index === limit || ((bytes += this.bytesOf(sequence)) > maxBytes && index > 0));
    const messages = found.slice(0, end < 0 ? limit : end).map((sequence) => this.#messages.get(sequence) as ChannelMessage);
    const isAll = messages.length === found.length && found.length < limit;
    return { messages, position: isAll ? this.#last : (messages.at(-1)?.sequence ?? after) };
  }

  readLane(lane: WorkLane, after: number, limit: number): Stretch<WaitingMessage> {
    const found = this.#lanes.behind(laneName(lane), after, limit);
    const messages = found.map((sequence): WaitingMessage => {
      const sized = this.sized(sequence) as SizedMessage;
      const { key, availableAt } = sized.message;
      return { sequence, key, availableAt, previous: this.#previous.get(sequence), found: sized };
    });
    return { messages, position: found.length < limit ? this.#last : (found.at(-1) ?? after) };
  }

  nextOfKey(key: string, after: number): number | undefined {
    return this.#keys.behind(key, after, 1)[0];
  }

  previousOfKey(key: string, before: number): number | undefined {
    return this.#keys.before(key, before);
  }
}
