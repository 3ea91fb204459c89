import type { Cancel, Clock } from "../clock.js";
import { isSSSNError } from "../errors.js";
import type { ChannelMessage, MessageDraft, WriteReceipt } from "../message.js";
import type { ChannelLog, LogPage, MessageStore } from "../ports/message-store.js";
import { within } from "../within.js";

/** What was read so lately is current, unless the store has told of something new. */
const FRESH_MS = 1_000;
/** Whoever asks does not wait longer for a store that does not answer; for the first reading, which may be of much, longer. */
const PATIENCE_MS = 1_000;
const FIRST_PATIENCE_MS = 10_000;
/** A look that has not come back after so long never does: another one is begun. */
const GIVE_UP_MS = 10_000;
/** After a failure the store is left alone for so long. */
const REST_MS = 1_000;
const PAGE = 1_000;
const MOST_REMOVED = 1_000;
const CLEAN_UP_MS = 60_000;

/** What a {@link HostsLog} is made of. */
export interface HostsLogParts {
  readonly store: MessageStore;
  /** The log's id in the store. No channel can have it, but for a mailbox. */
  readonly id: string;
  readonly clock: Clock;
  /** Takes in a message, in the order of the log. It must not throw. */
  readonly apply: (message: ChannelMessage) => void;
  /** It is read from its start: for the first time, because another log has come in its place, or because it has lost what it had acknowledged. */
  readonly onStart?: () => void;
  /** The store has told of something new, which is not read yet. */
  readonly onNews?: () => void;
}

/** One reading on to the end of the log. */
interface Look {
  readonly begun: number;
  readonly done: Promise<boolean>;
}

/**
 * A log that hosts share among themselves: not a channel, and never published. It is read on when somebody asks, at most a second after the last time or as soon as the
 * store has told of something new; so an idle host asks nothing, and a wake-up that is lost costs a second. It has no timer of its own, and nothing to close but a listener.
 */
export class HostsLog {
  readonly #parts: HostsLogParts;
  #opening: Promise<ChannelLog> | undefined;
  #identity: string | undefined;
  #cancel: Cancel | undefined;
  #position = 0;
  /** How often something new was told of, and how often as of the begin of the last reading that came to the end. */
  #told = 0;
  #covered = 0;
  /** When the last reading that came to the end began, in monotonic ms. */
  #asOf = -Infinity;
  #looking: Look | undefined;
  #restUntil = -Infinity;
  #failure: unknown;

  constructor(parts: HostsLogParts) {
    this.#parts = parts;
  }

  /** How long ago everything that there was had been read, in ms; `Infinity` before the first time. */
  get ageMs(): number {
    return this.#parts.clock.monotonic() - this.#asOf;
  }

  /** Why the last reading failed, if it did. */
  get failure(): unknown {
    return this.#failure;
  }

