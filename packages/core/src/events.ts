import type { Cancel } from "./clock.js";
import { toError } from "./errors.js";
import { consoleLogger } from "./logger.js";

/** A typed set of listeners. A listener that throws never reaches the one who emits, nor another listener. */
export class EventSource<Events extends Record<string, unknown>> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  /** Listens until the returned function is called. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): Cancel {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (event: Events[Name]) => void)(event);
      } catch (thrown) {
        // A listener's own fault, which is nobody else's: not even the process ends with it.
        consoleLogger.error({ event: String(name), err: toError(thrown) }, "a listener of events threw an exception");
      }
    }
  }
}
