import { isSSSNError, type ChannelPort } from "@sssn/core";
import { ScheduleBoard } from "./schedule-board.js";

const PAGE = 1_000;

/** Reads a channel of schedules, here or behind a transport, as far as it goes. */
export class ScheduleReader {
  readonly board = new ScheduleBoard();
  readonly #channel: ChannelPort;
  readonly #readerId: string;
  #position = 0;
  #log: string | undefined;

  constructor(channel: ChannelPort, readerId: string) {
    this.#channel = channel;
    this.#readerId = readerId;
  }

  /** Behind which message it has not read yet. */
  get position(): number {
    return this.#position;
  }

  /** Takes in what is new; a channel that came back with another log is read from its start. Resolves with the time that it is there. */
  async refresh(): Promise<number> {
    const { log, now } = await this.#channel.positions(this.#readerId);
    if (this.#log !== log) {
      this.board.clear();
      this.#position = 0;
      this.#log = log;
    }
    try {
      await this.#readOn(log);
    } catch (error) {
      if (!isSSSNError(error, "log_replaced")) throw error;
      return this.refresh();
    }
    return now;
  }

  async #readOn(log: string): Promise<void> {
    for (;;) {
      const page = await this.#channel.read(this.#readerId, { after: this.#position, limit: PAGE, log });
      for (const message of page.messages) this.board.apply(message);
      this.#position = page.position;
      if (page.messages.length === 0) return;
    }
  }
}