  /**
   * Reads on where that is not certain to be unnecessary. Never rejects, and waits for a bounded time: it says whether all is read that there was a second ago, and all that the store
   * has told of.
   *
   * @param options `anew`: all that there is now.
   */
  async refresh({ anew = false }: { readonly anew?: boolean } = {}): Promise<boolean> {
    if (anew) this.#told++;
    const wanted = this.#told;
    const isCurrent = (): boolean => this.#covered >= wanted && this.ageMs < FRESH_MS;
    // The first look may have begun before what is wanted was told of.
    for (let round = 0; round < 2 && !isCurrent(); round++) if (!(await this.#look())) break;
    return isCurrent();
  }

  /** Adds messages. Fails as the store does. */
  append(drafts: readonly MessageDraft[]): Promise<readonly WriteReceipt[]> {
    return this.#use((log) => log.append(drafts));
  }

  /** The message with an id, if it is there. Fails as the store does. */
  get(id: string): Promise<ChannelMessage | undefined> {
    return this.#use((log) => log.get(id));
  }

  /** Removes messages, at one host at a time. Resolves with whether it was this host's turn. Fails as the store does. */
  async remove(ids: readonly string[]): Promise<boolean> {
    const hold = await this.#parts.store.hold(`clean-up:${this.#parts.id}`, CLEAN_UP_MS);
    if (!hold) return false;
    try {
      for (let from = 0; from < ids.length; from += MOST_REMOVED)
        await this.#use((log) => log.remove(ids.slice(from, from + MOST_REMOVED)));
    } finally {
      await hold.release();
    }
    return true;
  }

  /** What time it is for the log, in ms since the Unix epoch. Fails as the store does. */
  async now(): Promise<number> {
    return (await this.#opened()).now();
  }

  /** Listens no more; what was read stays. The next call listens again. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#opening = undefined;
  }

  /** Where the log was deleted, with the one that comes in its place. */
  async #use<Result>(call: (log: ChannelLog) => Promise<Result>): Promise<Result> {
    try {
      return await call(await this.#opened());
    } catch (error) {
      if (!isSSSNError(error, "log_deleted")) throw error;
      this.close();
      return call(await this.#opened());
    }
  }

  /** Opens the log, where it is not open. Fails as the store does. */
  async #opened(): Promise<ChannelLog> {
    const opening = (this.#opening ??= this.#open());
    try {
      return await opening;
    } catch (error) {
      if (this.#opening === opening) this.#opening = undefined;
      throw error;
    }
  }

  async #open(): Promise<ChannelLog> {
    const { store, id, onNews } = this.#parts;
    // Addressed, so that a channel of another kind is refused where it is given this id by mistake: it might be published.
    const log = await store.open(id, { addressed: true });
    if (this.#isAnother(log)) this.#told++;
    this.#cancel?.();
    this.#cancel = log.onChange(() => {
      this.#told++;
      onNews?.();
    });
    return log;
  }

  /** Waits for the look that is under way, or begins one. Resolves with whether it came to the end of the log in time. */
  async #look(): Promise<boolean> {
    const { clock } = this.#parts;
    const now = clock.monotonic();
    let look = this.#looking;
    if (!look || now - look.begun >= GIVE_UP_MS) {
      if (now < this.#restUntil) return false;
      // Whatever it was that did not answer, the next one does not wait for it.
      if (look) this.close();
      look = this.#begin(now);
    }
    const patience = this.#asOf === -Infinity ? FIRST_PATIENCE_MS : PATIENCE_MS;
    const left = patience - (now - look.begun);
    return left > 0 && (await within(clock, left, look.done)) === true;
  }

  #begin(begun: number): Look {
    const done = this.#readOn().then(
      () => this.#end(look, undefined),
      (error: unknown) => this.#end(look, error),
    );
    const look: Look = { begun, done };
    this.#looking = look;
    return look;
  }

  #end(look: Look, failure: unknown): boolean {
    if (this.#looking === look) this.#looking = undefined;
    this.#failure = failure;
    if (failure === undefined) return true;
    this.#restUntil = this.#parts.clock.monotonic() + REST_MS;
    // It may have been deleted: the next time it is opened anew.
    this.close();
    return false;
  }

  /** Up to the end as it is when this begins: others may go on writing. */
  async #readOn(): Promise<void> {
    const log = await this.#opened();
    const [told, begun] = [this.#told, this.#parts.clock.monotonic()];
    // What was set back while it was read is read again: positions of before are those of other messages now.
    do await this.#readTo(log);
    while (this.#isAnother(log));
    this.#covered = Math.max(this.#covered, told);
    this.#asOf = Math.max(this.#asOf, begun);
  }

  async #readTo(log: ChannelLog): Promise<void> {
    const { last } = await log.bounds();
    // A log can lose its end, in a crash of a store that flushes later.
    if (!this.#isAnother(log) && last < this.#position) this.#restart();
    while (this.#position < last) {
      const after = this.#position;
      const page = await log.read({ after, limit: PAGE });
      if (log.identity !== this.#identity) return;
      this.#take(page);
      if (page.position <= after) break;
    }
  }

  /** Whether it is another log than the one that was read: then nothing of it is read yet. One that was set back is, without being opened anew. */
  #isAnother({ identity }: ChannelLog): boolean {
    if (identity === this.#identity) return false;
    this.#identity = identity;
    this.#restart();
    return true;
  }

  #restart(): void {
    this.#position = 0;
    this.#parts.onStart?.();
  }

  #take({ messages, position }: LogPage): void {
    for (const message of messages) if (message.sequence > this.#position) this.#parts.apply(message);
    this.#position = Math.max(this.#position, position);
  }
}
