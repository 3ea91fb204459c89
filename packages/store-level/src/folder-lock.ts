import { realpathSync, statSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { SSSNError, toError } from "@sssn/core";

/** Folders that this process has open, by what they are and not by what they are called; shared by all copies of this package. */
const OPEN = Symbol.for("@sssn/store-level/open-folders");

/**
 * Sees to it that a folder has one owner, whatever road leads to it. LevelDB's own lock holds between processes, because there the kernel
 * locks the file itself; within one process it goes by the file's name, and a link, a mount or a move gives it another one. So what is held
 * here is the folder as the file system knows it: its device and its number.
 */
export class FolderLock {
  readonly #folder: string;
  #identity: string | undefined;
  #sentry: Server | undefined;

  /** @param folder exists. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The folder's real name, without links. */
  get realFolder(): string {
    return realpathSync.native(this.#folder);
  }

  /** @returns whether this is the only owner that this machine knows of. */
  async acquire(): Promise<boolean> {
    const identity = identityOf(this.#folder);
    const open = openFolders();
    if (identity === undefined || open.has(identity)) return false;
    open.add(identity);
    this.#identity = identity;
    const sentry = await postSentry(identity);
    if (sentry === "taken") {
      this.release();
      return false;
    }
    this.#sentry = sentry;
    return true;
  }

  /** Whether the folder's name still leads to it. */
  get isInPlace(): boolean {
    return identityOf(this.#folder) === this.#identity;
  }

  /** @throws SSSNError `store_unavailable` when the folder was moved away or replaced since: nothing of ours goes to a stranger's place. */
  assertInPlace(): void {
    if (this.#identity === undefined || this.isInPlace) return;
    throw new SSSNError(
      "store_unavailable",
      `The store folder ${this.#folder} was moved or replaced while it was open, so nothing more is written. Put it back, or close the store and open it where it is now.`,
    );
  }

  release(): void {
    if (this.#identity !== undefined) openFolders().delete(this.#identity);
    this.#identity = undefined;
    this.#sentry?.close();
    this.#sentry = undefined;
  }
}

function openFolders(): Set<string> {
  const shared = globalThis as { [OPEN]?: Set<string> };
  return (shared[OPEN] ??= new Set());
}

function identityOf(folder: string): string | undefined {
  try {
    const { dev, ino } = statSync(join(folder, "."), { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/**
 * Other threads of this process don't share its memory, so on Linux a name in the kernel's own table is taken, which goes with its owner however
 * that ends. Where there is no such table, threads are kept apart by LevelDB, by the folder's real name.
 */
function postSentry(identity: string): Promise<Server | "taken" | undefined> {
  if (process.platform !== "linux") return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once("error", (error) => {
      resolve((toError(error) as NodeJS.ErrnoException).code === "EADDRINUSE" ? "taken" : undefined);
    });
    server.listen(`\0@sssn/store-level/${identity}`, () => resolve(server));
  });
}
