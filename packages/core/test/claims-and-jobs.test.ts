// The parts of which workers are made, each by itself and to the millisecond.
import type { SettleResult } from "../src/index.js";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  InsideCall,
  MemoryMessageStore,
  PassthroughChannel,
  SSSNError,
  isSSSNError,
  silentLogger,
  type ChannelMessage,
  type ChannelPort,
  type Claim,
  type ClaimOptions,
} from "../src/index.js";
import { Acknowledger, type DoneClaim } from "../src/channels/work/acknowledger.js";
import { Job, type JobHost } from "../src/channels/work/job.js";
import { VirtualClock } from "../src/testing.js";

const virtualClock = (): VirtualClock => new VirtualClock(undefined, { io: false });

async function started(options: Partial<ConstructorParameters<typeof PassthroughChannel>[0]> = {}): Promise<PassthroughChannel> {
  const channel = new PassthroughChannel({ id: "c", store: new MemoryMessageStore(), logger: silentLogger, ...options });
  await channel.start();
  onTestFinished(async () => {
    await channel.drain();
  });
  return channel;
}

async function refusalOf(call: Promise<unknown>): Promise<SSSNError> {
  const error: unknown = await call.catch((thrown: unknown) => thrown);
  if (isSSSNError(error)) return error;
  throw new Error(`not refused, but ${JSON.stringify(error)}`);
}

describe("a claim", () => {
  it.each<[string, ClaimOptions, string, RegExp]>([
    ["no messages", { limit: 0 }, "invalid_argument", /limit .*1 .*1000/],
    ["more than a thousand", { limit: 1_001 }, "invalid_argument", /limit/],
    ["too short a lease", { leaseMs: 9 }, "invalid_argument", /leaseMs/],
    ["too long a lease", { leaseMs: 604_800_001 }, "invalid_argument", /leaseMs/],
    ["fewer than none at work", { working: -1 }, "invalid_argument", /working/],
    ["more than a thousand at work", { working: 1_001 }, "invalid_argument", /working/],
    ["a wait that is no time", { waitMs: -1 }, "invalid_argument", /waitMs/],
    ["a wait of more than a minute", { waitMs: 60_001 }, "invalid_argument", /waitMs/],
    ["a worker without a name", { workerId: "" }, "invalid_identifier", /worker id/],
    ["a call without a name", { callId: "" }, "invalid_identifier", /call id/],
    ["a group without a name", { group: "" }, "invalid_identifier", /group name/],
  ])("of %s is refused, and says why", async (_what, options, code, expected) => {
    const channel = await started();
    const error = await refusalOf(channel.claim("r", options));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(expected)]);
  });

  it.each<ClaimOptions>([
    { limit: 1_000, working: 0 },
    { leaseMs: 10, working: 1_000 },
    { leaseMs: 604_800_000, workerId: "w", callId: "c" },
  ])("of %o is granted", async (options) => {
    const channel = await started();
    await channel.write("w", 1);
    expect(await channel.claim("r", options)).toHaveLength(1);
  });

  it("takes one message where it does not say how many, for as long as its channel says", async () => {
    const clock = virtualClock();
    const channel = await started({ claimTimeoutMs: 5_000, clock, store: new MemoryMessageStore({ clock }) });
    await channel.writeBatch("w", [{ content: 1 }, { content: 2 }]);
    const claims = await channel.claim("r");
    expect(claims.map(({ message, leaseMs }) => [message.content, leaseMs])).toEqual([[1, 5_000]]);
  });

  it("in a group that the channel does not declare, or has no room for, names those that there are, or the remedy", async () => {
    const declared = await refusalOf((await started({ groups: ["a", "b"] })).claim("r", { group: "x" }));
    expect(declared).toMatchObject({
      code: "unknown_group",
      message: 'Channel c has no group "x". Its groups: a, b.',
      details: { group: "x" },
    });
    const full = await started({ maxGroups: 1 });
    await full.claim("r", { group: "a" });
    expect(await full.claim("r", { group: "a" })).toEqual([]);
    expect(await refusalOf(full.claim("r", { group: "x" }))).toMatchObject({
      code: "unknown_group",
      message:
        "Channel c has 1 groups already and makes no more. Delete one that nobody needs, declare them with groups, or raise maxGroups.",
      details: { group: "x", maxGroups: 1 },
    });
  });

  it("waits to the millisecond, and is answered with nothing when it is aborted", async () => {
    const clock = virtualClock();
    const channel = await started({ clock, store: new MemoryMessageStore({ clock }) });
    const answers: string[] = [];
    const abort = new AbortController();
    void channel.claim("r", { waitMs: 500 }).then((claims) => answers.push(`waited ${claims.length}`));
    void channel.claim("r", { waitMs: 60_000, signal: abort.signal }).then((claims) => answers.push(`aborted ${claims.length}`));
    await clock.advance(499);
    expect(answers).toEqual([]);
    await clock.advance(1);
    expect(answers).toEqual(["waited 0"]);
    abort.abort();
    await clock.advance(1);
    expect(answers).toEqual(["waited 0", "aborted 0"]);
    await channel.write("w", 1);
    expect(await channel.claim("r", { signal: abort.signal })).toEqual([]);
    expect(await channel.claim("r")).toHaveLength(1);
  });
});

