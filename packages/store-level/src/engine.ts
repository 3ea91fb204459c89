import { join } from "node:path";
import { Level } from "level";
import { SSSNError, toError, type Cancel, type Clock, type Logger } from "@sssn/core";
import { codeOf, storeFailure } from "./failures.js";
import { FORMAT_KEY, FORMAT_VERSION } from "./keys.js";
import { OwnerFile } from "./owner-file.js";

export type Database = Level;

/** One atomic part of a group. */
export interface Commit {
  readonly puts: readonly (readonly [key: string, value: string])[];
  readonly deletes: readonly string[];
  /** Keys that are written once a group, with their value as of that moment. */
  readonly late?: readonly (readonly [key: string, value: () => string])[];
  /** Called when it is stored, before any promise resolves, in the order in which commits were made. */
  readonly stored?: () => void;
}

interface Waiting {
  readonly commit: Commit;
  readonly resolve: () => void;
  readonly reject: (error: SSSNError) => void;
}

export interface EngineOptions {
  readonly folder: string;
  readonly flush: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

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
  readonly #owner: OwnerFile;
  readonly #reloads = new Set<() => Promise<void>>();
  #database: Database | undefined;
  #generation = 0;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #reopening: Promise<void> | undefined;
  #opening: Promise<void> | undefined;
  #closed = false;

  constructor(options: EngineOptions) {
    this.folder = options.folder;
    this.#options = options;
    this.#owner = new OwnerFile(options.folder);
  }

  /** Changes with every re-open; what was worked out in an earlier generation must not be committed. */
  get generation(): number {
    return this.#generation;
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
    if (!this.#database) throw new SSSNError("store_unavailable", `The store in ${this.folder} is being opened again after a failed write.`);
    return this.#database;
  }

  /** Calls back after every re-open, before anything is accepted again. */
  onReopen(reload: () => Promise<void>): Cancel {
    this.#reloads.add(reload);
    return () => void this.#reloads.delete(reload);
  }

  async #openFirst(): Promise<void> {
    try {
      await this.#owner.makeFolder();
      this.#database = await this.#open();
      await this.#owner.claim();
    } catch (error) {
      this.#opening = undefined;
      await this.#database?.close();
      this.#database = undefined;
      throw error;
    }
  }

  async #open(): Promise<Database> {
    const database: Database = new Level<string, string>(join(this.folder, "leveldb"), { keyEncoding: "utf8", valueEncoding: "utf8", writeBufferSize: 16 * 1024 * 1024 });
    try {
      await database.open();
    } catch (thrown) {
      const error = toError(thrown);
      throw codeOf(error) === "LEVEL_LOCKED" ? await this.#owner.refusal(error) : storeFailure("The store can't be opened", this.folder, error);
    }
    try {
      await this.#checkFormat(database);
    } catch (thrown) {
      await database.close();
      throw thrown;
    }
    return database;
  }

  async #checkFormat(database: Database): Promise<void> {
    const version = await database.get(FORMAT_KEY);
    if (version === undefined) await database.put(FORMAT_KEY, FORMAT_VERSION, { sync: true });
    else if (version !== FORMAT_VERSION) {
      throw new SSSNError("store_unavailable", `The store in ${this.folder} has format ${version}; this version of @sssn/store-level reads format ${FORMAT_VERSION}. Use the version that wrote it.`);
    }
  }

  /**
   * Writes with the next group; resolves when that is as durable as the store promises. An empty commit waits for what was
   * committed before it.
   *
   * @param generation in which the commit was worked out.
   */
  commit(generation: number, commit: Commit): Promise<void> {
    if (this.#closed || generation !== this.#generation || this.#reopening) return Promise.reject(this.#refusal());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ commit, resolve, reject });
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
        for (const { commit } of group) commit.stored?.();
      } catch (thrown) {
        this.#fence(storeFailure("A write failed", this.folder, thrown), group);
        break;
      }
      for (const { resolve } of group) resolve();
    }
    this.#writing = undefined;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    const batch = (this.#database as Database).batch();
    const late = new Map<string, () => string>();
    for (const { commit } of group) {
      for (const [key, value] of commit.puts) batch.put(key, value);
      for (const key of commit.deletes) batch.del(key);
      for (const [key, value] of commit.late ?? []) late.set(key, value);
    }
    for (const [key, value] of late) batch.put(key, value());
    if (batch.length === 0) await batch.close();
    else await batch.write({ sync: this.#options.flush });
  }

  #fence(error: SSSNError, group: readonly Waiting[]): void {
    this.#generation++;
    const refused = [...group, ...this.#waiting];
    this.#waiting = [];
    this.#options.logger.error({ folder: this.folder, err: error }, "a write failed: the store takes nothing until its database is open again");
    this.#reopening = this.#reopen().finally(() => {
      this.#reopening = undefined;
    });
    for (const { reject } of refused) reject(error);
  }

  async #reopen(): Promise<void> {
    for (let waitMs = FIRST_RETRY_MS; !this.#closed; waitMs = Math.min(LONGEST_RETRY_MS, waitMs * 2)) {
      try {
        await this.#database?.close();
        this.#database = await this.#open();
        for (const reload of this.#reloads) await reload();
        this.#options.logger.warn({ folder: this.folder }, "the store's database is open again");
        return;
      } catch (thrown) {
        this.#options.logger.error({ folder: this.folder, err: toError(thrown) }, "the store's database can't be opened again yet");
        await new Promise<void>((resolve) => this.#options.clock.schedule(resolve, waitMs));
      }
    }
  }

  /** The database while logs are reloaded. */
  get reopened(): Database {
    return this.#database as Database;
  }

  /** Lets the last group finish, then lets go of the folder. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#opening?.catch(() => undefined);
    await this.#writing;
    await this.#reopening;
    const wasOpen = this.#database !== undefined;
    await this.#database?.close();
    if (wasOpen) await this.#owner.release();
    this.#database = undefined;
  }

  #assertOpen(): void {
    if (this.#closed) throw new SSSNError("store_closed", `The store in ${this.folder} is closed.`);
  }

  #refusal(): SSSNError {
    return this.#closed
      ? new SSSNError("store_closed", `The store in ${this.folder} is closed.`)
      : new SSSNError("store_unavailable", `The store in ${this.folder} is being opened again after a failed write; try again. Nothing of this call was stored.`, { details: { retryAfterMs: FIRST_RETRY_MS } });
  }
}
