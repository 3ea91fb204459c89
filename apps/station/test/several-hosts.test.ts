import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HttpChannel, JWTChannelSecurity, silentLogger } from "sssn";
import { openStore } from "@sssn/open-store";
import { expect, it, onTestFinished } from "vitest";

const PROGRAM = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const ENOUGH = { timeout: 30_000, interval: 50 };
const server = process.env["SSSN_POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres";

interface Host {
  readonly process: ChildProcess;
  readonly ended: Promise<unknown>;
  readonly port: string;
}

/** Starts a station over a database, and waits until it is there. */
async function start(folder: string, store: string, port = "0"): Promise<Host> {
  const child = spawn(process.execPath, [PROGRAM, "--folder", folder, "--store", store, "--port", port], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise((resolve) => child.on("exit", resolve));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  await expect.poll(() => output, ENOUGH).toMatch(/Published at http:\/\/[\d.]+:\d+/);
  return { process: child, ended, port: /Published at http:\/\/[\d.]+:(\d+)/.exec(output)?.[1] ?? "" };
}

it.skipIf(server === "")(
  "three stations on one database are restarted one after the other, one of them killed, and no call of a client fails",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "sssn-station-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const store = `${server}?schema=sssn_test_${randomBytes(6).toString("hex")}`;
    onTestFinished(async () => {
      const left = await openStore(store, { logger: silentLogger });
      for (const id of await left.list()) await left.delete(id);
      await left.close();
    });
    const hosts = [await start(folder, store)];
    hosts.push(await start(folder, store), await start(folder, store));
    const url = hosts.map(({ port }) => `http://127.0.0.1:${port}`);
    const secret = (await readFile(join(folder, "secret"), "utf8")).trim();
    const claims = { systemId: "tester", role: "admin", channels: "*", expiresInSeconds: 600 } as const;
    const token = await new JWTChannelSecurity({ secret, issuer: "station" }).generateToken(claims);
    const readings = new HttpChannel({ url, id: "readings", token, logger: silentLogger });
    const ending = new AbortController();
    const followed: number[] = [];
    const following = (async () => {
      for await (const { sequence } of readings.stream("", { from: "start", signal: ending.signal })) followed.push(sequence);
    })().catch((error: unknown) => {
      if (!ending.signal.aborted) throw error;
    });
    let calls = 0;
    const asking = (async () => {
      while (!ending.signal.aborted) {
        await readings.positions("");
        calls++;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    for (const [index, signal] of (["SIGTERM", "SIGTERM", "SIGKILL"] as const).entries()) {
      const [host, before] = [hosts[index] as Host, calls];
      host.process.kill(signal);
      await host.ended;
      await expect.poll(() => calls, ENOUGH).toBeGreaterThan(before + 5);
      hosts[index] = await start(folder, store, host.port);
    }
    const seen = followed.length;
    await expect.poll(() => followed.length, ENOUGH).toBeGreaterThan(seen);
    ending.abort();
    await Promise.all([asking, following]);
    expect(followed).toEqual(Array.from({ length: followed.length }, (_, index) => index + 1));
  },
  120_000,
);
