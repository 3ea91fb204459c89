// What a worker asks its channel for, what it tells, and what it makes of each answer.
import { describe, expect, it, onTestFinished } from "vitest";
import {
  MemoryMessageStore,
  SSSNError,
  WorkQueueChannel,
  silentLogger,
  work,
  type ClaimOptions,
  type JobEvent,
  type JobHandler,
  type Logger,
  type NackOptions,
  type WorkOptions,
} from "../src/index.js";
import { VirtualClock } from "../src/testing.js";

/** A queue whose calls are noted, a worker on it, and what that told. */
async function setting() {
  const clock = new VirtualClock(undefined, { io: false });
  const queue = new WorkQueueChannel({ id: "jobs", store: new MemoryMessageStore({ clock }), clock, logger: silentLogger });
  await queue.start();
  onTestFinished(async () => {
    void queue.drain();
    await clock.advance(60_000);
  });
  const claims: Omit<ClaimOptions, "signal">[] = [];
  const claim = queue.claim.bind(queue);
  queue.claim = (readerId, { signal, ...options } = {}) => {
    claims.push(options);
    return claim(readerId, signal ? { ...options, signal } : options);
  };
  const nacks: NackOptions[] = [];
  const nack = queue.nack.bind(queue);
  queue.nack = (readerId, receipts, options = {}) => {
    nacks.push(options);
    return nack(readerId, receipts, options);
  };
  const lines: string[] = [];
  const keep = (level: string) => (fields: { message?: string; err?: Error }, text: string) =>
    void lines.push(`${level} ${text}${fields.err ? ` (${fields.err.message})` : ""}`);
  const logger = { debug: () => {}, info: keep("info"), warn: keep("warn"), error: keep("error") } as Logger;
  const begin = (handler: JobHandler<unknown>, options: WorkOptions = {}) => {
    const worker = work(queue, "w", handler, { clock, logger, ...options });
    const [events, errors]: [JobEvent[], Error[]] = [[], []];
    worker.events.on("job", (event) => void events.push(event));
    worker.events.on("error", (error) => void errors.push(error));
    return { worker, events, errors };
  };
  return { clock, queue, claims, nacks, lines, begin };
}

const forEver = (): Promise<never> => new Promise(() => {});

describe("options that make no sense are refused at once", () => {
  it.each<[WorkOptions, RegExp]>([
    [{ concurrency: 0 }, /concurrency/],
    [{ concurrency: 1_001 }, /concurrency/],
    [{ prefetch: -1 }, /prefetch/],
    [{ prefetch: 1_001 }, /prefetch/],
    [{ leaseMs: 9 }, /leaseMs/],
    [{ maxMs: 0 }, /maxMs/],
    [{ maxMs: 1.5 }, /maxMs/],
  ])("%o", async (options, expected) => {
    const { begin } = await setting();
    expect(() => begin(() => {}, options)).toThrowError(
      expect.objectContaining({ code: "invalid_argument", message: expect.stringMatching(expected) as string }),
    );
  });

  it.each([NaN, -1, "soon"])("and so is %j as the time of a close", async (timeoutMs) => {
    const { begin, clock } = await setting();
    const { worker } = begin(() => {});
    await expect(worker.close({ timeoutMs: timeoutMs as number })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/^timeoutMs must be a number of ms from 0 on, but is/) as string,
    });
    void worker.close();
    await clock.advance(1);
  });

  it("while the bounds themselves are taken", async () => {
    const { begin, clock } = await setting();
    const { worker } = begin(() => {}, { concurrency: 1_000, prefetch: 0, leaseMs: 10, maxMs: 1 });
    await clock.advance(1);
    expect(worker.isListening).toBe(true);
    await worker.close({ timeoutMs: 0 });
  });
});

