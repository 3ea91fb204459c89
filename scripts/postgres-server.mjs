// Finds a PostgreSQL server for the tests, or starts one from the installed binaries. Nothing but schemas of their own is touched on a server that was there.
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const USUAL = "postgres://postgres@127.0.0.1:5432/postgres";
const run = promisify(execFile);

/** Where `initdb` and `pg_ctl` are; `undefined`: nowhere. */
export function binaries() {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((left, right) => Number(right) - Number(left)) : [];
  const folders = [...versions.map((version) => join(debian, version, "bin")), ...(process.env.PATH ?? "").split(delimiter)];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "pg_ctl")));
}

/** Starts a server of one's own on a free port, in a folder that goes with it. PostgreSQL refuses to run as root. */
export async function startServer(folder = binaries()) {
  const place = mkdtempSync(join(tmpdir(), "sssn-postgres-"));
  const isRoot = process.getuid?.() === 0;
  const as = (program, args) =>
    isRoot ? ["setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", program, ...args]] : [program, args];
  if (isRoot) execFileSync("chown", ["postgres", place]);
  const port = await freePort();
  const data = join(place, "data");
  await run(...as(join(folder, "initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "--no-instructions"]));
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=300`;
  await run(...as(join(folder, "pg_ctl"), ["-D", data, "-l", join(place, "log"), "-o", options, "-w", "start"]));
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      await run(...as(join(folder, "pg_ctl"), ["-D", data, "-m", "immediate", "-w", "stop"]));
      rmSync(place, { recursive: true, force: true });
    },
  };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function answers(url) {
  const pg = createRequire(new URL("../packages/store-postgres/package.json", import.meta.url))("pg");
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  try {
    await client.connect();
    await client.query("SELECT 1");
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Run by vitest before all tests: they find the address in `SSSN_POSTGRES_URL`; it is empty where there is no server. */
export default async function setup() {
  if (process.env.SSSN_POSTGRES_URL) return undefined;
  if (await answers(USUAL)) {
    process.env.SSSN_POSTGRES_URL = USUAL;
    return undefined;
  }
  const folder = binaries();
  if (folder === undefined) {
    process.env.SSSN_POSTGRES_URL = "";
    console.warn(
      "\nThere is no PostgreSQL: neither SSSN_POSTGRES_URL, nor a server at 127.0.0.1:5432, nor initdb. NOTHING of @sssn/store-postgres is tried.\n",
    );
    return undefined;
  }
  const server = await startServer(folder);
  process.env.SSSN_POSTGRES_URL = server.url;
  return () => server.stop();
}
