import { once } from "node:events";
import type { Response } from "express";
import type { ChannelMessage, Clock } from "@sssn/core";
import { KEEP_ALIVE_MS } from "../protocol.js";

/**
 * Server-sent events: the id of an event is the message's sequence, so a client resumes by naming the last one it has. The first
 * frame carries the position at which the stream begins. The next message is read only when the client has taken the last one.
 */
export async function sendEvents(response: Response, messages: AsyncIterable<ChannelMessage<unknown>>, position: number, clock: Clock, signal: AbortSignal): Promise<void> {
  response.status(200).set({ "Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no" });
  response.write(`event: position\nid: ${position}\ndata: {"position":${position}}\n\n`);
  let cancel = (): void => {};
  const keepAlive = (): void => {
    response.write(": alive\n\n");
    cancel = clock.schedule(keepAlive, KEEP_ALIVE_MS, { background: true });
  };
  cancel = clock.schedule(keepAlive, KEEP_ALIVE_MS, { background: true });
  try {
    for await (const message of messages) {
      const room = response.write(`id: ${message.sequence}\ndata: ${JSON.stringify(message)}\n\n`);
      if (!room && !signal.aborted) await once(response, "drain", { signal }).catch(() => undefined);
    }
  } finally {
    cancel();
    response.end();
  }
}