describe("settling", () => {
  it("takes a list of at most a thousand texts", async () => {
    const channel = await started();
    const messages = await Promise.all(
      [Array.from({ length: 1_001 }, () => "x"), "x", [1], [undefined]].map(
        async (receipts) => (await refusalOf(channel.acknowledge("r", receipts as never))).message,
      ),
    );
    expect(messages).toEqual([
      "Settling takes a list of at most 1000 receipts, but got 1001.",
      'Settling takes a list of at most 1000 receipts, but got "x".',
      "A receipt is the text that came with the claim, but this is 1.",
      "A receipt is the text that came with the claim, but this is undefined.",
    ]);
    expect(await channel.acknowledge("r", [])).toEqual([]);
    expect(
      await channel.acknowledge(
        "r",
        Array.from({ length: 1_000 }, () => "x"),
      ),
    ).toHaveLength(1_000);
  });

  it("says what is wrong also where there is nothing to settle, and takes the bounds themselves", async () => {
    const channel = await started();
    const tenYears = 10 * 366 * 24 * 3_600_000;
    for (const delayMs of [-1, tenYears + 1, 0.5]) expect((await refusalOf(channel.nack("r", [], { delayMs }))).message).toMatch(/delayMs/);
    for (const leaseMs of [9, 604_800_001]) expect((await refusalOf(channel.extend("r", [], { leaseMs }))).message).toMatch(/leaseMs/);
    expect((await refusalOf(channel.nack("r", [], { reason: 7 as never }))).message).toBe("A reason is a text, but this is 7.");
    for (const delayMs of [0, tenYears]) expect(await channel.nack("r", [], { delayMs })).toEqual([]);
    for (const leaseMs of [10, 604_800_000]) expect(await channel.extend("r", [], { leaseMs })).toEqual([]);
  });

  it("keeps a thousand characters of a reason", async () => {
    const channel = await started({ maxDeliveries: 1 });
    await channel.write("w", 1);
    const [claim] = await channel.claim("r");
    await channel.nack("r", [claim?.receipt ?? ""], { reason: "x".repeat(1_500) });
    expect((await channel.deadLetters("admin"))[0]?.reason).toBe("x".repeat(1_000));
  });
});

type Answer = () => Promise<SettleResult["status"] | undefined>;