describe("a worker asks for", () => {
  it("as much as its handlers take, for 20 s at the longest, under a name of its own", async () => {
    const { clock, claims, begin } = await setting();
    const { worker } = begin(() => {}, { concurrency: 3, group: "g", leaseMs: 5_000 });
    await clock.advance(45_000);
    expect(claims).toHaveLength(3);
    const { workerId } = claims[0] ?? {};
    expect(workerId).toMatch(/^\w+$/);
    expect(new Set(claims.map((claim) => JSON.stringify(claim)))).toEqual(
      new Set([JSON.stringify({ group: "g", limit: 3, leaseMs: 5_000, waitMs: 20_000, working: 3, workerId })]),
    );
    await worker.close();
  });

  it("15 s of lease where nothing else is said, and no group", async () => {
    const { clock, claims, begin } = await setting();
    const { worker } = begin(() => {});
    await clock.advance(1);
    expect(claims).toMatchObject([{ limit: 1, leaseMs: 15_000, working: 1 }]);
    expect(claims[0]).not.toHaveProperty("group");
    await worker.close();
  });

  it("what it works off in 25 ms ahead, as far as it may", async () => {
    const { clock, queue, claims, begin } = await setting();
    for (let index = 0; index < 40; index++) await queue.write("x", index);
    const { worker } = begin(() => new Promise<void>((resolve) => void clock.schedule(resolve, 5)), { prefetch: 3 });
    await clock.advance(30);
    // Five could be worked off in that time, and three may be claimed ahead.
    expect(Math.max(...claims.map(({ limit }) => limit ?? 0))).toBe(4);
    void worker.close();
    await clock.advance(1_000);
    expect(await worker.closed).toMatchObject({ failed: 0, lost: 0 });
  });

  it("leases to be renewed in its group, for as long as it leases", async () => {
    const { clock, queue, begin } = await setting();
    const renewals: unknown[] = [];
    const extend = queue.extend.bind(queue);
    queue.extend = (readerId, receipts, options) => {
      renewals.push(options);
      return extend(readerId, receipts, options);
    };
    const { worker } = begin(forEver, { group: "g", leaseMs: 3_000 });
    await queue.write("x", 1);
    await clock.advance(1_100);
    expect(renewals).toEqual([{ group: "g", leaseMs: 3_000 }]);
    void worker.close({ timeoutMs: 0 });
    await clock.advance(1);
  });

  it("nothing at all when it was ended before it began", async () => {
    const { clock, queue, claims, begin } = await setting();
    await queue.write("x", 1);
    const { worker } = begin(() => {}, { signal: AbortSignal.abort() });
    await clock.advance(1);
    expect([claims, await worker.closed, worker.isListening]).toEqual([
      [],
      { acknowledged: 0, failed: 0, lost: 0, dead: 0, cancelled: 0 },
      false,
    ]);
  });

  it("nothing more when its signal aborts, and finishes what it has", async () => {
    const { clock, queue, claims, begin } = await setting();
    const end = new AbortController();
    let finish = (): void => {};
    const { worker } = begin(() => new Promise<void>((resolve) => (finish = resolve)), { signal: end.signal });
    await queue.write("x", 1);
    await queue.write("x", 2);
    await clock.advance(1);
    end.abort();
    finish();
    await clock.advance(1);
    expect([claims.length, await worker.closed]).toEqual([1, { acknowledged: 1, failed: 0, lost: 0, dead: 0, cancelled: 0 }]);
  });

  it("messages again a second after claiming failed, without a wait, and tells so", async () => {
    const { clock, queue, claims, lines, begin } = await setting();
    const claim = queue.claim.bind(queue);
    let fails = true;
    queue.claim = (readerId, options) => {
      const asked = claim(readerId, { ...options, ...(fails ? { waitMs: 0 } : {}) });
      return fails ? asked.then(() => Promise.reject(new Error("cut off"))) : asked;
    };
    const { worker, errors } = begin(() => {});
    await clock.advance(1);
    expect([worker.isListening, lines, errors.map(({ message }) => message)]).toEqual([
      false,
      ["error worker on channel jobs: claiming failed (cut off)"],
      ["cut off"],
    ]);
    fails = false;
    await clock.advance(998);
    expect([claims.length, worker.isListening]).toEqual([1, false]);
    await clock.advance(1);
    expect([claims.map(({ waitMs }) => waitMs), worker.isListening]).toEqual([[0, 0, 20_000], true]);
    await worker.close();
  });

  it("nothing any more when no claim will ever work, and says why", async () => {
    const { clock, queue, lines, begin } = await setting();
    const refusal = new SSSNError("insufficient_role", "not yours");
    queue.claim = () => Promise.reject(refusal);
    const { worker, errors } = begin(() => {});
    await clock.advance(1);
    expect(await worker.closed).toEqual({ acknowledged: 0, failed: 0, lost: 0, dead: 0, cancelled: 0, endedBy: refusal });
    expect([errors, lines, worker.isListening]).toEqual([
      [refusal],
      ["error worker on channel jobs: it ends, because claiming will not work any more (not yours)"],
      false,
    ]);
  });
});

