import { SSSNError, isSSSNError, toError, type Cancel, type Clock, type Logger, type SteadyClock } from "@sssn/core";
import { DatabaseFolder, type Database, type OpenDatabase } from "./database-folder.js";
import { codeOf, storeFailure } from "./failures.js";
import { GROUP_KEY } from "./keys.js";
import { steadyClockOf } from "./steady-anchor.js";

/** One atomic part of a group. */
export interface Commit {
  readonly puts: readonly (readonly [key: string, value: string])[];
  readonly deletes: readonly string[];
  /** Keys that are written once a group, with their value as of that moment. */
  readonly late?: readonly (readonly [key: string, value: () => string])[];
  /** Called when it is stored, before any promise resolves, in the order in which commits were made. */
  readonly stored?: () => void;
  /** Called after that, once a group, however many of its commits name it. */
  readonly announce?: () => void;
}

const NOTHING: Commit = { puts: [], deletes: [] };

interface Waiting {
  readonly commit: Commit;
  readonly result: unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: SSSNError) => void;
}

export interface EngineOptions {
  readonly folder: string;
  readonly flush: boolean;
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock: Clock;
  /** A pino logger fits. Default: warnings and errors to the console. */
  readonly logger: Logger;
}

/** Where writes are not flushed each by itself, all of them are so often: a power cut takes no more than this. */
const FLUSH_EVERY_MS = 1_000;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/**
 * The database, written in groups: while one group is flushed the next one gathers, so that many writers share one flush.
 *
 * After a failed write LevelDB would go on acknowledging what its recovery later drops. So here a failed write ends the generation:
 * everything under way is refused, the database is closed and opened again, and only then is anything accepted.
 */
export class Engine {
  readonly folder: string;
  readonly #options: EngineOptions;
  readonly #databaseFolder: DatabaseFolder;
  readonly #reloads = new Set<() => Promise<void>>();
  #open: OpenDatabase | undefined;
  #steady: SteadyClock | undefined;
  #generation = 0;
  #group = 0;
  #damage: SSSNError | undefined;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #reopening: Promise<void> | undefined;
  #opening: Promise<void> | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  #isFlushDue = false;
  #closed = false;

  constructor(options: EngineOptions) {
    this.folder = options.folder;
    this.#options = options;
    const { folder, flush, logger } = options;
    this.#databaseFolder = new DatabaseFolder({ folder, flush, logger, onDamage: (error) => this.#found(error) });
  }

  /** Changes with every re-open; what was worked out in an earlier generation must not be committed. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether one may go on at once, without waiting for {@link Engine.writable}: that wait is what costs where many write. */
  get isWritable(): boolean {
    return this.#open !== undefined && !this.#reopening && !this.#closed && !this.#damage;
  }

  /** The database for whoever is going to change it: refused at once while it is being opened again, however long that takes. */
  async writable(): Promise<Database> {
    if (this.#reopening) throw this.#refusal();
    return this.database();
  }

  /** The database to read from; waits while it is being opened again. @throws SSSNError `store_closed`, `store_unavailable`. */
  async database(): Promise<Database> {
    this.#assertOpen();
    await (this.#opening ??= this.#openFirst());
    await this.#reopening;
    this.#assertOpen();
    if (!this.#open) throw this.#refusal();
    return this.#open.database;
  }

  /** The clock of leases and delays; there once the database is open. */
  get steady(): SteadyClock {
    return this.#steady as SteadyClock;
  }

  /** Calls back after every re-open, before anything is accepted again. */
  onReopen(reload: () => Promise<void>): Cancel {
    this.#reloads.add(reload);
    return () => void this.#reloads.delete(reload);
  }

  async #openFirst(): Promise<void> {
    try {
      const open = await this.#databaseFolder.open();
      this.#steady = await steadyClockOf(open.database, this.#options.clock);
      this.#use(open);
    } catch (error) {
      this.#opening = undefined;
      await this.#databaseFolder.close();
      throw error;
    }
  }

  #use(open: OpenDatabase): void {
    this.#open = open;
    this.#group = open.group;
  }

  /**
   * Writes with the next group; resolves when that is as durable as the store promises. An empty commit waits for what was
   * committed before it.
   *
   * @param generation in which the commit was worked out.
   * @param result what to resolve with: one promise a commit is what many writers can afford.
   */
  commit<Result>(generation: number, commit: Commit, result: Result): Promise<Result> {
    if (generation !== this.#generation || !this.isWritable) return Promise.reject(this.#refusal());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ commit, result, resolve, reject });
      this.#writing ??= this.#writeGroups();
    });
  }

