import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

/** Where the workers of an audit run, and how they reach its channels. */
type Topology = "local" | "published" | "database";

/** What can be told on the command line. */
export interface Settings {
  /** The folder in which `node_modules` lies. */
  readonly tree: string;
  /** Where reports are written. */
  readonly out: string;
  readonly topology: Topology;
  /** The address of the store. */
  readonly store: string;
  /** A folder that holds the store and goes when the audit is done; `undefined` where the user said where the store is. */
  readonly queueFolder: string | undefined;
  readonly workers: number;
  readonly port: number;
  readonly killWorkers: boolean;
}

export const USAGE = `Usage: npm run audit-farm -- [options]
  --tree DIR        the folder whose node_modules is audited (default: this one)
  --out DIR         where the reports are written (default ./audit-report)
  --topology KIND   local:     workers in this process (default)
                    published: workers are processes that reach the queue over HTTP, each with a token of its own
                    database:  workers are processes that open the store themselves
  --store ADDRESS   where the queue lives, such as postgres://… (default: memory: for local, a folder below --out for
                    published; SSSN_STORE of the environment counts as well). database needs one that processes share
  --workers N       how many workers (default: as many as there are processors, at most 8)
  --port N          where published listens on 127.0.0.1 (default 0: any free port)
  --kill-workers    kill workers at random while it runs, and start them again: the reports are the same
  --help            this text`;

const TOPOLOGIES: readonly Topology[] = ["local", "published", "database"];
const MOST_WORKERS = 64;
const MOST_BY_DEFAULT = 8;

/**
 * @param environment where `SSSN_STORE` may stand.
 * @returns `undefined` where help is asked for.
 * @throws Error with a plain sentence for what can't be understood.
 */
export function readSettings(argv: readonly string[], environment: NodeJS.ProcessEnv): Settings | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      tree: { type: "string", default: "." },
      out: { type: "string", default: "./audit-report" },
      topology: { type: "string", default: "local" },
      store: { type: "string" },
      workers: { type: "string", default: String(Math.min(availableParallelism(), MOST_BY_DEFAULT)) },
      port: { type: "string", default: "0" },
      "kill-workers": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const topology = topologyOf(values.topology);
  if (topology === "local" && values["kill-workers"])
    throw new Error("--kill-workers needs workers that are processes: --topology published or database.");
  const out = resolve(values.out);
  return {
    tree: resolve(values.tree),
    out,
    topology,
    ...storeOf(topology, values.store ?? environment["SSSN_STORE"], out),
    workers: numberOf("--workers", values.workers, 1, MOST_WORKERS),
    port: numberOf("--port", values.port, 0, 65_535),
    killWorkers: values["kill-workers"],
  };
}

function topologyOf(text: string): Topology {
  const topology = TOPOLOGIES.find((known) => known === text);
  if (topology) return topology;
  throw new Error(`--topology takes ${TOPOLOGIES.join(", ")}, but got ${JSON.stringify(text)}.`);
}

function storeOf(topology: Topology, said: string | undefined, out: string): Pick<Settings, "store" | "queueFolder"> {
  if (said !== undefined) return { store: said, queueFolder: undefined };
  switch (topology) {
    case "local":
      return { store: "memory:", queueFolder: undefined };
    case "published": {
      const queueFolder = join(out, "queue");
      // What a killed coordinator has acknowledged is there when it is started again; an audit is not worth a flush for each message.
      return { store: `level:${queueFolder.split("/").map(encodeURIComponent).join("/")}?durability=process`, queueFolder };
    }
    case "database":
      throw new Error(
        "--topology database needs --store with the address of a store that processes share, such as postgres://user@host/name.",
      );
  }
}

function numberOf(name: string, text: string, minimum: number, maximum: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= minimum && value <= maximum) return value;
  throw new Error(`${name} takes a whole number from ${minimum} to ${maximum}, but got ${JSON.stringify(text)}.`);
}