/** A job under a lease of 1 200 ms, whose renewals a test answers. */
function jobWith(answers: Answer[], maxMs?: number) {
  const clock = virtualClock();
  const [renewedAt, complaints, told]: [number[], string[], unknown[]] = [[], [], []];
  const host: JobHost = {
    clock,
    leaseMs: 1_200,
    maxMs,
    inside: new InsideCall(),
    extend: async (receipt, progress) => {
      expect(receipt).toBe("r-1");
      renewedAt.push(clock.monotonic());
      told.push(progress);
      const status = await (answers.shift() ?? (() => Promise.resolve("extended")))();
      return status && { receipt, status, ...(status === "cancelled" ? { reason: "no longer wanted" } : {}) };
    },
    complain: (thrown, what) => void complaints.push(`${what}: ${(thrown as Error).message}`),
  };
  const message = { id: "m", sequence: 1, content: "work" } as ChannelMessage<string>;
  const claim = { message, receipt: "r-1", deliveries: 3, leaseMs: 1_200 } as Claim<string>;
  const job = new Job(claim, clock.monotonic(), host);
  let outcome: string | undefined;
  const begin = (handler: () => unknown): void =>
    void job.run(handler).then(
      () => (outcome = "done"),
      (error: unknown) => (outcome = isSSSNError(error) ? `${error.code}: ${error.message}` : String(error)),
    );
  return { clock, job, begin, renewedAt, complaints, told, outcome: () => outcome };
}

const forEver = (): Promise<never> => new Promise(() => {});

