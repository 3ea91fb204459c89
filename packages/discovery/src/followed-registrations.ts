import { LogReader, Ticker, isSSSNError, type ChannelLog, type ChannelMessage, type Clock, type LogIndex } from "@sssn/core";
import { OneAtATime } from "@sssn/core/log-state";
import { RegistrationIndex } from "./registration-index.js";

const PAGE = 1_000;
/** So often is a log compared that is written to while it is. The next look comes. */
const MOST_COMPARISONS = 5;

/** What was read of a log. */
class View implements LogIndex {
  readonly index = new RegistrationIndex();
  readonly reader: LogReader;
  /** How many of the messages that were read are still there, as far as is known here. */
  count = 0;

  constructor(log: () => ChannelLog, maxBytes: number) {
    const source: ConstructorParameters<typeof LogReader>[0] = {
      positions: async () => ({ ...(await log().bounds()), log: log().identity, now: log().now() }),
      read: async (_readerId, { after = 0 } = {}) => ({
        ...(await log().read({ after, limit: PAGE, maxBytes })),
        log: log().identity,
      }),
    };
    this.reader = new LogReader(source, "", this);
  }

  apply(message: ChannelMessage<unknown>): void {
    this.count++;
    this.index.apply(message);
  }

  clear(): void {
    this.count = 0;
    this.index.clear();
  }
}

/**
 * The registrations of a log that other hosts write to, and remove from: what is new is read, and what is gone is noticed by how many messages
 * there are.
 */
export class FollowedRegistrations {
  readonly #log: () => ChannelLog;
  readonly #maxBytes: number;
  #view: View;
  readonly #comparisons = new OneAtATime();
  #isBehind = false;
  #isTakingIn = false;

  /** @param maxBytes of a page that is read. */
  constructor(log: () => ChannelLog, maxBytes: number) {
    this.#log = log;
    this.#maxBytes = maxBytes;
    this.#view = new View(log, maxBytes);
  }

  get index(): RegistrationIndex {
    return this.#view.index;
  }

  /** The last sequence that {@link FollowedRegistrations.index} is made of. */
  get position(): number {
    return this.#view.reader.position;
  }

  /** Takes in what is new. */
  async catchUp(): Promise<void> {
    // Another view may have taken the place of this one while it was read for.
    for (let read: View | undefined; read !== this.#view;) {
      read = this.#view;
      await read.reader.refresh();
    }
  }

  /** Takes in what is new, and forgets what was removed, here or at another host. */
  verify(): Promise<void> {
    return this.#inTurn(async () => {
      for (let comparison = 0; comparison < MOST_COMPARISONS; comparison++) {
        await this.catchUp();
        const { count } = await this.#log().counts();
        // What was written meanwhile may have been counted, and was not read.
        if ((await this.#log().bounds()).last !== this.position) continue;
        if (count === this.#view.count) return;
        await this.#readAnew();
      }
    });
  }

  /** Reads the whole log again, after something was removed. */
  readAnew(): Promise<void> {
    return this.#inTurn(() => this.#readAnew());
  }

  /** Until all is read, the old view answers: nobody sees a half of it. */
  async #readAnew(): Promise<void> {
    const fresh = new View(this.#log, this.#maxBytes);
    do {
      // A log that was set back ends earlier than it was read: the old view has to know.
      await this.catchUp();
      await fresh.reader.refresh();
    } while (fresh.reader.position < this.position);
    this.#view = fresh;
  }

  /**
   * Removes what has expired or was replaced. What comes meanwhile stays: nobody has looked at it.
   *
   * @returns how many of the named messages were among it.
   */
  async tidy(named: ReadonlySet<string> = new Set()): Promise<number> {
    await this.catchUp();
    const [view, log] = [this.#view, this.#log()];
    const { position } = view.reader;
    const now = log.now();
    view.index.prune(now);
    const live = view.index.liveSequences(now);
    let found = 0;
    // From the front, so that what was withdrawn goes before its withdrawal does.
    for (let after = 0; after < position;) {
      const page = await log.read({ after, limit: PAGE, maxBytes: this.#maxBytes });
      const ids = page.messages.filter(({ sequence }) => sequence <= position && !live.has(sequence)).map(({ id }) => id);
      if (ids.length > 0) view.count -= await log.remove(ids);
      found += ids.filter((id) => named.has(id)).length;
      if (page.position <= after) break;
      after = page.position;
    }
    return found;
  }

  /**
   * Takes in what other hosts write as soon as the store tells of it, and looks by itself every so often, for what it does not tell of.
   *
   * @param failed told of a look that failed; the next one comes.
   * @returns what ends it.
   */
  follow(clock: Clock, everyMs: number, failed: (error: unknown) => void): () => Promise<void> {
    const stopListening = this.#log().onChange(() => void this.#takeIn());
    const looks = new Ticker(clock, everyMs, () => this.verify().catch(failed), { background: true });
    looks.start();
    return async () => {
      stopListening();
      await looks.stop();
    };
  }

  /** One reading for all changes that come while one is under way. */
  async #takeIn(): Promise<void> {
    this.#isBehind = true;
    if (this.#isTakingIn) return;
    this.#isTakingIn = true;
    try {
      while (this.#isBehind) {
        this.#isBehind = false;
        await this.catchUp();
      }
    } catch {
      // The next look meets it as well, and says so.
    } finally {
      this.#isTakingIn = false;
    }
  }

  /** One comparison at a time: of two, the one that began later must not be undone by the other. */
  async #inTurn(task: () => Promise<void>): Promise<void> {
    try {
      await this.#comparisons.run(task);
    } catch (error) {
      // Nothing is registered in a log that is no more.
      if (isSSSNError(error, "log_deleted")) this.#view = new View(this.#log, this.#maxBytes);
      throw error;
    }
  }
}
