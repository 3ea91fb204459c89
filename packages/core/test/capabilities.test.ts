import { describe, expect, it, onTestFinished } from "vitest";
import {
  BaseSystem,
  MailboxChannel,
  MemoryMessageStore,
  Requester,
  SSSNError,
  WorkQueueChannel,
  silentLogger,
  type ExposeOptions,
  type StandardSchema,
} from "../src/index.js";

const logger = silentLogger;
const numbers: StandardSchema<number[]> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) =>
      Array.isArray(value) && value.every((one) => typeof one === "number")
        ? { value: value as number[] }
        : { issues: [{ message: "must be numbers" }] },
  },
};
const where: Pick<ExposeOptions<unknown, unknown>, "requests" | "replies"> = { requests: "asked", replies: "answered" };

async function running(
  build: (system: BaseSystem) => void,
): Promise<{ system: BaseSystem; ask(capability: string, input: unknown): Promise<unknown> }> {
  const store = new MemoryMessageStore();
  const system = new BaseSystem({ id: "calculator", logger });
  const asked = system.addChannel(new WorkQueueChannel({ id: "asked", store, logger }));
  const answered = system.addChannel(new MailboxChannel({ id: "answered", store, logger }));
  build(system);
  const deployment = await system.launch();
  const requester = await Requester.open({ systemId: "pupil", requests: asked, replies: answered, timeoutMs: 5_000 });
  onTestFinished(async () => {
    await requester.close();
    await deployment.close();
  });
  return { system, ask: async (capability, input) => (await requester.request(input, { metadata: { capability } })).content };
}

describe("exposed capabilities", () => {
  it("are answered by name while the system runs, several on one channel", async () => {
    const { ask } = await running((system) => {
      system.expose<number[], number>({ name: "add", ...where, input: numbers }, (list) => list.reduce((sum, one) => sum + one, 0));
      system.expose<number[], number>({ name: "count", ...where, input: numbers }, (list) => list.length);
    });
    expect(await Promise.all([ask("add", [1, 2, 3]), ask("count", [1, 2, 3])])).toEqual([6, 3]);
  });

  it("are answered several at once, as many as they say", async () => {
    let [atOnce, most] = [0, 0];
    let open = (): void => {};
    const four = new Promise<void>((resolve) => (open = resolve));
    const { ask } = await running((system) =>
      system.expose<number, number>({ name: "slow", ...where, concurrency: 4 }, async (input) => {
        most = Math.max(most, ++atOnce);
        if (atOnce === 4) open();
        await four;
        atOnce--;
        return input;
      }),
    );
    expect(await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((input) => ask("slow", input)))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(most).toBe(4);
  });

  it("refuse what is not their input, what they do not know, and what their handler refuses, at once and with the code", async () => {
    const { ask } = await running((system) => {
      system.expose<number[], number>(
        {
          name: "add",
          ...where,
          input: numbers,
          output: { "~standard": { version: 1, vendor: "test", validate: () => ({ issues: [{ message: "too good" }] }) } },
        },
        () => 1,
      );
      system.expose({ name: "deny", ...where }, () => {
        throw new SSSNError("insufficient_role", "not for you", { details: { who: "pupil" } });
      });
    });
    await expect(ask("add", "x")).rejects.toMatchObject({ code: "content_rejected" });
    await expect(ask("add", [1])).rejects.toMatchObject({ code: "content_rejected" });
    await expect(ask("multiply", [1])).rejects.toMatchObject({ code: "not_found" });
    await expect(ask("deny", 1)).rejects.toMatchObject({ code: "insufficient_role", message: "not for you", details: { who: "pupil" } });
  });

  it("drop a request that names a channel that they do not answer on", async () => {
    const { system, ask } = await running((owner) => owner.expose({ name: "echo", ...where }, (input) => input));
    const other = new MailboxChannel({ id: "elsewhere", store: new MemoryMessageStore(), logger });
    await other.start();
    onTestFinished(async () => void (await other.drain()));
    const stray = await Requester.open({ systemId: "pupil", requests: system.client.channel("asked"), replies: other, timeoutMs: 60_000 });
    const asked = stray.request("x", { metadata: { capability: "echo" } }).catch((error: unknown) => error);
    expect(await ask("echo", "y")).toBe("y");
    expect((await other.stats("pupil")).count).toBe(0);
    expect((await system.channels[0]?.stats("pupil"))?.groups[0]).toMatchObject({ ready: 0, claimed: 0 });
    await stray.close();
    expect(await asked).toMatchObject({ code: "invalid_state" });
  });

  it("stand in the descriptor with their schemas and channels", async () => {
    const { system } = await running((owner) =>
      owner.expose({ name: "add", description: "Adds", ...where, inputSchema: { type: "array" } }, () => 0),
    );
    expect(system.descriptor().capabilities).toEqual([{ name: "add", description: "Adds", ...where, inputSchema: { type: "array" } }]);
  });

  it("need a name of their own, connected channels, and a system that is still being built", async () => {
    const { system } = await running((owner) => {
      owner.expose({ name: "add", ...where }, () => 0);
      expect(() => owner.expose({ name: "add", ...where }, () => 0)).toThrowError(expect.objectContaining({ code: "duplicate_id" }));
      expect(() => owner.expose({ name: "many", ...where, concurrency: 0 }, () => 0)).toThrowError(
        expect.objectContaining({ code: "invalid_argument" }),
      );
      expect(() => owner.expose({ name: "", ...where }, () => 0)).toThrowError(expect.objectContaining({ code: "invalid_argument" }));
      expect(() => owner.expose({ name: "x", requests: "nowhere", replies: "answered" }, () => 0)).toThrowError(
        expect.objectContaining({ code: "channel_not_connected" }),
      );
    });
    expect(() => system.expose({ name: "late", ...where }, () => 0)).toThrowError(expect.objectContaining({ code: "invalid_state" }));
  });
});