describe("a worker tells of", () => {
  it("each job how it ended, in an event, a line and a figure", async () => {
    const { clock, queue, lines, begin } = await setting();
    const { worker, events } = begin(({ content }, { deadLetter }) => {
      if (content === "fails") throw new Error("no tea");
      if (content === "useless") throw new SSSNError("content_rejected", "no such thing");
      if (content === "gives up") deadLetter("not in stock");
    });
    const ids: string[] = [];
    for (const content of ["fine", "fails", "useless", "gives up"]) ids.push((await queue.write("x", content)).id);
    await clock.advance(10);
    const outcomes = new Map(events.map(({ id, outcome, error }) => [id, [outcome, error?.message]]));
    expect(ids.map((id) => outcomes.get(id))).toEqual([
      ["acknowledged", undefined],
      ["failed", "no tea"],
      ["dead", "no such thing"],
      ["dead", "not in stock"],
    ]);
    expect(lines.toSorted()).toEqual([
      "warn a job on channel jobs failed and was given back (no tea)",
      "warn a job on channel jobs is a dead letter now (no such thing)",
      "warn a job on channel jobs is a dead letter now (not in stock)",
    ]);
    expect(events.find(({ outcome }) => outcome === "acknowledged")).not.toHaveProperty("error");
    expect((await queue.deadLetters("admin")).map(({ reason }) => reason)).toEqual(["no such thing", "not in stock"]);
    expect(await worker.close()).toEqual({ acknowledged: 1, failed: 1, lost: 0, dead: 2, cancelled: 0 });
  });

  it.each<[string, "acknowledge" | "nack" | "deadLetter", unknown, string, RegExp]>([
    ["done", "acknowledge", "fine", "lost", /done, but its lease had ended before it was acknowledged \(lost\)/],
    ["done, and unknown", "acknowledge", "fine", "unknown", /acknowledged \(unknown\)/],
    ["failed", "nack", "fails", "lost", /no tea/],
    ["useless", "deadLetter", "gives up", "lost", /not in stock/],
  ])("a job that was %s after its lease as lost", async (_what, call, content, status, expected) => {
    const { clock, queue, begin } = await setting();
    queue[call] = (_readerId, receipts) => Promise.resolve(receipts.map((receipt) => ({ receipt, status: status as "lost" })));
    const { worker, events } = begin((message, { deadLetter }) => {
      if (message.content === "fails") throw new Error("no tea");
      if (message.content === "gives up") deadLetter("not in stock");
    });
    await queue.write("x", content);
    await clock.advance(10);
    expect(events).toMatchObject([{ outcome: "lost", error: { message: expect.stringMatching(expected) as string } }]);
    expect(await worker.close()).toEqual({ acknowledged: 0, failed: 0, lost: 1, dead: 0, cancelled: 0 });
  });

  it("a job that was acknowledged before as done", async () => {
    const { clock, queue, begin } = await setting();
    queue.acknowledge = (_readerId, receipts) => Promise.resolve(receipts.map((receipt) => ({ receipt, status: "already_acknowledged" })));
    const { worker } = begin(() => {});
    await queue.write("x", 1);
    await clock.advance(10);
    expect(await worker.close()).toEqual({ acknowledged: 1, failed: 0, lost: 0, dead: 0, cancelled: 0 });
  });

  it("a job whose settling was refused, and goes on with the next", async () => {
    const { clock, queue, lines, begin } = await setting();
    queue.nack = () => Promise.reject(new SSSNError("insufficient_role", "not yours"));
    const { worker, errors } = begin(({ content }) => {
      if (content === "fails") throw new Error("no tea");
    });
    await queue.write("x", "fails");
    await queue.write("x", "fine");
    await clock.advance(10);
    expect([errors.map(({ message }) => message), lines]).toEqual([
      ["not yours"],
      ["error worker on channel jobs: settling a job failed (not yours)"],
    ]);
    expect((await worker.close()).acknowledged).toBe(1);
  });

  it("a job whose lease ended before its turn as lost, with the remedy, and gives it back uncounted", async () => {
    const { clock, queue, nacks, begin } = await setting();
    const claim = queue.claim.bind(queue);
    // As from a host that counts in another way: nothing of the lease is left when the answer comes.
    let isFirst = true;
    queue.claim = async (readerId, options) => {
      const claims = await claim(readerId, options);
      if (!isFirst) return claims;
      isFirst = false;
      return claims.map((granted) => ({ ...granted, leaseMs: 0 }));
    };
    const handled: unknown[] = [];
    const { worker, events } = begin(({ content }) => void handled.push(content));
    await queue.write("x", 1);
    await clock.advance(1);
    expect([handled, events[0]?.outcome, events[0]?.error?.message]).toEqual([
      [1],
      "lost",
      "The lease ended before a handler was free. Claim less ahead (prefetch), or lease longer (leaseMs).",
    ]);
    expect(nacks[0]).toEqual({ delayMs: 0, uncounted: true });
    void worker.close();
    await clock.advance(1);
  });
});

