import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { NO_METADATA, PassthroughChannel, isSSSNError, silentLogger, type MessageDraft } from "@sssn/core";
import { describe, expect, it, onTestFinished } from "vitest";
import { LevelMessageStore } from "../src/index.js";

const draft = (content: number): MessageDraft => ({ senderId: "w", content, metadata: NO_METADATA });

async function place(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "sssn-owner-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

function open(folder: string): LevelMessageStore {
  const store = new LevelMessageStore({ folder, logger: silentLogger });
  onTestFinished(() => store.close());
  return store;
}

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "opened",
    (error: unknown) => (isSSSNError(error) ? error.code : String(error)),
  );

describe("a store's folder has one owner", () => {
  const roads: readonly (readonly [string, (base: string) => Promise<string>])[] = [
    ["its own name", (base) => Promise.resolve(join(base, "data"))],
    ["a way round", (base) => Promise.resolve(`${base}/data/../data/.`)],
    [
      "a link to it",
      async (base) => {
        await symlink(join(base, "data"), join(base, "link"));
        return join(base, "link");
      },
    ],
    [
      "a link to a folder above it",
      async (base) => {
        await symlink(base, join(base, "up"));
        return join(base, "up", "data");
      },
    ],
    [
      "a link to a link",
      async (base) => {
        await symlink(join(base, "data"), join(base, "one"));
        await symlink(join(base, "one"), join(base, "two"));
        return join(base, "two");
      },
    ],
  ];

  it.each(roads)("by %s", async (_road, make) => {
    const base = await place();
    await mkdir(join(base, "data"));
    const first = open(join(base, "data"));
    const log = await first.open("c");
    expect(await codeOf(open(await make(base)).open("c"))).toBe("store_locked");
    await log.append([draft(1)]);
    await first.close();
    expect((await (await open(join(base, "data")).open("c")).bounds()).last).toBe(1);
  });

  const canMount = process.platform === "linux" && process.getuid?.() === 0 && mounts();
  if (!canMount) console.warn("NOT TESTED: a second owner by a bind mount; this takes root on Linux.");
  it.runIf(canMount)("by a bind mount", async () => {
    const base = await place();
    await Promise.all([mkdir(join(base, "data")), mkdir(join(base, "mounted"))]);
    execFileSync("mount", ["--bind", join(base, "data"), join(base, "mounted")]);
    try {
      await open(join(base, "data")).open("c");
      expect(await codeOf(open(join(base, "mounted")).open("c"))).toBe("store_locked");
    } finally {
      execFileSync("umount", [join(base, "mounted")]);
    }
  });

  it("also for a thread of the same process, by another name", async () => {
    const base = await place();
    await mkdir(join(base, "data"));
    await symlink(join(base, "data"), join(base, "link"));
    await open(join(base, "data")).open("c");
    const program = `import { parentPort, workerData } from "node:worker_threads";
      import { LevelMessageStore } from "@sssn/store-level";
      const logger = { debug() {}, info() {}, warn() {}, error() {} };
      new LevelMessageStore({ folder: workerData, logger }).open("c").then(() => parentPort.postMessage("opened"), ({ code }) => parentPort.postMessage(code));`;
    const thread = new Worker(
      new URL(
        `data:text/javascript,${encodeURIComponent(program.replace('"@sssn/store-level"', JSON.stringify(import.meta.resolve("../dist/index.js"))))}`,
      ),
      {
        workerData: join(base, "link"),
      },
    );
    onTestFinished(() => void thread.terminate());
    expect(await new Promise((resolve, reject) => thread.once("message", resolve).once("error", reject))).toBe("store_locked");
  });

  it("and writes nothing to a stranger's place, when the folder is moved away and another one stands there", async () => {
    const base = await place();
    const folder = join(base, "data");
    const store = open(folder);
    const channel = new PassthroughChannel({ id: "c", store, logger: silentLogger });
    await channel.start();
    await channel.write("w", 1);
    await rename(folder, join(base, "elsewhere"));
    await mkdir(folder);
    expect(await codeOf(channel.write("w", 2))).toBe("store_unavailable");
    await channel.drain();
    await store.close();
    const moved = new PassthroughChannel({ id: "c", store: open(join(base, "elsewhere")), logger: silentLogger });
    await moved.start();
    expect((await moved.read("r")).messages.map(({ content }) => content)).toEqual([1]);
    await moved.drain();
  });
});

/** Whether this sandbox lets root mount at all. */
function mounts(): boolean {
  try {
    const probe = mkdtempSync(join(tmpdir(), "sssn-mount-"));
    execFileSync("mount", ["--bind", probe, probe], { stdio: "ignore" });
    execFileSync("umount", [probe], { stdio: "ignore" });
    rmSync(probe, { recursive: true });
    return true;
  } catch {
    return false;
  }
}
