// A worker process: is told over the pipe to its parent what to do, and ends when that pipe does, whatever has become of the parent.
import { connectWorker } from "./farm/connect-worker.js";
import { isWorkerSettings, type WorkerNews, type WorkerSettings } from "./farm/worker-settings.js";

/** The terminal sends Ctrl-C to all processes: the parent decides when its workers end. */
process.on("SIGINT", () => {});

const orphaned = new Promise<void>((resolve) => process.once("disconnect", resolve));
const terminated = new Promise<void>((resolve) => process.once("SIGTERM", resolve));

async function told(): Promise<WorkerSettings> {
  return new Promise((resolve) => {
    const listen = (message: unknown): void => {
      if (!isWorkerSettings(message)) return;
      process.off("message", listen);
      resolve(message);
    };
    process.on("message", listen);
  });
}

/** Resolves when the parent's pipe has it, or there is no parent. */
async function tell(news: WorkerNews): Promise<void> {
  if (!process.connected) return;
  await new Promise<void>((resolve) => process.send?.(news, undefined, undefined, () => resolve()));
}

async function run(): Promise<void> {
  const settings = await Promise.race([told(), orphaned]);
  if (!settings) return;
  const worker = await connectWorker(settings);
  await using running = await worker.launch();
  await tell({ state: "working" });
  const report = await Promise.race([worker.ended, orphaned, terminated]);
  if (report?.endedBy) throw report.endedBy;
  await running.close({ timeoutMs: 2_000 });
}

try {
  await run();
} catch (thrown) {
  process.exitCode = 1;
  await tell({ state: "failed", reason: thrown instanceof Error ? thrown.message : String(thrown) });
}
if (process.connected) process.disconnect();
// Calls to a host that is gone are repeated for half a minute, and would keep a worker alive that has nobody to work for.
process.exit();
