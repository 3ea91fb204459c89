import { startRedis } from "../servers.js";
import type { Body, Contender, Queue } from "./contender.js";
import { loadPeer } from "./peers.js";

interface BullMQ {
  Queue: new (
    name: string,
    options: object,
  ) => {
    add(name: string, data: Body): Promise<unknown>;
    addBulk(jobs: readonly { name: string; data: Body }[]): Promise<unknown>;
    close(): Promise<void>;
  };
  Worker: new (
    name: string,
    handler: (job: { data: Body }) => Promise<void>,
    options: object,
  ) => { on(event: "completed", listener: () => void): void; close(): Promise<void> };
}

let queues = 0;

export async function bullmq(appendfsync: "always" | "everysec"): Promise<Contender> {
  const { Queue: BullQueue, Worker } = loadPeer<BullMQ>("bullmq");
  const server = await startRedis(appendfsync);
  const connection = { host: "127.0.0.1", port: server.port, maxRetriesPerRequest: null };
  return {
    name: `BullMQ, Redis ${appendfsync}`,
    durability: appendfsync === "always" ? "flushed once an event loop of Redis" : "a power cut may take the last second",
    largestBatch: 1,
    stop: () => server.stop(),
    async open(): Promise<Queue> {
      const name = `bench-${++queues}`;
      const queue = new BullQueue(name, { connection, defaultJobOptions: { removeOnComplete: true } });
      return {
        write: (data) => queue.add("job", data),
        writeBatch: (messages) => queue.addBulk(messages.map((data) => ({ name: "job", data }))),
        async consume(count, { workers }) {
          let left = count;
          await new Promise<void>((resolve) => {
            const worker = new Worker(name, async () => {}, { connection, concurrency: workers });
            worker.on("completed", () => {
              if (--left === 0) void worker.close().then(resolve);
            });
          });
        },
        async listen(handler) {
          const worker = new Worker(name, async ({ data }) => handler(data), { connection });
          return () => worker.close();
        },
        close: () => queue.close(),
      };
    },
  };
}