  async #writeGroups(): Promise<void> {
    // Whoever commits in this turn of the event loop still joins the first group.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(group);
        const announcing = new Set<(() => void) | undefined>();
        for (const { commit } of group) {
          commit.stored?.();
          announcing.add(commit.announce);
        }
        for (const announce of announcing) announce?.();
      } catch (thrown) {
        this.#fence(storeFailure("A write failed", this.folder, thrown, "unknown"), group);
        break;
      }
      for (const { resolve, result } of group) resolve(result as never);
    }
    this.#writing = undefined;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    const { database, mark } = this.#open as OpenDatabase;
    this.#databaseFolder.assertInPlace();
    const batch = database.batch();
    // First in the batch, so that it is found in the log without knowing anything else.
    batch.put(GROUP_KEY, String(this.#group + 1));
    const late = new Map<string, () => string>();
    for (const { commit } of group) {
      for (const [key, value] of commit.puts) batch.put(key, value);
      for (const key of commit.deletes) batch.del(key);
      for (const [key, value] of commit.late ?? []) late.set(key, value);
    }
    for (const [key, value] of late) batch.put(key, value());
    const sync = this.#options.flush || this.#isFlushDue;
    if (batch.length === 1 && !this.#isFlushDue) return batch.close();
    this.#isFlushDue = false;
    await batch.write({ sync });
    this.#group++;
    mark.note(this.#group);
    if (!sync) this.#flushTimer ??= setTimeout(() => this.#flushSoon(), FLUSH_EVERY_MS).unref();
  }

  #flushSoon(): void {
    this.#flushTimer = undefined;
    this.#isFlushDue = true;
    // With nobody to tell: whoever writes next meets the failure, and reports it.
    this.commit(this.#generation, NOTHING, undefined).catch(() => {});
  }

  #fence(error: SSSNError, group: readonly Waiting[]): void {
    this.#generation++;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#options.logger.error(
      { folder: this.folder, err: error },
      "a write failed: the store takes nothing until its database is open again",
    );
    this.#reopening = this.#reopen().finally(() => {
      this.#reopening = undefined;
    });
    for (const { reject } of group) reject(error);
    // They were never written.
    for (const { reject } of waiting) reject(this.#refusal());
  }

  async #reopen(): Promise<void> {
    for (let waitMs = FIRST_RETRY_MS; !this.#closed; waitMs = Math.min(LONGEST_RETRY_MS, waitMs * 2)) {
      try {
        this.#use(await this.#databaseFolder.reopen());
        for (const reload of this.#reloads) await reload();
        this.#options.logger.warn({ folder: this.folder }, "the store's database is open again");
        return;
      } catch (thrown) {
        if (isSSSNError(thrown, "store_corrupted")) return this.#found(thrown);
        this.#options.logger.error({ folder: this.folder, err: toError(thrown) }, "the store's database can't be opened again yet");
        await new Promise<void>((resolve) => this.#options.clock.schedule(resolve, waitMs));
      }
    }
  }

  /** The database while logs are reloaded. */
  get reopened(): Database {
    return (this.#open as OpenDatabase).database;
  }

  /** Lets the last group finish, then lets go of the folder. */
  async close(): Promise<void> {
    if (this.#flushTimer && this.isWritable) {
      this.#isFlushDue = true;
      await this.commit(this.#generation, NOTHING, undefined).catch(() => {});
    }
    clearTimeout(this.#flushTimer);
    this.#closed = true;
    await this.#opening?.catch(() => undefined);
    await this.#writing;
    await this.#reopening;
    await this.#databaseFolder.close();
    this.#open = undefined;
  }

  /** Serves nothing more over a damaged table, and keeps compactions from spreading it. */
  #found(error: SSSNError): void {
    this.#damage = error;
    this.#options.logger.error({ folder: this.folder, err: error }, "the store is damaged and takes and gives nothing any more");
  }

  /** What a read has met, in this project's terms. */
  explain(thrown: unknown): SSSNError {
    if (isSSSNError(thrown)) return thrown;
    if (this.#closed || this.#damage || this.#reopening || codeOf(toError(thrown)) === "LEVEL_DATABASE_NOT_OPEN") return this.#refusal();
    return storeFailure("A read failed", this.folder, thrown);
  }

  #assertOpen(): void {
    if (this.#closed) throw new SSSNError("store_closed", `The store in ${this.folder} is closed.`);
    if (this.#damage) throw this.#damage;
  }

  #refusal(): SSSNError {
    if (this.#damage) return this.#damage;
    return this.#closed
      ? new SSSNError("store_closed", `The store in ${this.folder} is closed.`)
      : new SSSNError(
          "store_unavailable",
          `The store in ${this.folder} is being opened again after a failed write; try again. Nothing of this call was stored.`,
          { details: { retryAfterMs: FIRST_RETRY_MS, outcome: "not_stored" } },
        );
  }
}
