// A mixed load at a fixed rate for a long time: resident memory, open files and disk have to stay flat:
// pnpm soak -- --minutes N [--rate N]
import { readdirSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { BroadcastChannel, WorkQueueChannel, silentLogger, work } from "@sssn/core";
import { LevelMessageStore } from "@sssn/store-level";

const TICK_MS = 20;
const SAMPLE_MS = 10_000;
/** What the first five minutes allocate is the size of the thing, not a leak. */
const WARM_UP_SAMPLES = 30;

const { values } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== "--"),
  options: { minutes: { type: "string", default: "20" }, rate: { type: "string", default: "1000" } },
});
const [minutes, rate] = [Number(values.minutes), Number(values.rate)];
if (!(minutes > 0) || !(rate > 0)) throw new Error("--minutes and --rate take numbers above 0.");

interface Sample {
  readonly residentMb: number;
  readonly heapMb: number;
  readonly openFiles: number;
  readonly diskMb: number;
}

const folder = await mkdtemp(join(tmpdir(), "sssn-soak-"));
const store = new LevelMessageStore({ folder, logger: silentLogger });
const retention = { maxCount: 20_000 };
const readings = new BroadcastChannel<{ number: number; note: string }>({ id: "readings", store, retention });
const jobs = new WorkQueueChannel<{ number: number }>({ id: "jobs", store, retention, maxDeliveries: 3 });
await Promise.all([readings.start(), jobs.start()]);

let [written, delivered, done, readByCursor] = [0, 0, 0, 0];
const writeMs: number[] = [];
const lag = monitorEventLoopDelay({ resolution: 10 });
lag.enable();
const subscriptions = await Promise.all([1, 2, 3].map((index) => readings.subscribe(`subscriber-${index}`, () => delivered++)));
const workers = [1, 2].map((index) =>
  work(
    jobs,
    `worker-${index}`,
    ({ content }) => {
      if (content.number % 1_000 === 0) throw new Error("every five hundredth job fails");
      done++;
    },
    { concurrency: 4, backoff: { initialMs: 50, maxMs: 50 }, logger: silentLogger },
  ),
);

async function timed(write: Promise<unknown>): Promise<void> {
  const begun = performance.now();
  await write;
  writeMs.push(performance.now() - begun);
  if (writeMs.length > 100_000) writeMs.splice(0, 50_000);
}

function writeSome(): void {
  for (let index = 0; index < (rate * TICK_MS) / 1_000; index++) {
    const number = ++written;
    void timed(number % 2 === 0 ? jobs.write("writer", { number }) : readings.write("writer", { number, note: "x".repeat(number % 200) }));
  }
}

async function follow(): Promise<void> {
  while (!stopped) {
    const { messages } = await readings.read("reader", { limit: 500, commit: "on-delivery" });
    readByCursor += messages.length;
    if (messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function sizeOf(path: string): number {
  return readdirSync(path, { withFileTypes: true, recursive: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0) : 0),
    0,
  );
}

function sample(): Sample {
  // With --expose-gc what is measured is what is kept, not what waits to be collected.
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return {
    residentMb: Math.round(rss / 1024 ** 2),
    heapMb: Math.round(heapUsed / 1024 ** 2),
    openFiles: readdirSync("/proc/self/fd").length,
    diskMb: Math.round(sizeOf(folder) / 1024 ** 2),
  };
}

let stopped = false;
const writing = setInterval(writeSome, TICK_MS);
const following = follow();
const samples: Sample[] = [];
const begun = performance.now();
await new Promise<void>((resolve) => {
  const sampling = setInterval(() => {
    samples.push(sample());
    const minute = (performance.now() - begun) / 60_000;
    if (samples.length % 6 === 0)
      console.log(`${minute.toFixed(0)} min: ${JSON.stringify({ ...samples.at(-1), written, done, delivered, readByCursor })}`);
    if (minute < minutes) return;
    clearInterval(sampling);
    resolve();
  }, SAMPLE_MS);
});
clearInterval(writing);
stopped = true;
await following;
await Promise.all(workers.map((worker) => worker.close()));
await Promise.all(subscriptions.map((subscription) => subscription.close()));
await Promise.all([readings.drain(), jobs.drain()]);
await store.close();
await rm(folder, { recursive: true, force: true });

/** The growth of a figure per ten minutes: the slope of a straight line through what came after the warm-up. */
function slope(figure: keyof Sample): number {
  const after = samples.slice(WARM_UP_SAMPLES);
  const [meanX, meanY] = [(after.length - 1) / 2, after.reduce((sum, one) => sum + one[figure], 0) / after.length];
  const [above, below] = after.reduce(
    ([top, bottom], one, x) => [top + (x - meanX) * (one[figure] - meanY), bottom + (x - meanX) ** 2],
    [0, 0],
  );
  return below === 0 ? 0 : (above / below) * (600_000 / SAMPLE_MS);
}

writeMs.sort((left, right) => left - right);
console.log(
  `${written} written in ${minutes} min, ${done} jobs done, ${delivered} deliveries to subscribers, ${readByCursor} read with a cursor`,
);
console.log(
  `write: p50 ${writeMs[writeMs.length >> 1]?.toFixed(2)} ms, p99 ${writeMs[Math.floor(writeMs.length * 0.99)]?.toFixed(2)} ms; event loop lag: p99 ${(lag.percentile(99) / 1e6).toFixed(1)} ms, most ${(lag.max / 1e6).toFixed(1)} ms`,
);
for (const figure of ["residentMb", "heapMb", "openFiles", "diskMb"] as const) {
  const values = samples.slice(WARM_UP_SAMPLES).map((one) => one[figure]);
  console.log(`${figure}: ${Math.min(...values)} to ${Math.max(...values)}, grows by ${slope(figure).toFixed(2)} in ten minutes`);
}
