import { COMMON_LANE, type SizedMessage } from "../log-state/claim-dispatcher.js";
import { DueTimes } from "../log-state/due-times.js";
import { IntervalSet, type Interval } from "../log-state/interval-set.js";
import type { ChannelMessage } from "../message.js";

/** An id is remembered for at least this long after its write, even when its message is gone. */
const REMEMBER_IDS_MS = 600_000;

/** A stretch of the log, and up to where it has been looked at. */
interface Stretch {
  readonly messages: ChannelMessage[];
  readonly position: number;
}

/** The messages of one log in memory, by sequence, by id and by recipient. */
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
  readonly #messages = new Map<number, ChannelMessage>();
  readonly #sizes = new Map<number, number>();
  readonly #ids = new Map<string, number>();
  readonly #lanes = new Map<string, number[]>();
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

  add(message: ChannelMessage): void {
    const size = JSON.stringify(message).length;
    this.#last = message.sequence;
    this.#messages.set(message.sequence, message);
    this.#sizes.set(message.sequence, size);
    this.#ids.set(message.id, message.sequence);
    this.#bytes += size;
    if (message.availableAt !== undefined) this.delayed.add(message.sequence, message.availableAt);
    if (message.validUntil !== undefined) this.expiring.add(message.sequence, message.validUntil);
    if (!this.addressed) return;
    const lane = message.recipientId ?? COMMON_LANE;
    const sequences = this.#lanes.get(lane);
    if (sequences) sequences.push(message.sequence);
    else this.#lanes.set(lane, [message.sequence]);
  }

  /** Takes a message out; its id is remembered for a while. */
  drop(sequence: number): void {
    const message = this.#messages.get(sequence);
    if (!message) return;
    this.#messages.delete(sequence);
    this.#bytes -= this.bytesOf(sequence);
    this.#sizes.delete(sequence);
    this.removed.add(sequence);
    this.delayed.delete(sequence);
    this.expiring.delete(sequence);
    this.expired.delete(sequence);
    this.#forgetLater.push({ id: message.id, at: message.timestamp + REMEMBER_IDS_MS });
    const lane = this.#lanes.get(message.recipientId ?? COMMON_LANE);
    if (lane) lane.splice(lane.indexOf(sequence), 1);
  }

  /** What no group has to do with: removed, or past its time. */
  get settledForAll(): readonly Interval[] {
    return [...this.removed, ...this.expired];
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

  scanLanes(lanes: readonly string[], after: number, limit: number, maxBytes = Infinity): Stretch {
    const found = lanes.flatMap((lane) => sequencesBehind(this.#lanes.get(lane) ?? [], after, limit)).sort((left, right) => left - right);
    let bytes = 0;
    const end = found.findIndex((sequence, index) => index === limit || ((bytes += this.bytesOf(sequence)) > maxBytes && index > 0));
    const messages = found.slice(0, end < 0 ? limit : end).map((sequence) => this.#messages.get(sequence) as ChannelMessage);
    const isAll = messages.length === found.length && found.length < limit;
    return { messages, position: isAll ? this.#last : (messages.at(-1)?.sequence ?? after) };
  }
}

/** The first `limit` numbers of a sorted list that lie behind a value. */
function sequencesBehind(sorted: readonly number[], after: number, limit: number): number[] {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) <= after) low = middle + 1;
    else high = middle;
  }
  return sorted.slice(low, low + limit);
}
