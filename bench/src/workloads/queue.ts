import { bodies, body, inParallel, type ConsumeOptions, type Contender, type Queue } from "../contenders/contender.js";
import { perSecond, type Workload } from "./workload.js";

const WARM_UP_MS = 250;
const RUN_MS = 1_200;
const FILL_AT_ONCE = 500;

/** Writes, then works off: what every queue is asked. */
export const queueWorkloads: readonly Workload[] = [
  writing("write-1", "awaited write, 1 writer", 1, 1),
  writing("write-64", "awaited write, 64 writers", 64, 1),
  writing("batch-100", "batches of 100, 1 writer", 1, 100),
  consuming("claim-1", "claim + acknowledge, one at a time, 1 worker", { workers: 1, batch: 1 }),
  consuming("claim-100", "claim + acknowledge in batches of 100, 1 worker", { workers: 1, batch: 100 }),
  consuming("workers-8", "claim + acknowledge, one at a time, 8 workers", { workers: 8, batch: 1 }),
];

function writing(name: string, title: string, writers: number, batch: number): Workload {
  return {
    name,
    title,
    unit: "messages/s",
    // Group commit by hand is for many; a raw put, or a raw append, for one.
    takes: ({ name: contender }) =>
      contender !== "SSSN work()" && (batch > 1 || (writers === 1 ? contender !== "raw LevelDB" : contender !== "append + fdatasync")),
    async measure(contender, folder) {
      const queue = await contender.open(folder);
      await writeFor(queue, WARM_UP_MS, writers, batch);
      const rate = await writeFor(queue, RUN_MS, writers, batch);
      await queue.close();
      return { rate };
    },
  };
}

async function writeFor(queue: Queue, ms: number, writers: number, batch: number): Promise<number> {
  let count = 0;
  const begun = performance.now();
  await inParallel(writers, async () => {
    while (performance.now() - begun < ms) {
      await (batch === 1 ? queue.write(body(count)) : queue.writeBatch(bodies(count, batch)));
      count += batch;
    }
  });
  return perSecond(count, begun);
}

function consuming(name: string, title: string, options: ConsumeOptions): Workload {
  return {
    name,
    title,
    unit: "messages/s",
    takes: (contender) => canConsume(contender) && (contender.largestBatch ?? Infinity) >= options.batch,
    async measure(contender, folder) {
      const queue = await contender.open(folder);
      const trial = await consumeSome(queue, 300, options);
      const rate = await consumeSome(queue, Math.round(Math.min(60_000, Math.max(300, trial * (RUN_MS / 1_000)))), options);
      await queue.close();
      return { rate };
    },
  };
}

function canConsume({ name }: Contender): boolean {
  return !name.startsWith("raw") && !name.startsWith("append");
}

async function consumeSome(queue: Queue, count: number, options: ConsumeOptions): Promise<number> {
  await fill(queue, count);
  const begun = performance.now();
  await queue.consume?.(count, options);
  return perSecond(count, begun);
}

export async function fill(queue: Queue, count: number): Promise<void> {
  for (let written = 0; written < count; written += FILL_AT_ONCE)
    await queue.writeBatch(bodies(written, Math.min(FILL_AT_ONCE, count - written)));
}
