import { NO_METADATA, WorkQueueChannel, silentLogger, work, type ChannelLog, type MessageDraft } from "@sssn/core";
import { LevelMessageStore } from "@sssn/store-level";
import { Quota, inParallel, type Body, type ConsumeOptions, type Contender, type Queue } from "./contender.js";

const FLUSHED = "flushed: survives a power cut";
const LEASE_MS = 600_000;

function draft(content: Body): MessageDraft {
  return { timestamp: Date.now(), senderId: "bench", content: { ...content }, metadata: NO_METADATA };
}

async function consumeLog(log: ChannelLog, count: number, { workers, batch }: ConsumeOptions): Promise<void> {
  const quota = new Quota(count);
  await inParallel(workers, async (worker) => {
    const readerId = `worker-${worker}`;
    while (!quota.isOver) {
      const { claims } = await log.claim({ group: "bench", readerId, limit: Math.max(1, quota.share(batch)), leaseMs: LEASE_MS });
      if (claims.length === 0) return;
      quota.took(claims.length);
      await log.settle(
        "bench",
        readerId,
        claims.map(({ receipt }) => ({ receipt, action: "acknowledge" })),
      );
    }
  });
}

async function readLog(log: ChannelLog, count: number): Promise<void> {
  for (let after = 0; after < count;) {
    const { messages, position } = await log.read({ after, limit: 1_000 });
    if (messages.length === 0) throw new Error(`Only ${after} of ${count} messages are there.`);
    after = position;
  }
}

/** The log itself, as channels use it. */
export function sssnLog(durability: "flushed" | "process"): Contender {
  return {
    name: durability === "flushed" ? "SSSN log" : "SSSN log, durability process",
    durability: durability === "flushed" ? FLUSHED : "survives the process, not a power cut",
    async open(folder): Promise<Queue> {
      const store = new LevelMessageStore({ folder, durability, logger: silentLogger });
      const log = await store.open("bench");
      return {
        write: (message) => log.append([draft(message)]),
        writeBatch: (messages) => log.append(messages.map(draft)),
        consume: (count, options) => consumeLog(log, count, options),
        readAll: (count) => readLog(log, count),
        close: () => store.close(),
      };
    },
  };
}

/** A work queue channel, with everything that an application goes through: validation, security, freezing. */
export const sssnChannel: Contender = {
  name: "SSSN channel",
  durability: FLUSHED,
  async open(folder): Promise<Queue> {
    const store = new LevelMessageStore({ folder, logger: silentLogger });
    const channel = new WorkQueueChannel<Body>({ id: "bench", store });
    await channel.start();
    return {
      write: (message) => channel.write("bench", message),
      writeBatch: (messages) =>
        channel.writeBatch(
          "bench",
          messages.map((content) => ({ content })),
        ),
      async consume(count, { workers, batch }) {
        const quota = new Quota(count);
        await inParallel(workers, async (worker) => {
          const readerId = `worker-${worker}`;
          while (!quota.isOver) {
            const claims = await channel.claim(readerId, { limit: Math.max(1, quota.share(batch)), leaseMs: LEASE_MS });
            if (claims.length === 0) return;
            quota.took(claims.length);
            await channel.acknowledge(
              readerId,
              claims.map(({ receipt }) => receipt),
            );
          }
        });
      },
      async readAll(count) {
        for (let after = 0; after < count;) after = (await channel.read("reader", { after, limit: 1_000 })).position;
      },
      async listen(handler) {
        const subscription = await channel.subscribe("listener", ({ content }) => handler(content));
        return () => subscription.close();
      },
      async close() {
        await channel.drain();
        await store.close();
      },
    };
  },
};

/** `work()`: a handler a message, leases kept alive, acknowledged by the library. */
export const sssnWorker: Contender = {
  name: "SSSN work()",
  durability: FLUSHED,
  largestBatch: 1,
  async open(folder): Promise<Queue> {
    const store = new LevelMessageStore({ folder, logger: silentLogger });
    const channel = new WorkQueueChannel<Body>({ id: "bench", store });
    await channel.start();
    return {
      write: (message) => channel.write("bench", message),
      writeBatch: (messages) =>
        channel.writeBatch(
          "bench",
          messages.map((content) => ({ content })),
        ),
      async consume(count, { workers }) {
        let left = count;
        await new Promise<void>((resolve, reject) => {
          const worker = work(channel, "worker", () => {}, { concurrency: workers, logger: silentLogger });
          worker.events.on("error", reject);
          worker.events.on("job", () => {
            if (--left === 0) void worker.close().then(() => resolve(), reject);
          });
        });
      },
      async listen(handler) {
        const worker = work(channel, "worker", ({ content }) => handler(content), { logger: silentLogger });
        return () => worker.close().then(() => {});
      },
      async close() {
        await channel.drain();
        await store.close();
      },
    };
  },
};
