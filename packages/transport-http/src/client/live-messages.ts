import { SSSNError, deepFreeze, isSSSNError, sleep, type Cancel, type ChannelMessage, type Clock } from "@sssn/core";
import { KEEP_ALIVE_MS } from "../protocol/timing.js";
import { EventParser, type ServerEvent } from "./event-parser.js";
import type { HostConnection } from "./host-connection.js";

/** A host that says nothing for so long is taken for gone. */
const SILENCE_MS = 3 * KEEP_ALIVE_MS;
const SHORTEST_PAUSE_MS = 20;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

export interface LiveOptions {
  readonly connection: HostConnection;
  /** Where to begin: the query of the first request. */
  readonly query: string;
  readonly signal: AbortSignal;
  /** Told once, when the start position is known. */
  readonly onPosition?: (position: number) => void;
}

/**
 * Messages as they come, over any number of connections: it comes back by itself and asks for what follows the last message that
 * it has delivered. Ends with the signal, or throws what trying again can't help against.
 */
export async function* liveMessages<Content>(options: LiveOptions): AsyncGenerator<ChannelMessage<Content>, void, undefined> {
  const { connection, query, signal, onPosition } = options;
  let position: number | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      for await (const event of connect(connection, position, query, signal)) {
        failures = 0;
        if (event.type === "position") {
          if (position === undefined) onPosition?.(Number(event.id));
          position ??= Number(event.id);
          continue;
        }
        const message = deepFreeze(JSON.parse(event.data) as ChannelMessage<Content>);
        if (position !== undefined && message.sequence <= position) continue;
        position = message.sequence;
        yield message;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isSSSNError(error, "token_expired") && failures === 0) connection.tokens.forget();
      else if (isSSSNError(error) && !error.retryable) throw error;
    }
    // After a connection that worked it comes back at once, but not together with everybody else who was cut.
    const most = failures === 0 ? SHORTEST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
    failures++;
    await sleep(connection.clock, most * (0.5 + Math.random() / 2), signal).catch(() => undefined);
  }
}

/** The events of one connection; ends when the host ends it or the signal aborts, throws when it breaks or falls silent. */
async function* connect(
  connection: HostConnection,
  position: number | undefined,
  query: string,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent, void, undefined> {
  const resume = position === undefined ? {} : { "last-event-id": String(position) };
  const opening = new AbortController();
  const silence = new Silence(connection.clock, () => opening.abort(silence.error));
  // Ends what is under way. Once there is a body it is cancelled as well: fetch forgets its signal when it was collected as garbage.
  let end = (): void => opening.abort(signal.reason);
  const abort = (): void => end();
  signal.addEventListener("abort", abort, { once: true });
  try {
    const response = await connection.open({
      path: `/stream${query}`,
      headers: { accept: "text/event-stream", ...resume },
      signal: opening.signal,
    });
    if (!response.body) throw new SSSNError("transport_failed", "The host answered a stream without a body.");
    const reader = response.body.getReader();
    end = () => void reader.cancel().catch(() => undefined);
    silence.onEnd = end;
    if (signal.aborted) end();
    yield* eventsFrom(reader, () => silence.heard());
    silence.throwIfFallen();
  } finally {
    signal.removeEventListener("abort", abort);
    silence.stop();
    end();
  }
}

async function* eventsFrom(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  heard: () => void,
): AsyncGenerator<ServerEvent, void, undefined> {
  const parser = new EventParser();
  const decoder = new TextDecoder();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    heard();
    yield* parser.push(decoder.decode(chunk.value, { stream: true }));
  }
}

/** Notices that a host has said nothing for too long, not even that it is alive. */
class Silence {
  readonly error = new SSSNError("timeout", `The host was silent for ${SILENCE_MS} ms.`);
  /** What to do about it. */
  onEnd: () => void;
  readonly #clock: Clock;
  #cancel: Cancel = () => {};
  #hasFallen = false;

  constructor(clock: Clock, onEnd: () => void) {
    this.#clock = clock;
    this.onEnd = onEnd;
    this.heard();
  }

  heard(): void {
    this.#cancel();
    this.#cancel = this.#clock.schedule(() => {
      this.#hasFallen = true;
      this.onEnd();
    }, SILENCE_MS);
  }

  throwIfFallen(): void {
    if (this.#hasFallen) throw this.error;
  }

  stop(): void {
    this.#cancel();
  }
}
