import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SSSNError, toError } from "@sssn/core";
import { machineStart } from "./evidence/commit-mark.js";

interface Owner {
  readonly pid: number;
  readonly since: string;
  readonly boot: unknown;
}

/** Says which process has a store open. Only for people: what really keeps a second one out is the database's own lock. */
export class OwnerFile {
  readonly #folder: string;
  readonly #path: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#path = join(folder, "owner.json");
  }

  /** @throws SSSNError `store_unavailable` when the folder can't be made. */
  async makeFolder(): Promise<void> {
    try {
      await makeFolders(this.#folder);
    } catch (thrown) {
      const error = toError(thrown);
      throw new SSSNError(
        "store_unavailable",
        `The store folder ${this.#folder} can't be made: ${error.message}. Choose a folder that this user may write to.`,
        { cause: error },
      );
    }
  }

  /** @throws SSSNError `store_unavailable` when the folder can't be written to. */
  async claim(): Promise<void> {
    try {
      await writeFile(this.#path, JSON.stringify({ pid: process.pid, since: new Date().toISOString(), boot: machineStart() }));
    } catch (thrown) {
      const error = toError(thrown);
      throw new SSSNError(
        "store_unavailable",
        `The store folder ${this.#folder} can't be written to: ${error.message}. Give this user the right to write there, or choose another folder.`,
        { cause: error },
      );
    }
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  /** The refusal of a second process. */
  async refusal(cause: Error): Promise<SSSNError> {
    const owner = await this.#read();
    const who =
      owner === undefined
        ? "another process"
        : owner.pid === process.pid
          ? "another store object of this very process"
          : `process ${owner.pid} (since ${owner.since})`;
    return new SSSNError(
      "store_locked",
      `The store in ${this.#folder} is in use by ${who}. One process owns a store folder: stop that process, or reach its channels over HTTP. Never delete the LOCK file: two writers destroy the data.`,
      { cause, details: owner === undefined ? {} : { pid: owner.pid } },
    );
  }

  /**
   * The refusal, if the owner that the file names is still running.
   *
   * @param isMine this very store is the owner.
   */
  async refusalOfLiving(isMine: boolean): Promise<SSSNError | undefined> {
    const owner = isMine ? undefined : await this.#read();
    return owner && isRunning(owner) ? this.refusal(new Error(`Process ${owner.pid} is running.`)) : undefined;
  }

  async #read(): Promise<Owner | undefined> {
    try {
      const { pid, since, boot } = JSON.parse(await readFile(this.#path, "utf8")) as { pid?: unknown; since?: unknown; boot?: unknown };
      return typeof pid === "number" && typeof since === "string" ? { pid, since, boot } : undefined;
    } catch {
      return undefined;
    }
  }
}

/** In a container a new process often has the number of the one before it, and after a restart of the machine any process may. */
function isRunning({ pid, since, boot }: Owner): boolean {
  if (boot !== machineStart()) return false;
  if (pid === process.pid) return Date.parse(since) >= performance.timeOrigin;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** From the top. Node's own `recursive` never comes back from below a folder in which the kernel lets nothing be made, such as `/proc`. */
async function makeFolders(folder: string): Promise<void> {
  if (await isFolder(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) await makeFolders(parent);
  await mkdir(folder).catch(async (error: unknown) => {
    // Somebody else may have made it meanwhile.
    if (!(await isFolder(folder))) throw error;
  });
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
