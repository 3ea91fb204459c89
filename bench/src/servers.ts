import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const START_MS = 15_000;

/** A server of a peer's, on a free port of this machine, with a folder that is thrown away. */
export interface Server {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startRedis(appendfsync: "always" | "everysec"): Promise<Server> {
  const program = find("redis-server");
  return start(`redis-${appendfsync}`, (port, folder) => [
    program,
    "--port",
    `${port}`,
    "--bind",
    "127.0.0.1",
    "--dir",
    folder,
    "--appendonly",
    "yes",
    "--appendfsync",
    appendfsync,
    "--save",
    "",
  ]);
}

export async function startNats(): Promise<Server> {
  const program = find("nats-server");
  return start("nats", (port, folder) => [program, "-a", "127.0.0.1", "-p", `${port}`, "-js", "-sd", folder]);
}

export async function startPostgres(): Promise<Server> {
  const folder = existsSync("/usr/lib/postgresql")
    ? readdirSync("/usr/lib/postgresql")
        .sort()
        .map((version) => join("/usr/lib/postgresql", version, "bin"))
        .at(-1)
    : undefined;
  const [initdb, postgres] = [find("initdb", folder), find("postgres", folder)];
  // PostgreSQL refuses to run as root; Debian's package brings a user for it.
  const user = process.getuid?.() === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : {};
  return start(
    "postgres",
    (port, data) => {
      if (user.uid !== undefined) chownSync(data, user.uid, user.gid);
      execFileSync(initdb, ["-D", join(data, "data"), "-U", "bench", "--auth", "trust"], { ...user, cwd: data, stdio: "ignore" });
      return [postgres, "-D", join(data, "data"), "-p", `${port}`, "-h", "127.0.0.1", "-k", data];
    },
    user,
  );
}

function idOf(flag: "-u" | "-g"): number {
  return Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
}

/** @throws when the program is not installed; the message says so. */
function find(program: string, folder?: string): string {
  const folders = [...(folder === undefined ? [] : [folder]), ...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
  const path = folders.map((place) => join(place, program)).find((place) => existsSync(place));
  if (path === undefined) throw new Error(`${program} is not installed`);
  return path;
}

async function start(
  name: string,
  command: (port: number, folder: string) => readonly string[],
  options: { uid?: number; gid?: number } = {},
): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), `sssn-bench-${name}-`));
  const port = await freePort();
  const [program = "", ...args] = command(port, folder);
  const child = spawn(program, args, { ...options, cwd: folder, stdio: "ignore" });
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await listening(port, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await new Promise((resolve) => setTimeout(resolve, 100))) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode} at its start`);
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
      socket.on("close", () => socket.destroy());
      setTimeout(() => socket.destroy(), 200);
    });
    if (isUp) return;
  }
  throw new Error("the server did not answer in time");
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGINT");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(timer);
}
