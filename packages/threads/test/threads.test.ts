import { MemoryMessageStore, WorkQueueChannel, silentLogger, work, type JobEvent, type WorkOptions, type Worker } from "@sssn/core";
import { inThread } from "@sssn/threads";
import { describe, expect, it, onTestFinished } from "vitest";

interface Doing {
  readonly does: string;
  readonly ms?: number;
}

const ANY = new URL("./handlers/any.mjs", import.meta.url);

/** A queue that is worked off in one thread, and how each of its jobs ended. */
async function setting(options: WorkOptions & { module?: URL; maxMemoryMb?: number } = {}) {
  const { module = ANY, maxMemoryMb, ...rest } = options;
  const jobs = new WorkQueueChannel<Doing>({ id: "jobs", store: new MemoryMessageStore(), logger: silentLogger });
  await jobs.start();
  const handler = inThread<Doing>(module, { threads: 1, ...(maxMemoryMb === undefined ? {} : { maxMemoryMb }) });
  const events: JobEvent[] = [];
  let worker: Worker<Doing> | undefined;
  onTestFinished(async () => {
    await worker?.close({ timeoutMs: 0 });
    await handler.close();
    await jobs.drain();
  });
  return {
    jobs,
    events,
    handler,
    begin() {
      worker = work(jobs, "worker", handler, { logger: silentLogger, backoff: { initialMs: 3_600_000 }, ...rest });
      worker.events.on("job", (event) => void events.push(event));
      return worker;
    },
    async do(...doings: readonly Doing[]) {
      for (const doing of doings) await jobs.write("w", doing);
    },
    told: () => events.map(({ outcome, error }) => [outcome, error?.message]),
  };
}

describe("a job in a thread", () => {
  it.each<[string, [JobEvent["outcome"], string | RegExp | undefined]]>([
    ["nothing", ["acknowledged", undefined]],
    ["fails", ["failed", "no such thing"]],
    ["fails asynchronously", ["failed", "later"]],
    ["throws no error", ["failed", /a text/]],
    ["is useless", ["dead", /what is that\?/]],
    ["gives up", ["dead", /not in stock/]],
    ["exits", ["failed", /exited/]],
    ["exits later", ["failed", /exited/]],
    ["crashes", ["failed", /nobody catches this/]],
  ])("that %s ends as it would outside of one, and takes no other with it", async (does, [outcome, message]) => {
    const { events, begin, do: doing } = await setting();
    begin();
    await doing({ does }, { does: "nothing" });
    await expect.poll(() => events.length, { timeout: 20_000 }).toBe(2);
    const [told] = events.filter(({ error }) => error !== undefined);
    expect([told?.outcome ?? "acknowledged", told?.error?.message]).toEqual([
      outcome,
      message === undefined ? undefined : (expect.stringMatching(message) as string),
    ]);
    expect(events.filter((event) => event.outcome === "acknowledged").length).toBeGreaterThan(0);
  });

  it("that needs too much memory fails, and the process lives", async () => {
    const { events, begin, do: doing, told } = await setting({ maxMemoryMb: 32 });
    begin();
    await doing({ does: "takes all memory" }, { does: "nothing" });
    await expect.poll(() => events.length, { timeout: 50_000 }).toBe(2);
    expect(told()).toEqual([
      ["failed", expect.stringMatching(/memory/)],
      ["acknowledged", undefined],
    ]);
  });

  it("keeps its lease while it computes for longer than that", async () => {
    const { jobs, begin, do: doing, told } = await setting({ leaseMs: 1_000 });
    begin();
    await doing({ does: "computes for long", ms: 3_000 });
    await expect.poll(told, { timeout: 20_000 }).toEqual([["acknowledged", undefined]]);
    expect((await jobs.stats("admin")).groups).toMatchObject([{ ready: 0, claimed: 0, delayed: 0, dead: 0 }]);
  });

  it("is ended for real by maxMs, whatever it is doing, and its thread is free for the next", async () => {
    const { begin, do: doing, told } = await setting({ maxMs: 2_000 });
    begin();
    await doing({ does: "never ends" }, { does: "nothing" });
    await expect.poll(told, { timeout: 20_000 }).toEqual([
      ["failed", "The job took more than 2000 ms."],
      ["acknowledged", undefined],
    ]);
  });

  it("is given back, uncounted, when its worker is closed and will not wait", async () => {
    const { jobs, begin, do: doing } = await setting();
    const worker = begin();
    await doing({ does: "never ends" });
    await expect.poll(async () => (await jobs.stats("admin")).groups[0]?.claimed).toBe(1);
    await worker.close({ timeoutMs: 0 });
    const [again] = await jobs.claim("another");
    expect(again?.deliveries).toBe(1);
  });
});

describe("a module", () => {
  it("that has no handler fails its jobs with what is missing, and makes no dead letters of them", async () => {
    const { begin, do: doing, told } = await setting({ module: new URL("./handlers/without-default.mjs", import.meta.url) });
    begin();
    await doing({ does: "nothing" });
    await expect
      .poll(told, { timeout: 20_000 })
      .toEqual([["failed", expect.stringMatching(/without-default.mjs must have a function as its default export, but has undefined/)]]);
  });

  it.each<[string, () => unknown, RegExp]>([
    ["that is not there", () => inThread(new URL("./handlers/missing.mjs", import.meta.url)), /there is no file .*missing.mjs/],
    ["that is no file", () => inThread(new URL("https://shop.example/handler.js")), /takes the URL of a file/],
    ["that is a text", () => inThread("./handler.js" as never), /takes the URL of a file/],
    ["with no threads", () => inThread(ANY, { threads: 0 }), /threads/],
    ["with too little memory", () => inThread(ANY, { maxMemoryMb: 1 }), /maxMemoryMb/],
    ["with an unknown option", () => inThread(ANY, { thread: 1 } as never), /no option "thread"/],
  ])("%s is refused at once", (_what, call, expected) => {
    expect(call).toThrowError(expect.objectContaining({ code: "invalid_argument", message: expect.stringMatching(expected) as string }));
  });
});
