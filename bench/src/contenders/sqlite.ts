import { join } from "node:path";
import { Quota, inParallel, type Body, type Contender, type Queue } from "./contender.js";
import { loadPeer } from "./peers.js";

interface Statement {
  run(...values: unknown[]): unknown;
  all(...values: unknown[]): { sequence: number; body: string }[];
}
interface Database {
  pragma(text: string): unknown;
  exec(text: string): unknown;
  prepare(text: string): Statement;
  transaction<Arguments extends unknown[], Result>(task: (...values: Arguments) => Result): (...values: Arguments) => Result;
  close(): void;
}

/** A queue by hand on SQLite: synchronous calls into this process, the strongest embedded peer. */
export function sqlite(synchronous: "FULL" | "NORMAL"): Contender {
  const Sqlite = loadPeer<new (path: string) => Database>("better-sqlite3");
  return {
    name: `SQLite, synchronous ${synchronous}`,
    durability: synchronous === "FULL" ? "flushed: survives a power cut" : "survives the process, not a power cut",
    async open(folder): Promise<Queue> {
      const database = new Sqlite(join(folder, "queue.db"));
      database.pragma("journal_mode = WAL");
      database.pragma(`synchronous = ${synchronous}`);
      database.exec(
        "create table jobs (sequence integer primary key, body text, lease integer); create index ready on jobs (sequence) where lease is null",
      );
      const insert = database.prepare("insert into jobs (body) values (?)");
      const claim = database.prepare(
        "update jobs set lease = ? where sequence in (select sequence from jobs where lease is null order by sequence limit ?) returning sequence, body",
      );
      const remove = database.prepare("delete from jobs where sequence = ?");
      const page = database.prepare("select sequence, body from jobs where sequence > ? order by sequence limit 1000");
      const insertAll = database.transaction((messages: readonly Body[]) =>
        messages.forEach((message) => insert.run(JSON.stringify(message))),
      );
      const removeAll = database.transaction((sequences: readonly number[]) => sequences.forEach((sequence) => remove.run(sequence)));
      return {
        write: async (message) => insert.run(JSON.stringify(message)),
        writeBatch: async (messages) => insertAll(messages),
        async consume(count, { workers, batch }) {
          const quota = new Quota(count);
          await inParallel(workers, async () => {
            while (!quota.isOver) {
              const jobs = claim.all(Date.now() + 60_000, Math.max(1, quota.share(batch)));
              if (jobs.length === 0) return;
              for (const { body } of jobs) JSON.parse(body);
              quota.took(jobs.length);
              removeAll(jobs.map(({ sequence }) => sequence));
              await Promise.resolve();
            }
          });
        },
        async readAll(count) {
          for (let after = 0, read = 0; read < count;) {
            const rows = page.all(after);
            for (const { body } of rows) JSON.parse(body);
            read += rows.length;
            after = rows.at(-1)?.sequence ?? Infinity;
          }
        },
        close: async () => database.close(),
      };
    },
  };
}
