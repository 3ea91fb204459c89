import { EventSource } from "../events.js";
import { toError } from "../errors.js";
import type { Logger } from "../logger.js";

/** What happened to something that carried on. */
export interface ContinuedError<Phase extends string> {
  readonly phase: Phase;
  readonly error: Error;
  /** How many errors this phase has had so far, this one included. */
  readonly count: number;
}

/** "Log and continue" with nothing unseen: every continued error is counted and told to whoever listens. */
export class ErrorsSeen<Phase extends string> {
  readonly events = new EventSource<{ error: ContinuedError<Phase> }>();
  readonly #counts = new Map<Phase, number>();

  /** Errors so far, by phase. */
  get counts(): Readonly<Partial<Record<Phase, number>>> {
    return Object.fromEntries(this.#counts) as Partial<Record<Phase, number>>;
  }

  /**
   * Counts an error, tells the listeners, and hands it to the owner's hook.
   *
   * @param hook may throw itself: that is logged, and nothing else comes of it.
   */
  report(phase: Phase, thrown: unknown, logger: Logger, hook: (phase: Phase, error: Error) => unknown): void {
    const error = toError(thrown);
    const count = (this.#counts.get(phase) ?? 0) + 1;
    this.#counts.set(phase, count);
    this.events.emit("error", { phase, error, count });
    const failed = (failure: unknown): void => logger.error({ phase, err: toError(failure) }, "the error hook failed itself");
    try {
      const result = hook(phase, error);
      if (result instanceof Promise) result.catch(failed);
    } catch (failure) {
      failed(failure);
    }
  }
}
