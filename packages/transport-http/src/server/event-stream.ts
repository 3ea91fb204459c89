import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { Ticker, type ChannelMessage, type Clock } from "@sssn/core";
import { KEEP_ALIVE_MS } from "../protocol/timing.js";
import type { Exchange } from "./exchange.js";

/** A client that takes nothing for so long is cut; it comes back and resumes. */
const STALL_MS = 30_000;
/** About how many bytes are written before the client has to have taken them. */
const FRAME_BYTES = 65_536;

/** The frames of a page, which all clients at the same place share: one of them is on its way to a client at most. */
const encoded = new WeakMap<readonly ChannelMessage<unknown>[], readonly Buffer[]>();

export interface EventStream {
  readonly exchange: Exchange;
  readonly pages: AsyncIterable<readonly ChannelMessage<unknown>[]>;
  /** Where the stream begins; told in the first frame. */
  readonly position: number;
  /** The log's identity; it goes with every position. */
  readonly log: string;
  readonly clock: Clock;
  /** Ends it: nothing is sent after it has aborted. */
  readonly signal: AbortSignal;
}

/**
 * Server-sent events: the id of an event is the message's sequence, an `@` and who the log is, so a client resumes by naming the last one it has. The first
 * frame carries the position at which the stream begins. The next page is read only when the client has taken the last one.
 */
export async function sendEvents({ exchange, pages, position, log, clock, signal }: EventStream): Promise<void> {
  const { response } = exchange;
  // A proxy that gathered events before it passes them on would hold them back.
  response.writeHead(200, [...exchange.headers(), "Content-Type", "text/event-stream; charset=utf-8", "X-Accel-Buffering", "no"]);
  response.write(`event: position\nid: ${position}@${log}\ndata: ${JSON.stringify({ position, log })}\n\n`);
  const keepAlive = new Ticker(
    clock,
    KEEP_ALIVE_MS,
    async () => {
      if (!response.writableNeedDrain) response.write(": alive\n\n");
    },
    { background: true },
  );
  keepAlive.start();
  try {
    for await (const page of pages) {
      for (const frame of framesOf(page, log)) {
        if (signal.aborted) return;
        if (!response.write(frame)) await drained(response, clock, signal);
      }
    }
  } finally {
    await keepAlive.stop();
    response.end();
  }
}

async function drained(response: ServerResponse, clock: Clock, signal: AbortSignal): Promise<void> {
  const cancel = clock.schedule(() => response.destroy(), STALL_MS, { background: true });
  try {
    await once(response, "drain", { signal });
  } catch {
    // The client is gone, or the stream is to end: the caller sees which.
  } finally {
    cancel();
  }
}

function framesOf(page: readonly ChannelMessage<unknown>[], log: string): readonly Buffer[] {
  const known = encoded.get(page);
  if (known) return known;
  const frames: Buffer[] = [];
  let text = "";
  for (const message of page) {
    text += `id: ${message.sequence}@${log}\ndata: ${JSON.stringify(message)}\n\n`;
    if (text.length < FRAME_BYTES) continue;
    frames.push(Buffer.from(text));
    text = "";
  }
  if (text !== "") frames.push(Buffer.from(text));
  encoded.set(page, frames);
  return frames;
}
