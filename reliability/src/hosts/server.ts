import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, appendFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SETTINGS = (port: number, folder: string): string => `
listen_addresses = '127.0.0.1'
port = ${port}
unix_socket_directories = '${folder}'
max_connections = 120
shared_buffers = 64MB
log_min_messages = fatal
`;

/** Who may run a server: it refuses to be run by root. */
type Account = { readonly uid: number; readonly gid: number } | Record<string, never>;

/** The folder of the newest PostgreSQL that is installed here, if one is. */
export function findBinaries(): string | undefined {
  const ofDebian = "/usr/lib/postgresql";
  const versions = existsSync(ofDebian) ? readdirSync(ofDebian).sort((left, right) => Number(right) - Number(left)) : [];
  const told = spawnSync("pg_config", ["--bindir"], { encoding: "utf8" });
  const folders = [
    process.env["SSSN_POSTGRES_BIN"],
    ...versions.map((version) => join(ofDebian, version, "bin")),
    told.status === 0 ? told.stdout.trim() : undefined,
    "/usr/local/pgsql/bin",
    "/opt/homebrew/bin",
    "/usr/local/bin",
  ];
  return folders.find((folder) => folder !== undefined && existsSync(join(folder, "initdb")) && existsSync(join(folder, "pg_ctl")));
}

/** A PostgreSQL server of this program's own, on a free port, in a folder that goes with it. */
export class OwnServer {
  readonly port: number;
  readonly #binaries: string;
  readonly #folder: string;
  readonly #account: Account;

  private constructor(binaries: string, folder: string, port: number, account: Account) {
    this.#binaries = binaries;
    this.#folder = folder;
    this.port = port;
    this.#account = account;
  }

  static async start(binaries: string): Promise<OwnServer> {
    const folder = mkdtempSync(join(tmpdir(), "sssn-hosts-"));
    const account = accountOf();
    if ("uid" in account) chownSync(folder, account.uid ?? 0, account.gid ?? 0);
    const server = new OwnServer(binaries, folder, await freePort(), account);
    // Whatever ends this program ends the server as well.
    process.once("exit", () => server.#remove());
    await server.#run("initdb", ["-D", server.#data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]);
    appendFileSync(join(server.#data, "postgresql.conf"), SETTINGS(server.port, folder));
    await server.#run("pg_ctl", ["start", "-w", "-D", server.#data, "-l", server.log]);
    return server;
  }

  get #data(): string {
    return join(this.#folder, "data");
  }

  /** What the server says. */
  get log(): string {
    return join(this.#folder, "server.log");
  }

  /** Ends every process of the server at once, as a crash does, and starts it again. */
  async crash(): Promise<void> {
    await this.#run("pg_ctl", ["restart", "-w", "-m", "immediate", "-D", this.#data, "-l", this.log]);
  }

  /** Lets another session hold a snapshot for so long. */
  async holdSnapshot(table: string, seconds: number): Promise<void> {
    const text = `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM ${table}; SELECT pg_sleep(${seconds}); COMMIT`;
    // The server may be restarted meanwhile.
    await this.#run("psql", ["-h", "127.0.0.1", "-p", String(this.port), "-U", "postgres", "-q", "-c", text, "postgres"]).catch(
      () => undefined,
    );
  }

  #run(program: string, args: readonly string[]): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    return new Promise((resolve, reject) => {
      const child = spawn(join(this.#binaries, program), args, {
        cwd: this.#folder,
        stdio: ["ignore", "ignore", "ignore"],
        ...this.#account,
      });
      child.once("error", reject);
      child.once("exit", (code) =>
        code === 0 ? resolve() : reject(new Error(`${program} ended with ${code ?? "a signal"}: see ${this.log}`)),
      );
    });
  }

  #remove(): void {
    spawnSync(join(this.#binaries, "pg_ctl"), ["stop", "-w", "-m", "immediate", "-D", this.#data], { stdio: "ignore", ...this.#account });
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Root runs it as the account that the packages of distributions make. */
function accountOf(): Account {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = ["-u", "-g"].map((which) => Number(execFileSync("id", [which, "postgres"], { encoding: "utf8" })));
  return { uid: uid ?? 0, gid: gid ?? 0 };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
