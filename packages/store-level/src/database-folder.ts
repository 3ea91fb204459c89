import { join } from "node:path";
import { Level } from "level";
import { SSSNError, toError, type Logger } from "@sssn/core";
import { CommitMark, machineStart, type Mark } from "./evidence/commit-mark.js";
import { checkLater, inspectFiles, recoveryLogs } from "./evidence/inspection.js";
import { cutLogs } from "./evidence/log-sequence.js";
import { codeOf, damaged, storeFailure } from "./failures.js";
import { FORMAT_KEY, FORMAT_VERSION, FORMAT_WITH_ORDER, GROUP_KEY } from "./keys.js";
import { FolderLock } from "./folder-lock.js";
import { OwnerFile } from "./owner-file.js";

export type Database = Level;

/** Larger means fewer and larger tables, and more to read again after a crash. */
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;

/** An open database, and the mark that goes with it. */
export interface OpenDatabase {
  readonly database: Database;
  readonly mark: CommitMark;
  /** The last group of commits that is in it. */
  readonly group: number;
}

export interface DatabaseFolderOptions {
  readonly folder: string;
  readonly flush: boolean;
  /** A pino logger fits. Default: warnings and errors to the console. */
  readonly logger: Logger;
  /** Called when a table turns out to be damaged after the store is open. */
  readonly onDamage: (error: SSSNError) => void;
}

/** The folder of a store: opens the database only where the evidence says that all that was acknowledged is in it. */
export class DatabaseFolder {
  readonly #options: DatabaseFolderOptions;
  readonly #owner: OwnerFile;
  #open: OpenDatabase | undefined;
  #isOwner = false;
  readonly #lock: FolderLock;

  constructor(options: DatabaseFolderOptions) {
    this.#options = options;
    this.#lock = new FolderLock(options.folder);
    this.#owner = new OwnerFile(options.folder);
  }

  /** @throws SSSNError `store_locked`, `store_corrupted`, `store_unavailable`, `store_full`. */
  async open(): Promise<OpenDatabase> {
    await this.#owner.makeFolder();
    if (!(await this.#lock.acquire())) throw await this.#owner.refusal(new Error("The folder is open already."));
    try {
      return await this.#openOwned();
    } catch (error) {
      this.#lock.release();
      throw error;
    }
  }

  /** @throws SSSNError `store_unavailable` when the folder is no longer where it was. */
  assertInPlace(): void {
    this.#lock.assertInPlace();
  }

  async #openOwned(): Promise<OpenDatabase> {
    const opened = await this.#openDatabase();
    try {
      await this.#owner.claim();
      this.#isOwner = true;
    } catch (error) {
      await this.close();
      throw error;
    }
    return opened;
  }

  /** After a failed write: what was under way is not in the database, or all of it is. */
  async reopen(): Promise<OpenDatabase> {
    await this.#closeDatabase();
    this.#lock.assertInPlace();
    return this.#openDatabase();
  }

  async close(): Promise<void> {
    await this.#closeDatabase();
    if (this.#isOwner && this.#lock.isInPlace) await this.#owner.release();
    this.#isOwner = false;
    this.#lock.release();
  }

  async #closeDatabase(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.database.close();
    await open?.mark.close();
  }

  async #openDatabase(): Promise<OpenDatabase> {
    const { folder, flush } = this.#options;
    const { mark, unchecked } = await this.#inspect();
    if (!mark) this.#looking(() => CommitMark.make(folder));
    const database = await this.#openLevel(mark === undefined || mark.group === 0);
    try {
      await this.#checkFormat(database);
      const group = await this.#checkGroup(database, mark);
      const open = { database, mark: CommitMark.open(folder, flush, group), group };
      this.#open = open;
      void this.#checkRest(unchecked, open);
      return open;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  async #inspect(): Promise<{ readonly mark: Mark | undefined; readonly unchecked: readonly string[] }> {
    const { folder, logger } = this.#options;
    const found = this.#looking(() => inspectFiles(folder));
    if (found.damage.length === 0) return found;
    // The files of a store that is being written look damaged to whoever reads them at the same time.
    const refusal = await this.#owner.refusalOfLiving(this.#isOwner);
    if (refusal) throw refusal;
    if (!found.mark || !mayHaveLost(found.mark)) throw damaged(folder, found.damage);
    logger.warn(
      { folder, damage: found.damage },
      "a power cut took the end of a log that was not flushed, as durability process allows; what follows each other without a gap is kept",
    );
    this.#looking(() => cutLogs(recoveryLogs(folder)));
    const rest = this.#looking(() => inspectFiles(folder));
    const beyondLogs = rest.damage.filter((text) => !found.damage.includes(text) || !text.includes(".log"));
    if (beyondLogs.length > 0) throw damaged(folder, beyondLogs);
    return rest;
  }

  #looking<Result>(look: () => Result): Result {
    try {
      return look();
    } catch (thrown) {
      throw storeFailure("The store's files can't be read or made", this.#options.folder, thrown);
    }
  }

  async #openLevel(createIfMissing: boolean): Promise<Database> {
    const { folder } = this.#options;
    const database: Database = new Level<string, string>(join(this.#lock.realFolder, "leveldb"), {
      keyEncoding: "utf8",
      valueEncoding: "utf8",
      writeBufferSize: WRITE_BUFFER_BYTES,
      createIfMissing,
    });
    try {
      await database.open();
      return database;
    } catch (thrown) {
      const error = toError(thrown);
      throw codeOf(error) === "LEVEL_LOCKED" ? await this.#owner.refusal(error) : storeFailure("The store can't be opened", folder, error);
    }
  }

  async #checkFormat(database: Database): Promise<void> {
    const { folder } = this.#options;
    const version = await database.get(FORMAT_KEY);
    if (version === undefined) await database.put(FORMAT_KEY, FORMAT_VERSION, { sync: true });
    else if (version !== FORMAT_VERSION && version !== FORMAT_WITH_ORDER) {
      throw new SSSNError(
        "store_unavailable",
        `The store in ${folder} has format ${version}; this version of @sssn/store-level reads formats ${FORMAT_VERSION} and ${FORMAT_WITH_ORDER}. Use the version that wrote it.`,
      );
    }
  }

  async #checkGroup(database: Database, mark: Mark | undefined): Promise<number> {
    const { folder, logger } = this.#options;
    const group = Number((await database.get(GROUP_KEY)) ?? 0);
    if (!mark || group >= mark.group) return group;
    if (!mayHaveLost(mark)) throw damaged(folder, [`it ends with commit ${group}, but commits up to ${mark.group} were acknowledged`]);
    logger.warn({ folder, commits: mark.group - group }, "a power cut took the last commits, as durability process allows");
    return group;
  }

  async #checkRest(paths: readonly string[], open: OpenDatabase): Promise<void> {
    const wrong = await checkLater(paths, () => this.#open !== open);
    if (wrong !== undefined) this.#options.onDamage(damaged(this.#options.folder, [wrong]));
  }
}

/** Commits that were never flushed may be gone once the machine has started anew. */
function mayHaveLost({ flushed, boot }: Mark): boolean {
  return !flushed && boot !== machineStart();
}