describe("a worker whose host is away when it gives back what it has claimed ahead", () => {
  it("tells so, and ends all the same", async () => {
    const { clock, queue, lines, begin } = await setting();
    for (let index = 0; index < 50; index++) await queue.write("x", index);
    queue.nack = () => Promise.reject(new Error("cut off"));
    let handled = 0;
    const { worker } = begin(() => (++handled === 20 ? void worker.close() : undefined));
    await clock.advance(1);
    expect(await worker.closed).toMatchObject({ acknowledged: handled, failed: 0 });
    expect(lines).toEqual(["error worker on channel jobs: giving back what was claimed ahead failed (cut off)"]);
  });
});

describe("a worker that is closed", () => {
  it("gives a job back at its deadline, uncounted and without a rest, and the handler's signal says why", async () => {
    const { clock, queue, nacks, begin } = await setting();
    const reasons: unknown[] = [];
    const { worker } = begin((_message, { signal }) => {
      signal.addEventListener("abort", () => reasons.push((signal.reason as Error).message));
      return forEver();
    });
    await queue.write("x", 1);
    await clock.advance(1);
    let report: unknown;
    void worker.close().then((ended) => (report = ended));
    await clock.advance(29_999);
    expect([reasons, report]).toEqual([[], undefined]);
    await clock.advance(1);
    expect(reasons).toEqual(["The worker was told to stop before this job was done."]);
    expect([nacks, report]).toEqual([[{ delayMs: 0, uncounted: true }], { acknowledged: 0, failed: 1, lost: 0, dead: 0, cancelled: 0 }]);
    expect((await queue.claim("next"))[0]?.deliveries).toBe(1);
  });

  it("has ended when its handler closed it, and not before", async () => {
    const { clock, queue, begin } = await setting();
    const { worker } = begin(async () => {
      const report = await worker.close();
      expect(report.acknowledged).toBe(0);
    });
    await queue.write("x", 1);
    await clock.advance(1);
    expect(await worker.closed).toMatchObject({ acknowledged: 1 });
  });

  it("leaves no timer behind, nor does one of a scope", async () => {
    const { clock, queue, begin } = await setting();
    const before = clock.pendingTimers;
    {
      await using held = begin(() => {}).worker;
      await queue.write("x", 1);
      await clock.advance(1);
      expect(held.isListening).toBe(true);
    }
    expect(clock.pendingTimers).toBe(before);
  });
});
