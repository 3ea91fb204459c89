import { readFile } from "node:fs/promises";
import { MemoryMessageStore } from "sssn";
import { expect, it } from "vitest";
import { UNREADABLE } from "../src/audit/audit-package.js";
import { Collector } from "../src/collector.js";
import { connectWorker } from "../src/farm/connect-worker.js";
import { SoleRight } from "../src/farm/sole-right.js";
import { readSettings } from "../src/settings.js";
import { ProgressDisplay } from "../src/terminal.js";
import { taskId } from "../src/tree/package-task.js";

const TASK = { id: "npm:one", name: "one", version: "1.0.0", folders: ["node_modules/one"], runsAtInstall: false };

it("a worker that opens the store itself works on the same channels", async () => {
  const place = { root: "/", nodeVersion: "20.19.0" };
  const worker = await connectWorker({ id: "worker-1", run: "test", place, connection: { kind: "store", address: "memory:" } });
  await using running = await worker.launch();
  expect(worker.channels.map(({ id }) => id)).toEqual(["audit.test.failures", "audit.test.findings", "audit.test.packages"]);
  expect((await running.close()).clean).toBe(true);
});

it("one coordinator at a time has an audit, and the next one when it is done", async () => {
  const first = new MemoryMessageStore();
  const second = new MemoryMessageStore({ beside: first });
  const right = await SoleRight.take(first, "audit.test", new AbortController().signal);
  const abort = new AbortController();
  const waiting = SoleRight.take(second, "audit.test", abort.signal);
  abort.abort(new Error("not waiting any longer"));
  await expect(waiting).rejects.toThrow("not waiting any longer");
  await right[Symbol.asyncDispose]();
  await (await SoleRight.take(second, "audit.test", new AbortController().signal))[Symbol.asyncDispose]();
});

it("a package that its killed workers did not survive is tried again, one that can't be read is not", () => {
  const killing = new Collector([TASK], true, () => {});
  expect(killing.failed({ task: TASK, reason: "delivered 5 times without an acknowledgement" })).toBe(true);
  expect(killing.failures).toEqual([]);
  expect(killing.failed({ task: TASK, reason: `${UNREADABLE}ENOENT` })).toBe(false);
  expect(killing.failures).toHaveLength(1);
  const peaceful = new Collector([TASK], false, () => {});
  expect(peaceful.failed({ task: TASK, reason: "delivered 5 times without an acknowledgement" })).toBe(false);
});

it("ids are the same for the same package, and different for names that look alike", () => {
  expect(taskId("@scope/name", "1.0.0", "here")).toBe(taskId("@scope/name", "1.0.0", "there"));
  expect(taskId("@scope/name", "1.0.0", "")).toMatch(/^npm:@scope\+name@1\.0\.0~[0-9a-f]{12}$/);
  expect(taskId("@scope+name", "1.0.0", "")).not.toBe(taskId("@scope/name", "1.0.0", ""));
  expect(taskId("lost", null, "here")).not.toBe(taskId("lost", null, "there"));
});

it("every command on its page is one that it understands", async () => {
  const page = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const commands = [...page.matchAll(/`npm run audit-farm(?: -- ([^`]*))?`/g)].map(([, args = ""]) => args.split(" ").filter(Boolean));
  expect(commands.length).toBeGreaterThan(4);
  for (const args of commands) expect(() => readSettings(args, {})).not.toThrow();
});

it("progress is a bar on a terminal, and a line for each tenth elsewhere", () => {
  const shown = (isTTY: boolean): string => {
    let text = "";
    const display = new ProgressDisplay({ isTTY, columns: 60, write: (part) => (text += part) });
    display.begin(40);
    for (let finished = 1; finished <= 40; finished += 1) display.advance(finished);
    display.show("typescript (size, worker-1)");
    display.end();
    return text;
  };
  const lines = shown(false).trim().split("\n");
  expect([lines.length, lines[0], lines.at(-1)]).toEqual([10, "4 of 40 packages (10 %)", "40 of 40 packages (100 %)"]);
  expect(shown(true)).toContain(`[${"#".repeat(15)}${".".repeat(15)}] 20/40`);
  expect(shown(true)).toContain("40/40  typescript (size, w\r"); // cut: a line that wraps could not be erased
  expect(shown(true)).not.toContain("\n");
});
