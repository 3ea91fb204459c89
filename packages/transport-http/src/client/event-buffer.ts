import { createParser } from "eventsource-parser";

/** One server-sent event. */
export interface ServerEvent {
  readonly type: string;
  readonly data: string;
}

/** Takes an event stream apart as it arrives, at a cost that grows with its length and not with the square of it. */
export class EventBuffer {
  #ready: ServerEvent[] = [];
  /** A line that has not ended: its pieces are put together once, and not with every piece that comes. */
  #pieces: string[] = [];
  readonly #parser = createParser({ onEvent: ({ event = "message", data }) => void this.#ready.push({ type: event, data }) });

  /** The events that are complete with this text. */
  push(text: string): readonly ServerEvent[] {
    const end = text.lastIndexOf("\n");
    if (end < 0) {
      this.#pieces.push(text);
      return [];
    }
    this.#parser.feed([...this.#pieces, text.slice(0, end + 1)].join(""));
    this.#pieces = end + 1 < text.length ? [text.slice(end + 1)] : [];
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }
}
