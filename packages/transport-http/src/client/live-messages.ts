import { SSSNError, deepFreeze, isSSSNError, sleep, type ChannelMessage, type Clock } from "@sssn/core";
import { KEEP_ALIVE_MS } from "../protocol/timing.js";
import { EventParser, type ServerEvent } from "./event-parser.js";
import type { Requester } from "./requester.js";

/** A host that says nothing for so long is taken for gone. */
const SILENCE_MS = 3 * KEEP_ALIVE_MS;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

export interface LiveOptions {
  readonly requester: Requester;
  readonly clock: Clock;
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
  const { requester, clock, query, signal, onPosition } = options;
  let position: number | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      for await (const event of connect(requester, clock, position, query, signal)) {
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
      if (isSSSNError(error, "token_expired") && failures === 0) requester.forgetToken();
      else if (isSSSNError(error) && !error.retryable) throw error;
    }
    failures++;
    const most = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
    await sleep(clock, most * (0.5 + Math.random() / 2), signal).catch(() => undefined);
  }
}

/** The events of one connection; ends when the host ends it, throws when it breaks or falls silent. */
async function* connect(requester: Requester, clock: Clock, position: number | undefined, query: string, outer: AbortSignal): AsyncGenerator<ServerEvent, void, undefined> {
  const silence = new AbortController();
  const signal = AbortSignal.any([outer, silence.signal]);
  const listen = (): (() => void) => clock.schedule(() => silence.abort(new SSSNError("timeout", `The host was silent for ${SILENCE_MS} ms.`)), SILENCE_MS);
  let cancel = listen();
  try {
    const resume = position === undefined ? {} : { "last-event-id": String(position) };
    const response = await requester.open({ path: `/stream${query}`, headers: { accept: "text/event-stream", ...resume }, signal });
    if (!response.body) throw new SSSNError("transport_failed", "The host answered a stream without a body.");
    const parser = new EventParser();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      cancel();
      cancel = listen();
      yield* parser.push(decoder.decode(chunk.value, { stream: true }));
    }
  } finally {
    cancel();
    silence.abort();
  }
}
