import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import { SSSNError, describe, refuseUnknownOptions, validateInteger, type JobHandler } from "@sssn/core";
import { errorOf, type ThreadTask, type Verdict } from "./verdict.js";

/** How many threads there are, and what each may use. */
export interface ThreadOptions {
  /** Most threads at once, from 1 to 1 000. Default: as many as the machine has processors. Give `work()` the same `concurrency`. */
  readonly threads?: number;
  /** Most memory of a thread, in MiB from 16. One that needs more fails its job, and nothing else. Default: as Node has it. */
  readonly maxMemoryMb?: number;
}

/** A handler for `work()` whose work is done in threads. */
export type ThreadedHandler<Content = unknown> = JobHandler<Content> &
  AsyncDisposable & {
    /** Ends the threads. A job that is under way fails, and is given back: close the worker first. */
    close(): Promise<void>;
  };

const OPTIONS = new Set(["threads", "maxMemoryMb"]);
/** A thread that has had nothing to do for so long ends. */
const IDLE_MS = 30_000;

/**
 * Makes a handler of a module, for `work()`: each message is handled by its default export, in a thread. The process's own loop stays free, so
 * leases are kept alive however long the handler computes; a job that ends (by `maxMs`, a lost lease, or the worker's end) ends its thread for real;
 * and a crash, `process.exit()` or too much memory in it is one failed delivery.
 *
 * @param module a file, such as `new URL("./handler.js", import.meta.url)`.
 * @throws SSSNError `invalid_argument` when there is no such file.
 *
 * @example
 * ```ts
 * import { mkdtemp, rm, writeFile } from "node:fs/promises";
 * import { pathToFileURL } from "node:url";
 * import { MemoryMessageStore, WorkQueueChannel, work } from "@sssn/core";
 * import { inThread } from "@sssn/threads";
 * const folder = await mkdtemp("threads-");
 * await writeFile(`${folder}/sum.mjs`, "export default ({ content }) => { for (let sum = 0, n = 0; n < content; n++) sum += n; };");
 * const jobs = new WorkQueueChannel<number>({ id: "jobs", store: new MemoryMessageStore() });
 * await jobs.start();
 * await jobs.write("shop", 1_000_000);
 * {
 *   await using sum = inThread<number>(pathToFileURL(`${folder}/sum.mjs`), { threads: 1 });
 *   const worker = work(jobs, "adder", sum, { maxMs: 60_000 });
 *   while ((await jobs.stats("admin")).groups[0]?.oldestUnfinishedMs !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
 *   await worker.close();
 * }
 * await jobs.drain();
 * await rm(folder, { recursive: true });
 * ```
 */
export function inThread<Content = unknown>(module: URL, options: ThreadOptions = {}): ThreadedHandler<Content> {
  refuseUnknownOptions("inThread()", options, OPTIONS);
  const { maxMemoryMb } = options;
  const task = { module: checkModule(module) };
  const pool = new Piscina<ThreadTask, Verdict>({
    filename: fileURLToPath(new URL("./thread.js", import.meta.url)),
    minThreads: 0,
    maxThreads: validateInteger("threads", options.threads ?? availableParallelism(), 1, 1_000),
    idleTimeout: IDLE_MS,
    ...(maxMemoryMb === undefined
      ? {}
      : { resourceLimits: { maxOldGenerationSizeMb: validateInteger("maxMemoryMb", maxMemoryMb, 16, 1_048_576) } }),
  });
  const handle: JobHandler<Content> = async (message, context) => {
    const { deliveries, receipt, signal } = context;
    const { error, deadLetter } = await pool.run({ ...task, message, deliveries, receipt }, { signal });
    if (deadLetter !== undefined) context.deadLetter(deadLetter);
    if (error) throw errorOf(error);
  };
  const close = (): Promise<void> => pool.destroy();
  return Object.assign(handle, { close, [Symbol.asyncDispose]: close });
}

function checkModule(module: unknown): string {
  if (module instanceof URL && module.protocol === "file:" && existsSync(fileURLToPath(module))) return module.href;
  throw new SSSNError(
    "invalid_argument",
    `inThread() takes the URL of a file, such as new URL("./handler.js", import.meta.url), but there is no file ${describe(module)}.`,
  );
}
