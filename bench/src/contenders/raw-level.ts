import { open } from "node:fs/promises";
import { join } from "node:path";
import { Level } from "level";
import type { Body, Contender, Queue } from "./contender.js";

const key = (sequence: number): string => sequence.toString(36).padStart(11, "0");

/** What one can get out of LevelDB by hand, with nothing promised but the flush: put for one, a prototype of group commit for many. */
export const rawLevel: Contender = {
  name: "raw LevelDB",
  durability: "flushed; no checks, no claims",
  async open(folder): Promise<Queue> {
    const database = new Level<string, string>(folder, { keyEncoding: "utf8", valueEncoding: "utf8", writeBufferSize: 16 * 1024 * 1024 });
    await database.open();
    let sequence = 0;
    let waiting: { readonly message: Body; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
    let writing = false;

    const writeAll = async (messages: readonly Body[]): Promise<void> => {
      const batch = database.batch();
      for (const message of messages) batch.put(key(++sequence), JSON.stringify(message));
      await batch.write({ sync: true });
    };
    const writeGroups = async (): Promise<void> => {
      writing = true;
      await Promise.resolve();
      while (waiting.length > 0) {
        const group = waiting;
        waiting = [];
        await writeAll(group.map(({ message }) => message)).then(
          () => group.forEach(({ resolve }) => resolve()),
          (error: unknown) => group.forEach(({ reject }) => reject(error)),
        );
      }
      writing = false;
    };
    return {
      write: (message) =>
        new Promise<void>((resolve, reject) => {
          waiting.push({ message, resolve, reject });
          if (!writing) void writeGroups();
        }),
      writeBatch: writeAll,
      async readAll(count) {
        const iterator = database.iterator({ highWaterMarkBytes: 1024 * 1024 });
        for (let read = 0; read < count;) {
          const entries = await iterator.nextv(1_000);
          if (entries.length === 0) throw new Error(`Only ${read} of ${count} entries are there.`);
          for (const [, value] of entries) JSON.parse(value);
          read += entries.length;
        }
        await iterator.close();
      },
      close: () => database.close(),
    };
  },
};

/** One `put` with `sync: true` a message. */
export const rawPut: Contender = {
  name: "raw put, sync",
  durability: "flushed",
  async open(folder): Promise<Queue> {
    const database = new Level<string, string>(folder, { keyEncoding: "utf8", valueEncoding: "utf8" });
    await database.open();
    let sequence = 0;
    return {
      write: (message) => database.put(key(++sequence), JSON.stringify(message), { sync: true }),
      writeBatch: (messages) =>
        database.batch(
          messages.map((message) => ({ type: "put" as const, key: key(++sequence), value: JSON.stringify(message) })),
          { sync: true },
        ),
      close: () => database.close(),
    };
  },
};

/** The disk alone. */
export const rawDisk: Contender = {
  name: "append + fdatasync",
  durability: "flushed",
  async open(folder): Promise<Queue> {
    const file = await open(join(folder, "log"), "a");
    const write = async (text: string): Promise<void> => {
      await file.appendFile(text);
      await file.datasync();
    };
    return {
      write: (message) => write(JSON.stringify(message)),
      writeBatch: (messages) => write(messages.map((message) => JSON.stringify(message)).join("\n")),
      close: () => file.close(),
    };
  },
};
