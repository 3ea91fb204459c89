import type { ChannelMessage } from "@sssn/core";

const MOST_MESSAGES = 1_024;
const MOST_BYTES = 4 * 1024 * 1024;

/** One of them, and how much room its record takes. */
export interface RecentMessage {
  readonly message: ChannelMessage;
  readonly bytes: number;
}

/** The newest messages of a log, so that whoever keeps up with it is served from memory. Bounded in messages and in bytes. */
export class RecentMessages {
  #messages: RecentMessage[] = [];
  #begin = 0;
  #bytes = 0;

  push(message: ChannelMessage, bytes: number): void {
    this.#messages.push({ message, bytes });
    this.#bytes += bytes;
    while (this.#messages.length - this.#begin > MOST_MESSAGES || (this.#bytes > MOST_BYTES && this.#messages.length - this.#begin > 1)) {
      this.#bytes -= this.#messages[this.#begin++]?.bytes ?? 0;
    }
    if (this.#begin < MOST_MESSAGES) return;
    this.#messages = this.#messages.slice(this.#begin);
    this.#begin = 0;
  }

  /** Messages behind a sequence, or `undefined` when not all of them are here. */
  behind(after: number, limit: number, maxBytes = Infinity): readonly RecentMessage[] | undefined {
    const first = this.#messages[this.#begin]?.message.sequence;
    if (first === undefined || after + 1 < first) return undefined;
    const start = this.#begin + (after + 1 - first);
    const page = this.#messages.slice(start, start + limit);
    let sum = 0;
    const end = page.findIndex(({ bytes }, index) => (sum += bytes) > maxBytes && index > 0);
    return end < 0 ? page : page.slice(0, end);
  }

  /** Drops everything, because the log is no longer contiguous here. */
  clear(): void {
    this.#messages = [];
    this.#begin = 0;
    this.#bytes = 0;
  }
}
