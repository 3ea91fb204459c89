import type { Cancel } from "./clock.js";

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
        // Rethrown outside the emitter's stack, where the platform reports it like any uncaught error of the listener's.
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  }
}
