import { WorkerProcess, type WorkerEnd } from "./worker-process.js";
import type { WorkerSettings } from "./worker-settings.js";
import type { Workers } from "./workers.js";

/** How often in a row a worker may say that it can't work: a store or a host may be back a moment later. */
const MOST_FAILURES = 3;

/** Says what a worker is told each time that its process is started. */
export type SettingsOf = (id: string) => Promise<WorkerSettings>;

/** Workers in processes of their own, each of which is started again when it dies. */
export class WorkerProcesses implements Workers {
  readonly #settingsOf: SettingsOf;
  readonly #ids: readonly string[];
  readonly #processes = new Map<string, WorkerProcess>();
  readonly #kept: Promise<void>[] = [];
  readonly #fail: (error: Error) => void;
  readonly failed: Promise<never>;
  #isClosing = false;
  #kills = 0;

  constructor(count: number, settingsOf: SettingsOf) {
    this.#settingsOf = settingsOf;
    this.#ids = Array.from({ length: count }, (_, index) => `worker-${index + 1}`);
    let fail: (error: Error) => void = () => {};
    this.failed = new Promise<never>((_, reject) => (fail = reject));
    this.#fail = fail;
    // Whoever waits for it is told; nobody has to.
    this.failed.catch(() => {});
  }

  async start(): Promise<void> {
    for (const id of this.#ids) this.#kept.push(this.#keep(id).catch((error: unknown) => this.#fail(asError(error))));
    return Promise.resolve();
  }

  /** How many were killed on purpose. */
  get kills(): number {
    return this.#kills;
  }

  /** Kills one that is at work, and tells whether there was one. */
  killOne(random: () => number): boolean {
    const working = [...this.#processes.values()].filter(({ isWorking }) => isWorking);
    const victim = working[Math.floor(random() * working.length)];
    if (!victim) return false;
    this.#kills += 1;
    victim.kill();
    return true;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all([...this.#processes.values()].map((worker) => worker.close()));
    await Promise.all(this.#kept);
  }

  /** Runs one worker for as long as the audit goes on, in one process after another. */
  async #keep(id: string): Promise<void> {
    let failures = 0;
    while (!this.#isClosing) {
      const settings = await this.#settingsOf(id);
      if (this.#isClosing) return;
      const worker = new WorkerProcess(settings);
      this.#processes.set(id, worker);
      const end = await worker.ended;
      failures = end.couldNotWork ? failures + 1 : 0;
      if (failures >= MOST_FAILURES) throw new Error(`${id} can't work: ${lastLine(end)}`);
    }
  }
}

function lastLine({ lastWords }: WorkerEnd): string {
  return lastWords.split("\n").at(-1) || "its process ends at once";
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
