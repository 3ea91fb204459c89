import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Level } from "level";
import { toError } from "@sssn/core";
import { GROUP_KEY } from "../keys.js";
import { copyDatabase, examineAll, inspectClosed } from "./offline-database.js";

/** What {@link verifyStore} found in one channel. */
export interface ChannelReport {
  readonly channel: string;
  /** The first and the last sequence that it has; `first` is behind `last` when it is empty. */
  readonly first: number;
  readonly last: number;
  readonly messages: number;
  /** The size of the messages' records. */
  readonly bytes: number;
}

/** What {@link verifyStore} found. */
export interface StoreReport {
  /** Nothing is wrong. */
  readonly sound: boolean;
  /** Everything that is wrong, in words. */
  readonly findings: readonly string[];
  readonly channels: readonly ChannelReport[];
}

/**
 * Checks a store that nobody has open, completely: every file against its checksums, every commit against the mark of what was
 * acknowledged, every message, index entry, claim and figure of every channel. Changes nothing in the folder: the database is opened
 * as a copy, in the system's folder for temporary files (tables are linked where that is on the same disk).
 *
 * @param folder the folder that was given to `LevelMessageStore`.
 * @throws SSSNError `store_locked` when a process has it open, `invalid_argument` when there is no store.
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { LevelMessageStore, verifyStore } from "@sssn/store-level";
 * const folder = await mkdtemp("readings-");
 * const store = new LevelMessageStore({ folder });
 * await store.open("readings");
 * await store.close();
 * const { sound, findings } = await verifyStore(folder);
 * if (!sound) throw new Error(findings.join("\n"));
 * ```
 */
export async function verifyStore(folder: string): Promise<StoreReport> {
  const path = resolve(folder);
  const { mark, damage } = await inspectClosed(path);
  const findings = [...damage];
  const channels: ChannelReport[] = [];
  const copy = await mkdtemp(join(tmpdir(), "sssn-verify-"));
  try {
    await copyDatabase(join(path, "leveldb"), copy);
    const database = new Level<string, string>(copy, { keyEncoding: "utf8", valueEncoding: "utf8" });
    await database.open();
    try {
      const group = Number((await database.get(GROUP_KEY)) ?? 0);
      if (group < (mark?.group ?? 0)) findings.push(`it ends with commit ${group}, but commits up to ${mark?.group} were acknowledged`);
      for await (const { channelId, first, last, count, bytes, findings: wrong } of examineAll(database)) {
        findings.push(...wrong);
        channels.push({ channel: channelId, first, last, messages: count, bytes });
      }
    } finally {
      await database.close();
    }
  } catch (thrown) {
    const { message, cause } = toError(thrown);
    findings.push(`the database can't be read: ${cause instanceof Error ? cause.message : message}`);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
  return { sound: findings.length === 0, findings, channels };
}
