import { startPostgres } from "../servers.js";
import { Quota, inParallel, type Body, type Contender, type Queue } from "./contender.js";
import { loadPeer } from "./peers.js";

interface PgBoss {
  on(event: "error", listener: () => void): void;
  start(): Promise<unknown>;
  stop(options: object): Promise<void>;
  createQueue(name: string): Promise<void>;
  send(name: string, data: Body): Promise<unknown>;
  insert(jobs: readonly { name: string; data: Body }[]): Promise<unknown>;
  fetch(name: string, options: { batchSize: number }): Promise<readonly { id: string }[]>;
  complete(name: string, ids: readonly string[]): Promise<unknown>;
}

let queues = 0;

export async function pgBoss(): Promise<Contender> {
  const Boss = loadPeer<new (options: object) => PgBoss>("pg-boss");
  const server = await startPostgres();
  const boss = new Boss({ host: "127.0.0.1", port: server.port, user: "bench", database: "postgres", max: 10 });
  boss.on("error", () => {});
  await boss.start();
  return {
    name: "pg-boss, PostgreSQL",
    durability: "flushed: survives a power cut",
    async stop() {
      await boss.stop({ graceful: false });
      await server.stop();
    },
    async open(): Promise<Queue> {
      const name = `bench-${++queues}`;
      await boss.createQueue(name);
      return {
        write: (data) => boss.send(name, data),
        writeBatch: (messages) => boss.insert(messages.map((data) => ({ name, data }))),
        async consume(count, { workers, batch }) {
          const quota = new Quota(count);
          await inParallel(workers, async () => {
            while (!quota.isOver) {
              const jobs = await boss.fetch(name, { batchSize: Math.max(1, quota.share(batch)) });
              if (jobs.length === 0) return;
              quota.took(jobs.length);
              await boss.complete(
                name,
                jobs.map(({ id }) => id),
              );
            }
          });
        },
        close: async () => {},
      };
    },
  };
}
