import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { PassthroughChannel, silentLogger } from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { openStore } from "../src/index.js";

async function folderOf(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "open-store-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, name);
}

/** Writes one message, and tells its sequence. */
async function writeTo(address: string, options = {}): Promise<number> {
  const store = await openStore(address, options);
  const channel = new PassthroughChannel({ id: "news", store, logger: silentLogger });
  await channel.start();
  const { sequence } = await channel.write("me", "hello");
  await channel.drain();
  await store.close();
  return sequence;
}

const refusal = (address: unknown, options?: object): Promise<unknown> =>
  openStore(address as string, options).then(
    () => undefined,
    (error: unknown) => error,
  );

describe("openStore()", () => {
  it("keeps nothing of memory:, and everything in the folder that level: names", async () => {
    expect([await writeTo("memory:"), await writeTo("memory:")]).toEqual([1, 1]);
    const folder = await folderOf("data");
    expect([await writeTo(`level:${folder}`), await writeTo(`LEVEL:${folder}`)]).toEqual([1, 2]);
  });

  it("takes how durable a folder is from the address, and a path with any characters in it", async () => {
    const folder = await folderOf("what? 50 %");
    const address = `level:${folder.split("/").map(encodeURIComponent).join("/")}`;
    const [flushed, process] = [await openStore(address), await openStore(`${address}?durability=process`)];
    expect([flushed.capabilities.flushed, process.capabilities.flushed]).toEqual([true, false]);
    await Promise.all([flushed.close(), process.close()]);
    expect([await writeTo(address), await writeTo(`level:${folder.replace("%", "%25").replace("?", "%3F")}`)]).toEqual([1, 2]);
  });

  it("passes on a clock and a logger", async () => {
    const clock = new VirtualClock();
    for (const address of ["memory:", `level:${await folderOf("data")}`]) {
      const store = await openStore(address, { clock, logger: silentLogger });
      const log = await store.open("news");
      expect(log.now()).toBe(clock.now());
      await store.close();
    }
  });

  it("refuses what is no address, with what there is, and never repeats more of it than its kind", async () => {
    const wrong: readonly (readonly [address: unknown, message: RegExp])[] = [
      ["", /begins with its kind/],
      ["./data", /begins with its kind/],
      [undefined, /but this is undefined/],
      [7, /but this is 7/],
      ["redis://user:s3cret@host", /no kind of store "redis:"\. There are memory:, level:, postgres: and postgresql:/],
      ["constructor:x", /no kind of store "constructor:"/],
      ["memory:./data", /write "level:" and its path/],
      ["memory:?size=s3cret", /has no setting "size"\. It has none/],
      ["level:", /needs a folder/],
      ["level:./data?durablity=process", /has no setting "durablity"\. Its settings: durability/],
      ["level:./data?durability=s3", /durability is "flushed" or "process", but is "s3"/],
      ["level:./100%", /%25/],
      ["postgres:s3cret", /begins with "postgres:\/\/"/],
      ["postgres://u:s3cret@host/db?schema=No", /schema has 1 to 48/],
      ["postgres://u:s3cret@host/db?poolSize=x", /poolSize must be a whole number/],
    ];
    for (const [address, message] of wrong) {
      const error = await refusal(address);
      expect(error).toMatchObject({ code: "invalid_argument", message: expect.stringMatching(message) as string });
      expect(String(error)).not.toContain("s3cret");
    }
    expect(await refusal("memory:", { loger: silentLogger })).toMatchObject({ code: "invalid_argument", details: { option: '"loger"' } });
  });

  it("names the package to install where that of a kind is not there, and opens the others", async () => {
    const root = await folderOf("app");
    for (const name of ["core", "open-store"]) {
      const target = join(root, "node_modules", "@sssn", name);
      await mkdir(target, { recursive: true });
      for (const part of ["dist", "package.json"])
        await cp(new URL(`../../${name}/${part}`, import.meta.url), join(target, part), { recursive: true });
    }
    await writeFile(
      join(root, "app.mjs"),
      `import { openStore } from "@sssn/open-store";
       const store = await openStore("memory:");
       await store.close();
       await openStore("level:./data").catch(({ code, message, details }) => console.log(JSON.stringify({ code, message, details })));`,
    );
    const { stdout } = await promisify(execFile)(process.execPath, ["app.mjs"], { cwd: root });
    expect(JSON.parse(stdout)).toEqual({
      code: "invalid_argument",
      message: "A level: store needs the package @sssn/store-level, which is not installed: npm install @sssn/store-level",
      details: { package: "@sssn/store-level" },
    });
  });
});