describe("a job", () => {
  it("renews its lease when a third of it is over, and then three times in its length, until it ends", async () => {
    let finish = (): void => {};
    const { clock, job, begin, renewedAt, outcome } = jobWith([]);
    begin(() => new Promise<void>((resolve) => (finish = resolve)));
    await clock.advance(1_300);
    expect([renewedAt, job.heldUntil, job.isHeld]).toEqual([[400, 800, 1_200], 2_400, true]);
    finish();
    await clock.advance(5_000);
    expect([renewedAt, outcome(), job.isHeld, clock.pendingTimers]).toEqual([[400, 800, 1_200], "done", false, 0]);
  });

  it("tries a renewal that failed again after a twelfth of the lease, and says so", async () => {
    const cutOff = (): Promise<never> => Promise.reject(new Error("cut off"));
    const { clock, job, begin, renewedAt, complaints, outcome } = jobWith([cutOff, cutOff]);
    begin(forEver);
    await clock.advance(700);
    expect([renewedAt, job.heldUntil]).toEqual([[400, 500, 600], 1_800]);
    expect(complaints).toEqual(["renewing a lease failed: cut off", "renewing a lease failed: cut off"]);
    expect(outcome()).toBeUndefined();
  });

  it.each<[string, Answer, number, string]>([
    ["its claim has moved on", () => Promise.resolve("lost"), 400, "its claim has moved on"],
    ["nobody knows its claim", () => Promise.resolve(undefined), 400, "its claim has moved on"],
    ["its renewal has no answer", forEver, 1_200, "it could not be renewed in time"],
  ])("is lost when %s, also where its handler does not listen", async (_what, answer, at, why) => {
    const { clock, job, begin, outcome } = jobWith([answer]);
    begin(forEver);
    await clock.advance(at - 1);
    expect([outcome(), job.end]).toEqual([undefined, undefined]);
    await clock.advance(1);
    expect([outcome(), job.end]).toEqual([
      `lease_lost: The lease on this job ended: ${why}. Somebody else may be working on it now.`,
      "lost",
    ]);
    expect([job.signal.aborted, isSSSNError(job.signal.reason, "lease_lost")]).toEqual([true, true]);
  });

  it("tells its progress within a second, once, and again with the next renewal where that failed", async () => {
    const { clock, job, begin, renewedAt, told } = jobWith([() => Promise.reject(new Error("cut off"))]);
    begin(forEver);
    job.progress({ done: 1 });
    job.progress({ done: 2 });
    await clock.advance(400);
    expect([renewedAt, told]).toEqual([[400], [{ done: 2 }]]);
    await clock.advance(100);
    expect([renewedAt, told]).toEqual([
      [400, 500],
      [{ done: 2 }, { done: 2 }],
    ]);
    await clock.advance(400);
    expect(told).toEqual([{ done: 2 }, { done: 2 }, undefined]);
  });

  it("refuses progress that is too large, or no JSON, where its handler sees it", () => {
    const { job } = jobWith([]);
    expect(() => job.progress("x".repeat(20_000))).toThrow(/progress has 20002 bytes/);
    expect(() => job.progress(Number.NaN)).toThrow(/progress is NaN/);
  });

  it("is cancelled with the reason that its renewal brings, and its signal aborts with it", async () => {
    const { clock, job, begin, outcome } = jobWith([() => Promise.resolve("cancelled")]);
    begin(forEver);
    await clock.advance(400);
    expect([outcome(), job.end, isSSSNError(job.signal.reason, "cancelled")]).toEqual(["cancelled: no longer wanted", "cancelled", true]);
  });

  it("is lost when its renewals fail until the lease has ended", async () => {
    const { clock, job, begin, outcome } = jobWith(Array.from({ length: 20 }, () => () => Promise.reject(new Error("cut off"))));
    begin(forEver);
    await clock.advance(1_199);
    expect(outcome()).toBeUndefined();
    await clock.advance(101);
    expect([outcome()?.slice(0, 10), job.end]).toEqual(["lease_lost", "lost"]);
  });

  it("ends when it takes more than it may, and not a moment before", async () => {
    const { clock, job, begin, outcome } = jobWith([], 3_000);
    begin(forEver);
    const { signal } = job;
    await clock.advance(2_999);
    expect([outcome(), signal.aborted]).toEqual([undefined, false]);
    await clock.advance(1);
    expect([outcome(), job.end, signal.aborted]).toEqual(["timeout: The job took more than 3000 ms.", "too long", true]);
  });

  it("ends once, with the first reason, and not at all when it is over", async () => {
    const { clock, job, begin, outcome } = jobWith([]);
    begin(forEver);
    job.abort("stopped", new SSSNError("timeout", "first"));
    job.abort("lost", new SSSNError("lease_lost", "second"));
    await clock.advance(1);
    expect([outcome(), job.end, (job.signal.reason as Error).message]).toEqual(["timeout: first", "stopped", "first"]);
    const over = jobWith([]);
    over.begin(() => {});
    await over.clock.advance(1);
    over.job.abort("lost", new SSSNError("lease_lost", "too late"));
    expect([over.outcome(), over.job.end, over.job.signal.aborted]).toEqual(["done", undefined, false]);
  });

  it("that was ended before it began does not go on", async () => {
    const { clock, job, begin, outcome } = jobWith([]);
    job.abort("stopped", new SSSNError("timeout", "before"));
    begin(forEver);
    await clock.advance(1);
    expect(outcome()).toBe("timeout: before");
  });

  it.each<[string, () => unknown, string]>([
    ["returns", () => "anything", "done"],
    ["throws", () => { throw new Error("at once"); }, "Error: at once"], // prettier-ignore
    ["rejects", () => Promise.reject(new Error("later")), "Error: later"],
    ["returns what can be awaited", () => ({ then: (resolve: () => void) => resolve() }), "done"],
    ["returns null", () => null, "done"],
  ])("whose handler %s", async (_what, handler, expected) => {
    const { clock, job, begin, outcome } = jobWith([], 5_000);
    expect([job.deliveries, job.receipt, job.message.content, job.verdict]).toEqual([3, "r-1", "work", undefined]);
    begin(handler);
    job.deadLetter("useless");
    await clock.advance(1);
    expect([outcome(), job.verdict, clock.pendingTimers]).toEqual([expected, "useless", 0]);
  });
});

