import { SSSNError, deepFreeze, isSSSNError, sleep, type Cancel, type ChannelMessage, type Clock } from "@sssn/core";
import { KEEP_ALIVE_MS } from "../protocol/timing.js";
import { EventBuffer, type ServerEvent } from "./event-buffer.js";
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
  /** Ends the call, or the wait. */
  readonly signal: AbortSignal;
  /** What to do when the host has another log than the one that was followed: end with `log_replaced`, or begin with its first message. */
  readonly ifReplaced: "end" | "start";
  /** Told where each connection begins, and in which log: what comes then is of that one. */
  readonly onPosition?: (position: number, log: string) => void;
}

/**
 * Messages as they come, over any number of connections: it comes back by itself and asks for what follows the last message that
 * it has delivered. Ends with the signal, or throws what trying again can't help against.
 */
export async function* liveMessages<Content>(options: LiveOptions): AsyncGenerator<ChannelMessage<Content>, void, undefined> {
  const { connection, signal, onPosition, ifReplaced } = options;
  let { query } = options;
  let position: number | undefined;
  let log = "";
  let failures = 0;
  while (!signal.aborted) {
    try {
      for await (const event of connect(connection, position === undefined ? undefined : `${position}@${log}`, query, signal)) {
        failures = 0;
        if (event.type === "position") {
          const begun = JSON.parse(event.data) as { position: number; log: string };
          onPosition?.(begun.position, begun.log);
          position ??= begun.position;
          log = begun.log;
          connection.noteReached(true);
          continue;
        }
        const message = deepFreeze(JSON.parse(event.data) as ChannelMessage<Content>);
        if (position !== undefined && message.sequence <= position) continue;
        position = message.sequence;
        yield message;
      }
    } catch (error) {
      if (signal.aborted) return;
      // Who has not begun yet wants to begin behind what was not lost: that is why it is refused.
      if (isSSSNError(error, "log_rewound") && (ifReplaced === "start" || (position ?? Infinity) <= lastKept(error))) {
        position = Math.min(position ?? Infinity, lastKept(error));
        log = String(error.details["log"]);
      } else if (isSSSNError(error, "log_replaced") && ifReplaced === "start") {
        position = undefined;
        query = "?from=start";
      } else if (
        isSSSNError(error) &&
        !error.retryable &&
        !(error.code === "token_expired" && connection.tokens.canRenew && failures === 0)
      )
        throw error;
    }
    // After a connection that worked it comes back at once, but not together with everybody else who was cut.
    const most = failures === 0 ? SHORTEST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
    failures++;
    await sleep(connection.clock, most * (0.5 + Math.random() / 2), signal).catch(() => undefined);
  }
}

/** Up to where nothing was lost. */
function lastKept(error: SSSNError): number {
  return Number(error.details["last"]);
}

/** The events of one connection; ends when the host ends it or the signal aborts, throws when it breaks or falls silent. */
async function* connect(
  connection: HostConnection,
  resumeAt: string | undefined,
  query: string,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent, void, undefined> {
  const resume = resumeAt === undefined ? {} : { "last-event-id": resumeAt };
  const opening = new AbortController();
  const silence = new Silence(connection.clock, () => opening.abort(silence.error));
  // Ends what is under way. Once there is a body it is cancelled as well: fetch forgets its signal when it was collected as garbage.
  let end = (): void => opening.abort(signal.reason);
  const abort = (): void => end();
  signal.addEventListener("abort", abort, { once: true });
  try {
    const { response, failed } = await connection.open({
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
    if (silence.hasFallen) failed();
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
  const events = new EventBuffer();
  const decoder = new TextDecoder();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    heard();
    yield* events.push(decoder.decode(chunk.value, { stream: true }));
  }
}

/** Notices that a host has said nothing for too long, not even that it is alive. */
class Silence {
  readonly error = new SSSNError("timeout", `The host was silent for ${SILENCE_MS} ms.`);
  /** What to do about it. */
  onEnd: () => void;
  readonly #clock: Clock;
  #cancel: Cancel = () => {};
  hasFallen = false;

  constructor(clock: Clock, onEnd: () => void) {
    this.#clock = clock;
    this.onEnd = onEnd;
    this.heard();
  }

  heard(): void {
    this.#cancel();
    this.#cancel = this.#clock.schedule(() => {
      this.hasFallen = true;
      this.onEnd();
    }, SILENCE_MS);
  }

  throwIfFallen(): void {
    if (this.hasFallen) throw this.error;
  }

  stop(): void {
    this.#cancel();
  }
}
