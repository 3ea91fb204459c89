import type { Cancel, Clock } from "../clock.js";

/** Wakes whoever waits for something new. A change between looking and waiting is not missed: the version tells. */
export class ChangeSignal {
  readonly #waiters = new Set<() => void>();
  #version = 0;

  /** Take it before looking; hand it to {@link ChangeSignal.wait} when there was nothing to see. */
  get version(): number {
    return this.#version;
  }

  raise(): void {
    this.#version++;
    for (const wake of [...this.#waiters]) wake();
  }

  /** Resolves at once when something has changed since `version`, else at the next change, after `timeoutMs`, or on abort. */
  wait(version: number, clock: Clock, options: { timeoutMs?: number; signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { timeoutMs, signal } = options;
    if (this.#version !== version || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      let cancel: Cancel | undefined;
      const wake = (): void => {
        this.#waiters.delete(wake);
        signal?.removeEventListener("abort", wake);
        cancel?.();
        resolve();
      };
      this.#waiters.add(wake);
      signal?.addEventListener("abort", wake, { once: true });
      if (timeoutMs !== undefined) cancel = clock.schedule(wake, timeoutMs);
    });
  }
}
