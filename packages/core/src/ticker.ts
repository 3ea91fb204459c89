import type { Cancel, Clock } from "./clock.js";

/**
 * Runs a task at a fixed rate: without drift (due times are multiples of the period), without overlap (a tick that comes while
 * the task runs is skipped), and yielding to the platform between two runs however long the task takes.
 */
export class Ticker {
  readonly #clock: Clock;
  readonly #periodMs: number;
  readonly #task: () => Promise<void>;
  readonly #background: boolean;
  #cancel: Cancel | undefined;
  #running: Promise<void> = Promise.resolve();
  #due = 0;
  #stopped = true;

  /** @param task must not reject. @param options `background`: does not keep the process alive. */
  constructor(clock: Clock, periodMs: number, task: () => Promise<void>, options: { background?: boolean } = {}) {
    this.#clock = clock;
    this.#periodMs = periodMs;
    this.#task = task;
    this.#background = options.background ?? false;
  }

  /** @param firstDelayMs when the first run is due. Default: one period from now. */
  start(firstDelayMs: number = this.#periodMs): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#due = this.#clock.monotonic() + firstDelayMs;
    this.#arm();
  }

  /** No run begins after this; resolves when the one under way is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
  }

  #arm(): void {
    this.#cancel = this.#clock.schedule(() => void this.#tick(), Math.max(0, this.#due - this.#clock.monotonic()), {
      background: this.#background,
    });
  }

  async #tick(): Promise<void> {
    this.#running = this.#task();
    await this.#running;
    if (this.#stopped) return;
    const late = this.#clock.monotonic() - this.#due;
    this.#due += this.#periodMs * Math.max(1, Math.ceil(late / this.#periodMs));
    this.#arm();
  }
}
