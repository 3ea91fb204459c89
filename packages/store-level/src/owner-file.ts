import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SSSNError, toError } from "@sssn/core";

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
      await mkdir(this.#folder, { recursive: true });
    } catch (thrown) {
      const error = toError(thrown);
      throw new SSSNError("store_unavailable", `The store folder ${this.#folder} can't be made: ${error.message}. Choose a folder that this user may write to.`, { cause: error });
    }
  }

  /** @throws SSSNError `store_unavailable` when the folder can't be written to. */
  async claim(): Promise<void> {
    try {
      await writeFile(this.#path, JSON.stringify({ pid: process.pid, since: new Date().toISOString() }));
    } catch (thrown) {
      const error = toError(thrown);
      throw new SSSNError("store_unavailable", `The store folder ${this.#folder} can't be written to: ${error.message}. Give this user the right to write there, or choose another folder.`, { cause: error });
    }
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  /** The refusal of a second process. */
  async refusal(cause: Error): Promise<SSSNError> {
    const owner = await this.#read();
    const who = owner === undefined ? "another process" : owner.pid === process.pid ? "another store object of this very process" : `process ${owner.pid} (since ${owner.since})`;
    return new SSSNError(
      "store_locked",
      `The store in ${this.#folder} is in use by ${who}. One process owns a store folder: stop that process, or reach its channels over HTTP. Never delete the LOCK file: two writers destroy the data.`,
      { cause, details: owner === undefined ? {} : { pid: owner.pid } },
    );
  }

  async #read(): Promise<{ pid: number; since: string } | undefined> {
    try {
      const { pid, since } = JSON.parse(await readFile(this.#path, "utf8")) as { pid?: unknown; since?: unknown };
      return typeof pid === "number" && typeof since === "string" ? { pid, since } : undefined;
    } catch {
      return undefined;
    }
  }
}
