import { SSSNError } from "../errors.js";

/** How long a refused writer is asked to wait. */
const RETRY_AFTER_MS = 100;

/** Counts writes that the store has not answered yet, and bounds them: the writer waits, never an endless buffer. */
export class PendingWrites {
  readonly #channelId: string;
  readonly #limit: number;
  #count = 0;
  #idle: (() => void)[] = [];

  constructor(channelId: string, limit: number) {
    this.#channelId = channelId;
    this.#limit = limit;
  }

  get count(): number {
    return this.#count;
  }

  /** @throws SSSNError `backpressure`, and whatever the task throws. A batch larger than the bound is taken when nothing else waits. */
  async track<Result>(messages: number, task: () => Promise<Result>): Promise<Result> {
    if (this.#count > 0 && this.#count + messages > this.#limit) {
      throw new SSSNError(
        "backpressure",
        `Channel ${this.#channelId} has ${this.#count} writes waiting for its store; try again in ${RETRY_AFTER_MS} ms.`,
        {
          details: { retryAfterMs: RETRY_AFTER_MS, pending: this.#count, outcome: "not_stored" },
        },
      );
    }
    this.#count += messages;
    try {
      return await task();
    } finally {
      this.#count -= messages;
      if (this.#count === 0) for (const idle of this.#idle.splice(0)) idle();
    }
  }

  /** Resolves when no write is waiting. */
  settled(): Promise<void> {
    return this.#count === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }
}
