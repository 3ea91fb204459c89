import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { isWorkerNews, type WorkerSettings } from "./worker-settings.js";

const PROGRAM = fileURLToPath(new URL("./worker.js", import.meta.url));
const MOST_REMEMBERED = 4_000;
/** Longer than a worker takes to give back what it has. */
const PATIENCE_MS = 5_000;

/** How a worker process has ended. */
export interface WorkerEnd {
  /** It never began, or said itself that it can't work. One that was killed could have gone on. */
  readonly couldNotWork: boolean;
  /** What it said last. */
  readonly lastWords: string;
}

/** One process of a worker, from its start to its end. */
export class WorkerProcess {
  readonly #child;
  #hasBegun = false;
  #isOver = false;
  #reason = "";
  #errors = "";
  /** Resolves when the process is gone. */
  readonly ended: Promise<WorkerEnd>;

  constructor(settings: WorkerSettings) {
    this.#child = fork(PROGRAM, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
    this.#child.on("message", (news) => {
      if (!isWorkerNews(news)) return;
      if (news.state === "failed") this.#reason = news.reason;
      else this.#hasBegun = true;
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#errors = `${this.#errors}${chunk.toString()}`.slice(-MOST_REMEMBERED);
    });
    this.ended = this.#end();
    // A process that ends while it is told is seen by its end.
    this.#child.send(settings, () => {});
  }

  /** Not the "close" event of the process, which never comes for one that this side has disconnected from. */
  async #end(): Promise<WorkerEnd> {
    try {
      await Promise.all([once(this.#child, "exit"), this.#child.stderr && once(this.#child.stderr, "close")]);
    } catch (thrown) {
      // It could not be made at all, and no "exit" follows.
      return { couldNotWork: true, lastWords: thrown instanceof Error ? thrown.message : String(thrown) };
    } finally {
      this.#isOver = true;
    }
    return { couldNotWork: !this.#hasBegun || this.#reason !== "", lastWords: this.#reason || this.#errors.trim() };
  }

  /** Whether there is anybody to kill in the middle of something. */
  get isWorking(): boolean {
    return this.#hasBegun && !this.#isOver;
  }

  /** Ends it at once: it learns nothing of it. */
  kill(): void {
    this.#isOver = true;
    this.#child.kill("SIGKILL");
  }

  /** Lets it give back what it has, and ends it. */
  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE_MS);
    await this.ended;
    clearTimeout(timer);
  }
}
