import { isSSSNError } from "../errors.js";
import type { ChannelMessage } from "../message.js";
import type { ChannelPort, ReadResult } from "../ports/channel-port.js";

/** What is made of the messages of a log, in its order. */
export interface LogIndex {
  apply(message: ChannelMessage<unknown>): void;
  /** What was made of another log counts no more. */
  clear(): void;
}

const PAGE = 1_000;

/** Keeps an index of a channel's messages up to date, here or behind a transport; a channel that comes back with another log is read from its start. */
export class LogReader {
  readonly #channel: Pick<ChannelPort, "positions" | "read">;
  readonly #readerId: string;
  readonly #index: LogIndex;
  #position = 0;
  #log: string | undefined;

  /** @param readerId in whose name the channel is read. */
  constructor(channel: Pick<ChannelPort, "positions" | "read">, readerId: string, index: LogIndex) {
    this.#channel = channel;
    this.#readerId = readerId;
    this.#index = index;
  }

  /** The last sequence that it has read. */
  get position(): number {
    return this.#position;
  }

  /** Takes in what is new. Resolves with the time that it is for the log, in ms since the Unix epoch. Fails as reading does. */
  async refresh(): Promise<number> {
    const { log, last, now } = await this.#channel.positions(this.#readerId);
    if (this.#log !== log) {
      this.#index.clear();
      this.#position = 0;
      this.#log = log;
    }
    try {
      await this.#readOn(log, last);
    } catch (error) {
      if (!isSSSNError(error, "log_replaced") && !isSSSNError(error, "log_rewound")) throw error;
      return this.refresh();
    }
    return now;
  }

  /** By positions, and not by how much a page holds: one that is full of bytes is short, and not the last. */
  async #readOn(log: string, last: number): Promise<void> {
    while (this.#log === log && this.#position < last) {
      const after = this.#position;
      const page = await this.#channel.read(this.#readerId, { after, limit: PAGE, log });
      // Another call may have come further meanwhile, or met another log.
      if (this.#log === log) this.#take(page);
      if (page.position <= after) return;
    }
  }

  #take({ messages, position }: ReadResult<unknown>): void {
    for (const message of messages) if (message.sequence > this.#position) this.#index.apply(message);
    this.#position = Math.max(this.#position, position);
  }
}