describe("acknowledgements", () => {
  /** What was asked for, each call answered by the test. */
  function setting(answer: (receipts: readonly string[]) => Promise<readonly { status: string }[]>) {
    const clock = virtualClock();
    const calls: (readonly string[])[] = [];
    const told: [string, string][] = [];
    const channel = {
      acknowledge: (readerId: string, receipts: readonly string[], options: { group?: string }) => {
        expect([readerId, options]).toEqual(["w", { group: "g" }]);
        calls.push(receipts);
        return answer(receipts);
      },
    } as unknown as ChannelPort;
    const acknowledger = new Acknowledger(channel, clock, "w", { group: "g" }, (id, outcome) =>
      told.push([id, outcome instanceof Error ? outcome.message : outcome]),
    );
    const claim = (number: number): DoneClaim => ({ receipt: `r${number}`, messageId: `m${number}`, heldUntil: 10_000 });
    return { clock, calls, told, acknowledger, claim };
  }

  it.each([0, 1, 2, 3, 4, 5, 6])("that come %i turns after the last one was confirmed are not forgotten", async (turns) => {
    const { acknowledger, calls, claim, told } = setting((receipts) => Promise.resolve(receipts.map(() => ({ status: "acknowledged" }))));
    acknowledger.add(claim(1));
    while (told.length === 0) await Promise.resolve();
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    acknowledger.add(claim(2));
    await new Promise((resolve) => setImmediate(resolve));
    expect([calls, acknowledger.size]).toEqual([[["r1"], ["r2"]], 0]);
  });

  it("of one turn are one call, and those that come while it is under way are the next", async () => {
    const answers: (() => void)[] = [];
    const { acknowledger, calls, claim, told } = setting(
      (receipts) => new Promise((resolve) => answers.push(() => resolve(receipts.map(() => ({ status: "acknowledged" }))))),
    );
    acknowledger.add(claim(1));
    acknowledger.add(claim(2));
    await Promise.resolve();
    await Promise.resolve();
    acknowledger.add(claim(3));
    acknowledger.add(claim(4));
    expect([calls, acknowledger.size]).toEqual([[["r1", "r2"]], 4]);
    answers.shift()?.();
    await expect.poll(() => calls.length).toBe(2);
    expect([calls[1], acknowledger.size]).toEqual([["r3", "r4"], 2]);
    const idle = acknowledger.idle();
    answers.shift()?.();
    await idle;
    expect([acknowledger.size, told]).toEqual([0, [1, 2, 3, 4].map((number) => [`m${number}`, "acknowledged"])]);
    acknowledger.add(claim(5));
    await expect.poll(() => calls.length).toBe(3);
  });

  it("are at most a thousand in one call", async () => {
    const { acknowledger, calls, claim } = setting((receipts) => Promise.resolve(receipts.map(() => ({ status: "acknowledged" }))));
    for (let number = 0; number < 1_001; number++) acknowledger.add(claim(number));
    await acknowledger.idle();
    expect(calls.map(({ length }) => length)).toEqual([1_000, 1]);
  });

  it("tell each claim how its own ended, and that it is unknown where the answer says nothing of it", async () => {
    const { acknowledger, claim, told } = setting(() => Promise.resolve([{ status: "acknowledged" }, { status: "lost" }]));
    for (const number of [1, 2, 3]) acknowledger.add(claim(number));
    await acknowledger.idle();
    expect(told.map(([, outcome]) => outcome)).toEqual(["acknowledged", "lost", "unknown"]);
  });

  it("that can't be asked for tell why, for each, and those that come after are asked for all the same", async () => {
    let fails = true;
    const { acknowledger, claim, told } = setting((receipts) =>
      fails
        ? Promise.reject(new SSSNError("insufficient_role", "not yours"))
        : Promise.resolve(receipts.map(() => ({ status: "acknowledged" }))),
    );
    acknowledger.add(claim(1));
    acknowledger.add(claim(2));
    await acknowledger.idle();
    fails = false;
    acknowledger.add(claim(3));
    await acknowledger.idle();
    expect(told).toEqual([
      ["m1", "not yours"],
      ["m2", "not yours"],
      ["m3", "acknowledged"],
    ]);
  });
});
