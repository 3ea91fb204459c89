import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HttpChannel, JWTChannelSecurity } from "sssn";
import { expect, it, onTestFinished } from "vitest";

const PROGRAMS = fileURLToPath(new URL("../dist/", import.meta.url));
const ENOUGH = { timeout: 30_000, interval: 50 };

interface Program {
  readonly process: ChildProcess;
  output(): string;
  readonly ended: Promise<number | null>;
}

/** Runs one of the station's programs; it is gone when the test is over. */
function run(program: "main" | "follow", args: readonly string[]): Program {
  const child = spawn(process.execPath, [join(PROGRAMS, `${program}.js`), ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { process: child, output: () => output, ended };
}

async function station(folder: string, ...args: string[]): Promise<Program & { readonly url: string }> {
  const program = run("main", ["--folder", folder, "--port", "0", ...args]);
  await expect.poll(program.output, ENOUGH).toMatch(/Published at http:\/\/[\d.:]+[\s\S]*#\d+ {2}cpu/);
  return { ...program, url: /Published at (http:\/\/[\d.]+:\d+)/.exec(program.output())?.[1] ?? "" };
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "sssn-station-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function token(
  path: string,
  role: "read" | "admin",
  channels: readonly string[] | "*" = "*",
  expiresInSeconds = 600,
): Promise<string> {
  const secret = (await readFile(join(path, "secret"), "utf8")).trim();
  return new JWTChannelSecurity({ secret, issuer: "station" }).generateToken({ systemId: "tester", role, channels, expiresInSeconds });
}

it("the station drains at SIGTERM, and goes on where it stopped", async () => {
  const path = await folder();
  const first = await station(path);
  expect(first.output()).toContain("A new station");
  first.process.kill("SIGTERM");
  expect(await first.ended).toBe(0);
  expect(first.output()).toContain("Stopped cleanly");
  const second = await station(path);
  expect(second.output()).toContain("Going on where it stopped");
});

it("the station, killed, continues without a lost, repeated or renumbered message", async () => {
  const path = await folder();
  const first = await station(path, "--memory", "0");
  const readings = new HttpChannel({ url: first.url, id: "readings", token: await token(path, "admin") });
  await expect.poll(async () => (await readings.positions("")).last, ENOUGH).toBeGreaterThan(2);
  const before = (await readings.history("")).messages;
  first.process.kill("SIGKILL");
  await first.ended;
  const second = await station(path);
  const again = new HttpChannel({ url: second.url, id: "readings", token: await token(path, "admin") });
  await expect.poll(async () => (await again.positions("")).last, ENOUGH).toBeGreaterThan(before.length + 1);
  const after = (await again.history("")).messages;
  expect(after.slice(0, before.length)).toEqual(before);
  expect(after.map(({ sequence }) => sequence)).toEqual(after.map((_message, index) => index + 1));
  expect(new Set(after.map(({ id }) => id)).size).toBe(after.length);
});

it("a worker that is killed while it holds a claim is followed by the next one, after the lease [N2]", async () => {
  const path = await folder();
  const host = await station(path, "--no-responder", "--memory", "0");
  const args = ["--url", host.url, "--token-file", join(path, "worker.token"), "--work"];
  const doomed = run("follow", [...args, "--busy", "600"]);
  await expect.poll(doomed.output, ENOUGH).toMatch(/working on memory-\d+ \(delivery 1\)/);
  doomed.process.kill("SIGKILL");
  await doomed.ended;
  const next = run("follow", [...args, "--busy", "0"]);
  await expect.poll(next.output, ENOUGH).toMatch(/working on memory-\d+ \(delivery 2\)\ndone with/);
  next.process.kill("SIGTERM");
  expect(await next.ended).toBe(0);
});

it("a second process finds the station through discovery, and follows it with its own token", async () => {
  const path = await folder();
  const host = await station(path, "--memory", "0");
  const follower = run("follow", ["--url", host.url, "--token-file", join(path, "operator.token")]);
  await expect.poll(follower.output, ENOUGH).toMatch(/offers: readings \(broadcast\), incidents \(work-queue\)[\s\S]*#\d+ cpu/);
});

it("nobody gets in without a token, with an expired one, or with one for another channel", async () => {
  const path = await folder();
  const host = await station(path);
  const status = async (bearer?: string): Promise<number> =>
    (await fetch(`${host.url}/channels/readings`, { headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` } })).status;
  const brief = await token(path, "read", "*", 1);
  expect([
    await status(),
    await status(await token(path, "read", ["reports"])),
    await status(await token(path, "read", ["readings"])),
  ]).toEqual([401, 403, 200]);
  await expect.poll(() => status(brief), ENOUGH).toBe(401);
});

it("the station runs on whatever store its setting names, and says of its address no more than the kind", async () => {
  const path = await folder();
  for (const expected of [/A new station, keeping its data in a memory store/, /A new station, keeping its data in a memory store/]) {
    const host = await station(path, "--store", "memory:", "--memory", "0");
    expect(host.output()).toMatch(expected);
    const readings = new HttpChannel({ url: host.url, id: "readings", token: await token(path, "admin") });
    await expect.poll(async () => (await readings.positions("")).last, ENOUGH).toBeGreaterThan(1);
    host.process.kill("SIGTERM");
    expect(await host.ended).toBe(0);
  }
  const wrong = run("main", ["--folder", path, "--port", "0", "--store", "redis://user:s3cret@host"]);
  expect(await wrong.ended).toBe(1);
  expect(wrong.output()).toContain('There is no kind of store "redis:"');
  expect(wrong.output()).not.toContain("s3cret");
});

it("a wrong option, and a folder in use, are said plainly", async () => {
  const wrong = run("main", ["--port", "many"]);
  expect([await wrong.ended, wrong.output()]).toEqual([
    2,
    expect.stringContaining('--port takes a number from 0 to 65535, but got "many"'),
  ]);
  const path = await folder();
  const first = await station(path);
  const second = run("main", ["--folder", path, "--port", "0"]);
  expect([await second.ended, second.output()]).toEqual([1, expect.stringContaining(`in use by process ${first.process.pid}`)]);
});
