import type { Cancel } from "../clock.js";
import type { SSSNError } from "../errors.js";
import { guardLog } from "../log-state/guard-log.js";
import type { ChannelLog } from "../ports/message-store.js";
import type { MemoryChannelLog } from "./memory-channel-log.js";

/** A log in memory as one host has it: closed with the host's store, while other hosts go on with the log. */
export class MemoryLogHandle {
  /** What the host's channels use. */
  readonly log: ChannelLog;
  readonly #shared: MemoryChannelLog;
  readonly #listeners = new Map<() => void, Cancel>();
  #closed: SSSNError | undefined;

  constructor(shared: MemoryChannelLog) {
    this.#shared = shared;
    this.log = guardLog(shared, { call: (call) => this.#guard(call), onChange: (listener) => this.#listen(listener) });
  }

  isOf(shared: MemoryChannelLog): boolean {
    return this.#shared === shared;
  }

  /** @param error what every call is answered with from now on. */
  close(error: SSSNError): void {
    this.#closed = error;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const [listener, cancel] of listeners) {
      cancel();
      listener();
    }
  }

  #guard<Result>(call: () => Promise<Result>): Promise<Result> {
    const refusal = this.#closed ?? this.#shared.refusal;
    return refusal ? Promise.reject(refusal) : call();
  }

  #listen(listener: () => void): Cancel {
    const cancel = this.#shared.onChange(listener);
    this.#listeners.set(listener, cancel);
    return () => {
      this.#listeners.delete(listener);
      cancel();
    };
  }
}
