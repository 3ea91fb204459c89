import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";

/** What can be told on the command line. */
export interface Settings {
  readonly folder: string;
  /** The address of the store. */
  readonly store: string;
  readonly port: number;
  readonly local: boolean;
  readonly respond: boolean;
  readonly forMs: number | undefined;
  readonly limits: { readonly cpu: number; readonly memory: number; readonly disk: number };
}

export const USAGE = `Usage: npm start -- [options]
  --folder DIR      where the data, the secret and the tokens live (default ./station-data)
  --store ADDRESS   where the data lives instead, such as memory: (default: SSSN_STORE of the environment, or else the folder)
  --port N          where to listen on 127.0.0.1 (default 8000; 0: any free port)
  --local           run in process only, publish nothing
  --no-responder    leave the incidents to other processes
  --for SECONDS     stop by itself after a while
  --cpu, --memory, --disk SHARE   from which share on a reading is an incident (default 0.9 each)`;

/**
 * @param environment where `SSSN_STORE` may stand.
 * @throws Error with a plain sentence for what can't be understood.
 */
export function readSettings(argv: readonly string[], environment: NodeJS.ProcessEnv): Settings {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      folder: { type: "string", default: "./station-data" },
      store: { type: "string" },
      port: { type: "string", default: "8000" },
      local: { type: "boolean", default: false },
      "no-responder": { type: "boolean", default: false },
      for: { type: "string" },
      cpu: { type: "string", default: "0.9" },
      memory: { type: "string", default: "0.9" },
      disk: { type: "string", default: "0.95" },
    },
  });
  return {
    folder: values.folder,
    store: values.store ?? environment["SSSN_STORE"] ?? `level:${values.folder.split("/").map(encodeURIComponent).join("/")}`,
    port: numberOf("--port", values.port, 0, 65_535),
    local: values.local,
    respond: !values["no-responder"],
    forMs: values.for === undefined ? undefined : numberOf("--for", values.for, 1, 1_000_000) * 1_000,
    limits: {
      cpu: numberOf("--cpu", values.cpu, 0, 1),
      memory: numberOf("--memory", values.memory, 0, 1),
      disk: numberOf("--disk", values.disk, 0, 1),
    },
  };
}

function numberOf(name: string, text: string, minimum: number, maximum: number): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= minimum && value <= maximum) return value;
  throw new Error(`${name} takes a number from ${minimum} to ${maximum}, but got ${JSON.stringify(text)}.`);
}

/** The station's secret: made once, kept beside its data, readable by this user only. Tokens live as long as it does. */
export async function stationSecret(folder: string): Promise<string> {
  const path = join(folder, "secret");
  try {
    return (await readFile(path, "utf8")).trim();
  } catch {
    const secret = randomBytes(32).toString("hex");
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${secret}\n`, { mode: 0o600 });
    await chmod(path, 0o600);
    return secret;
  }
}
