import { closeSync, fdatasync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import { toError } from "@sssn/core";

const SLOT_BYTES = 512;
const FLUSH_AFTER_MS = 1_000;

/** What the mark knows. */
export interface Mark {
  /** Groups up to this one were acknowledged. */
  readonly group: number;
  /** Whether they were flushed, so that not even a power cut may take them. */
  readonly flushed: boolean;
  /** The start of the machine under which it was written. */
  readonly boot: string;
}

/**
 * A durable high-water mark beside the database: the last group of commits that was acknowledged. LevelDB's recovery drops what is
 * damaged without a word; the mark remembers that there was more.
 *
 * Written after a group is stored and before it is acknowledged, so it never promises too much. It is in the system's memory at once
 * and outlives the process; it is flushed to the disk within a second.
 */
export class CommitMark {
  readonly #file: number;
  readonly #flushed: boolean;
  readonly #boot = machineStart();
  #slot = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #failure: unknown;

  private constructor(file: number, flushed: boolean) {
    this.#file = file;
    this.#flushed = flushed;
  }

  static pathIn(folder: string): string {
    return join(folder, "mark");
  }

  /** Makes the mark of a new store, in one step that a power cut can't halve. */
  static make(folder: string): void {
    const path = CommitMark.pathIn(folder);
    CommitMark.#write(`${path}.new`, { group: 0, flushed: true, boot: "" });
    renameSync(`${path}.new`, path);
    const directory = openSync(folder, "r");
    fsyncSync(directory);
    closeSync(directory);
  }

  /** Replaces the mark by what is there now: the acknowledged groups behind it are given up. */
  static reset(folder: string, group: number): void {
    const path = CommitMark.pathIn(folder);
    CommitMark.#write(`${path}.new`, { group, flushed: true, boot: "" });
    renameSync(`${path}.new`, path);
  }

  static #write(path: string, mark: Mark): void {
    const file = openSync(path, "w");
    writeSync(file, encode(mark));
    fsyncSync(file);
    closeSync(file);
  }

  /** @returns `undefined` when there is no mark, `"damaged"` when neither of its two slots can be read. */
  static read(folder: string): Mark | "damaged" | undefined {
    let content: Buffer;
    try {
      content = readFileSync(CommitMark.pathIn(folder));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    const marks = [content.subarray(0, SLOT_BYTES), content.subarray(SLOT_BYTES)].flatMap((slot) => decode(slot) ?? []);
    return marks.sort((left, right) => right.group - left.group)[0] ?? "damaged";
  }

  static open(folder: string, flushed: boolean, group: number): CommitMark {
    const file = openSync(CommitMark.pathIn(folder), "r+");
    try {
      const mark = new CommitMark(file, flushed);
      mark.note(group);
      return mark;
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  /**
   * Notes that a group is stored. The two slots take turns, so that a torn write leaves the other one.
   *
   * @throws when this, or the last flush, failed.
   */
  note(group: number): void {
    if (this.#failure !== undefined) throw toError(this.#failure);
    this.#slot = 1 - this.#slot;
    writeSync(this.#file, encode({ group, flushed: this.#flushed, boot: this.#boot }), 0, SLOT_BYTES, this.#slot * SLOT_BYTES);
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_AFTER_MS).unref();
  }

  #flush(): void {
    this.#timer = undefined;
    this.#flushing = promisify(fdatasync)(this.#file).catch((error: unknown) => {
      this.#failure = error;
    });
  }

  /** Flushes and lets go of the file. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#flushing;
    this.#flush();
    await this.#flushing;
    closeSync(this.#file);
  }
}

/** Tells this run of the machine from the one before a power cut, where the system says it. */
export function machineStart(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "";
  }
}

function encode({ group, flushed, boot }: Mark): Buffer {
  const json = JSON.stringify([group, flushed, boot]);
  return Buffer.from(`${checksum(json)}${json}`.padEnd(SLOT_BYTES, " "), "latin1");
}

function decode(slot: Buffer): Mark | undefined {
  const text = slot.toString("latin1").trimEnd();
  const json = text.slice(8);
  if (json === "" || checksum(json) !== text.slice(0, 8)) return undefined;
  const [group, flushed, boot] = JSON.parse(json) as [number, boolean, string];
  return { group, flushed, boot };
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, "0");
}
