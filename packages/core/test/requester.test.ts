import { describe, expect, it, onTestFinished } from "vitest";
import {
  MailboxChannel,
  MemoryMessageStore,
  Requester,
  WorkQueueChannel,
  answer,
  silentLogger,
  type RequesterOptions,
} from "../src/index.js";
import { VirtualClock } from "../src/testing.js";

interface Setting {
  readonly clock: VirtualClock;
  readonly requests: WorkQueueChannel<number>;
  readonly replies: MailboxChannel<number>;
  ask(systemId?: string, options?: Partial<RequesterOptions<number, number>>): Promise<Requester<number, number>>;
}

async function setting(): Promise<Setting> {
  const clock = new VirtualClock();
  const store = new MemoryMessageStore({ clock });
  const requests = new WorkQueueChannel<number>({ id: "requests", store, clock, logger: silentLogger });
  const replies = new MailboxChannel<number>({ id: "replies", store, clock, logger: silentLogger });
  await Promise.all([requests.start(), replies.start()]);
  onTestFinished(async () => {
    const draining = Promise.all([requests.drain(), replies.drain()]);
    await clock.advance(60_000);
    await draining;
  });
  return {
    clock,
    requests,
    replies,
    async ask(systemId = "asker", options = {}) {
      const requester = await Requester.open({ systemId, requests, replies, clock, ...options });
      onTestFinished(() => requester.close());
      return requester;
    },
  };
}

describe("request and reply", () => {
  it("gives each of a thousand concurrent requests its own reply, also to two requesters of one name (W41)", async () => {
    const { clock, requests, replies, ask } = await setting();
    const worker = answer(
      { systemId: "answerer", requests, replies, clock, logger: silentLogger, concurrency: 10 },
      ({ content }) => content * 2,
    );
    const [one, other] = [await ask(), await ask()];
    const asked = Array.from({ length: 1_000 }, (_, index) => (index % 2 === 0 ? one : other).request(index));
    await clock.advance(10);
    expect((await Promise.all(asked)).map(({ content }) => content)).toEqual(Array.from({ length: 1_000 }, (_, index) => index * 2));
    await worker.close();
  });

  it("tells requests of two hosts apart that share a mailbox for replies, also of one queue name, one id and one moment", async () => {
    const [here, there] = [await setting(), await setting()];
    const { replies, clock } = here;
    const answered = [here, there].map(({ requests }, host) =>
      answer({ systemId: "answerer", requests, replies, clock: here.clock, logger: silentLogger }, ({ content }) => content + host),
    );
    await here.requests.write("ann", 10, { id: "question-1", replyTo: replies.id });
    await there.requests.write("bob", 20, { id: "question-1", replyTo: replies.id });
    await clock.advance(10);
    expect((await replies.read("ann")).messages.map(({ content }) => content)).toEqual([10]);
    expect((await replies.read("bob")).messages.map(({ content }) => content)).toEqual([21]);
    await Promise.all(answered.map((worker) => worker.close()));
  });

  it("ends with a timeout when nobody answers, and what its asker has given up is not run any more (W41)", async () => {
    const { clock, requests, replies, ask } = await setting();
    const requester = await ask("asker", { timeoutMs: 500 });
    const asked = requester.request(1).catch((error: unknown) => error);
    await clock.advance(500);
    expect(await asked).toMatchObject({ code: "timeout" });
    const worker = answer({ systemId: "answerer", requests, replies, clock, logger: silentLogger }, ({ content }) => content);
    await clock.advance(10);
    expect((await replies.read("asker")).messages).toEqual([]);
    await worker.close();
  });

  it("answers once, although the request is worked on twice", async () => {
    const { clock, requests, replies, ask } = await setting();
    let times = 0;
    const requester = await ask();
    const asked = requester.request(1, { timeoutMs: 60_000 });
    await clock.advance(1);
    const acknowledge = requests.acknowledge.bind(requests);
    requests.acknowledge = () => Promise.reject(new Error("crashed before it could acknowledge"));
    const options = { systemId: "answerer", requests, replies, clock, logger: silentLogger, leaseMs: 1_000 };
    const crashed = answer(options, () => ++times * 10);
    await clock.advance(10);
    await crashed.close();
    requests.acknowledge = acknowledge;
    await clock.advance(1_000);
    const worker = answer(options, () => ++times * 100);
    await clock.advance(10);
    expect((await asked).content).toBe(10);
    expect([times, (await replies.read("asker")).messages.length, (await worker.close()).acknowledged]).toEqual([2, 1, 1]);
  });

  it("retries a request whose handler threw, as any other job", async () => {
    const { clock, requests, replies, ask } = await setting();
    let times = 0;
    const worker = answer({ systemId: "answerer", requests, replies, clock, logger: silentLogger }, ({ content }) => {
      if (++times === 1) throw new Error("not yet");
      return content;
    });
    const asked = (await ask()).request(5);
    await clock.advance(2_000);
    expect((await asked).content).toBe(5);
    await worker.close();
  });

  it("ends at the caller's signal and when the requester is closed", async () => {
    const { ask } = await setting();
    const requester = await ask();
    const abort = new AbortController();
    const [aborted, closed] = [
      requester.request(1, { signal: abort.signal }).catch((error: unknown) => error),
      requester.request(2).catch((error: unknown) => error),
    ];
    abort.abort(new Error("enough"));
    expect(await aborted).toMatchObject({ message: "enough" });
    await requester.close();
    expect(await closed).toMatchObject({ code: "invalid_state" });
    await expect(requester.request(3)).rejects.toMatchObject({ code: "invalid_state" });
  });

  it("says what writing the request says", async () => {
    const { requests, ask } = await setting();
    const requester = await ask();
    await requests.drain();
    await expect(requester.request(1)).rejects.toMatchObject({ code: "channel_not_running" });
  });
});
