import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { MemoryMessageStore, BroadcastChannel, WorkQueueChannel, linkSignals, silentLogger, type ChannelOptions } from "../src/index.js";

describe("linked signals", () => {
  it("abort with the first of their sources, and with its reason", () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const { signal } = linkSignals(one.signal, undefined, other.signal);
    expect(signal.aborted).toBe(false);
    other.abort(new Error("other"));
    one.abort(new Error("one"));
    expect(signal.reason).toEqual(new Error("other"));
    expect(linkSignals(new AbortController().signal, one.signal).signal.reason).toEqual(new Error("one"));
  });

  it("leave nothing behind in their sources, once aborted or released", () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const [released, aborted] = [linkSignals(one.signal, other.signal), linkSignals(one.signal, other.signal)];
    released.release();
    expect(getEventListeners(one.signal, "abort")).toHaveLength(1);
    other.abort();
    expect([aborted.signal.aborted, released.signal.aborted]).toEqual([true, false]);
    for (const { signal } of [one, other]) expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(linkSignals(one.signal).signal).toBe(one.signal);
  });

  it("are let go of by every claim, stream and subscription of a channel, so that a channel can live for ever (W04)", async () => {
    const options: ChannelOptions = { id: "c", store: new MemoryMessageStore(), logger: silentLogger };
    class Watched extends WorkQueueChannel {
      get listeners(): number {
        return getEventListeners(this.ending, "abort").length;
      }
    }
    class Followed extends BroadcastChannel {
      get listeners(): number {
        return getEventListeners(this.ending, "abort").length;
      }
    }
    const [queue, news] = [new Watched(options), new Followed({ ...options, id: "n" })];
    await Promise.all([queue.start(), news.start()]);
    const caller = new AbortController();
    for (let index = 0; index < 50; index++) await queue.claim("w", { signal: caller.signal, waitMs: 1 });
    await news.write("w", 1);
    for (let index = 0; index < 5; index++) {
      for await (const _message of news.stream("r", { from: "start", signal: caller.signal })) break;
      await (await news.subscribe("r", () => {}, { signal: caller.signal })).close();
    }
    expect([queue.listeners, news.listeners, getEventListeners(caller.signal, "abort").length]).toEqual([0, 0, 0]);
    await Promise.all([queue.drain(), news.drain()]);
  });
});
