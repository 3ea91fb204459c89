/**
 * Does something with the newest value, one at a time: values that come while it is busy replace each other. So a cursor that moves
 * with every message is written as often as the store can flush, and not once a message.
 */
export class LatestOnly<Value> {
  readonly #task: (value: Value) => Promise<void>;
  #next: { readonly value: Value } | undefined;
  #running: Promise<void> | undefined;

  /** @param task must not reject. */
  constructor(task: (value: Value) => Promise<void>) {
    this.#task = task;
  }

  push(value: Value): void {
    this.#next = { value };
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    for (let next = this.#next; next; next = this.#next) {
      this.#next = undefined;
      await this.#task(next.value);
    }
    this.#running = undefined;
  }

  /** Resolves when the newest value has been dealt with. */
  async settled(): Promise<void> {
    await this.#running;
  }
}
