/** One server-sent event. */
export interface ServerEvent {
  readonly type: string;
  readonly id: string;
  readonly data: string;
}

/** Takes an event stream apart as its bytes arrive: the rules of the HTML standard, as far as SSSN hosts use them. */
export class EventParser {
  #buffer = "";
  #type = "";
  #id = "";
  #data: string[] = [];

  /** The events that are complete with this text. */
  *push(text: string): Iterable<ServerEvent> {
    this.#buffer += text;
    for (let end = this.#buffer.indexOf("\n"); end >= 0; end = this.#buffer.indexOf("\n")) {
      const line = this.#buffer.slice(0, end).replace(/\r$/, "");
      this.#buffer = this.#buffer.slice(end + 1);
      const event = this.#line(line);
      if (event) yield event;
    }
  }

  #line(line: string): ServerEvent | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "id") this.#id = value;
    else if (field === "event") this.#type = value;
    return undefined;
  }

  #dispatch(): ServerEvent | undefined {
    const event = this.#data.length === 0 ? undefined : { type: this.#type || "message", id: this.#id, data: this.#data.join("\n") };
    this.#type = "";
    this.#data = [];
    return event;
  }
}
