import { once } from "node:events";
import type { Response } from "express";
import { Ticker, type ChannelMessage, type Clock } from "@sssn/core";
import { KEEP_ALIVE_MS } from "../protocol.js";

/**
 * Server-sent events: the id of an event is the message's sequence, so a client resumes by naming the last one it has. The first
 * frame carries the position at which the stream begins. The next message is read only when the client has taken the last one.
 */
export async function sendEvents(response: Response, messages: AsyncIterable<ChannelMessage<unknown>>, position: number, clock: Clock, signal: AbortSignal): Promise<void> {
  response.status(200).set({ "Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no" });
  response.write(`event: position\nid: ${position}\ndata: {"position":${position}}\n\n`);
  const keepAlive = new Ticker(clock, KEEP_ALIVE_MS, async () => void response.write(": alive\n\n"), { background: true });
  keepAlive.start();
  try {
    for await (const message of messages) {
      const room = response.write(`id: ${message.sequence}\ndata: ${JSON.stringify(message)}\n\n`);
      if (!room && !signal.aborted) await once(response, "drain", { signal }).catch(() => undefined);
    }
  } finally {
    await keepAlive.stop();
    response.end();
  }
}
