import { MemoryMessageStore, SSSNError, refuseUnknownOptions, type Clock, type Logger, type MessageStore } from "@sssn/core";
import { readAddress, refuseUnknownSettings, type StoreAddress } from "./store-address.js";

/** What a store is told besides where it is. */
export interface OpenStoreOptions {
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock?: Clock;
  /** A pino logger fits. Default: warnings and errors to the console. */
  readonly logger?: Logger;
}

type Opener = (address: StoreAddress, options: OpenStoreOptions) => Promise<MessageStore>;

const OPTIONS: ReadonlySet<string> = new Set<keyof OpenStoreOptions>(["clock", "logger"]);

const OPENERS: Readonly<Record<string, Opener>> = {
  memory: openMemory,
  level: openLevel,
  postgres: openPostgres,
  postgresql: openPostgres,
};

/**
 * Makes a store of what an address names, so that where a program keeps its channels is a setting and no code.
 *
 * | address | store | settings |
 * | --- | --- | --- |
 * | `memory:` | `MemoryMessageStore`: nothing survives the process | |
 * | `level:./data`, `level:/var/lib/app` | `LevelMessageStore` of `@sssn/store-level`, in that folder | `durability=flushed` (default) or `process` |
 * | `postgres://user:password@host:5432/database` | `PostgresMessageStore` of `@sssn/store-postgres`, in that database | `schema` (default `sssn`), `poolSize`; others, such as `sslmode`, are the driver's |
 *
 * The package of a kind is loaded when it is asked for, and has to be installed beside this one. Like a store that is made by hand, it is opened with its first channel, and closed by whoever made it.
 *
 * @throws SSSNError `invalid_argument` for an address of an unknown kind, one without a place, or with a setting that there is none of, and where the package of its kind is not
 * installed.
 *
 * @example
 * ```ts
 * import { PassthroughChannel } from "@sssn/core";
 * import { openStore } from "@sssn/open-store";
 * const store = await openStore(process.env["SSSN_STORE"] ?? "memory:");
 * const channel = new PassthroughChannel({ id: "readings", store });
 * await channel.start();
 * if ((await channel.write("sensor", 21)).sequence < 1) throw new Error("sequences count from 1");
 * await channel.drain();
 * await store.close();
 * ```
 */
export async function openStore(address: string, options: OpenStoreOptions = {}): Promise<MessageStore> {
  refuseUnknownOptions("openStore()", options, OPTIONS);
  const parts = readAddress(address);
  const open = Object.hasOwn(OPENERS, parts.kind) ? OPENERS[parts.kind] : undefined;
  if (open) return open(parts, options);
  const kinds = Object.keys(OPENERS).map((kind) => `${kind}:`);
  throw new SSSNError(
    "invalid_argument",
    `There is no kind of store ${JSON.stringify(`${parts.kind}:`)}. There are ${kinds.slice(0, -1).join(", ")} and ${kinds.at(-1) ?? ""}.`,
    {
      details: { kind: parts.kind },
    },
  );
}

async function openMemory(address: StoreAddress, { clock }: OpenStoreOptions): Promise<MessageStore> {
  refuseUnknownSettings(address, []);
  if (address.place !== "")
    throw new SSSNError(
      "invalid_argument",
      `A memory: store has no place, so nothing stands behind the colon. For a folder, write "level:" and its path.`,
    );
  return Promise.resolve(new MemoryMessageStore(clock ? { clock } : {}));
}

async function openLevel(address: StoreAddress, options: OpenStoreOptions): Promise<MessageStore> {
  refuseUnknownSettings(address, ["durability"]);
  const { LevelMessageStore } = await installed("level", "@sssn/store-level", () => import("@sssn/store-level"));
  const durability = address.settings.get("durability") ?? "flushed";
  if (durability !== "flushed" && durability !== "process")
    throw new SSSNError("invalid_argument", `durability is "flushed" or "process", but is ${JSON.stringify(durability)}.`);
  return new LevelMessageStore({ ...options, folder: address.place, durability });
}

/** What is no setting of the store is one of the driver's, and stays in the address. */
async function openPostgres({ address, kind, settings }: StoreAddress, options: OpenStoreOptions): Promise<MessageStore> {
  const { PostgresMessageStore } = await installed(kind, "@sssn/store-postgres", () => import("@sssn/store-postgres"));
  const [place = "", query = ""] = address.split(/\?(.*)/s);
  const rest = new URLSearchParams(query);
  for (const own of ["schema", "poolSize"]) rest.delete(own);
  const [schema, poolSize] = [settings.get("schema"), settings.get("poolSize")];
  return new PostgresMessageStore({
    ...options,
    url: rest.size > 0 ? `${place}?${rest.toString()}` : place,
    ...(schema === undefined ? {} : { schema }),
    ...(poolSize === undefined ? {} : { poolSize: Number(poolSize) }),
  });
}

/** @throws SSSNError `invalid_argument` where a package is not there; what it throws itself, as it is. */
async function installed<Module>(kind: string, name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    if (!isMissing(cause, name)) throw cause;
    throw new SSSNError("invalid_argument", `A ${kind}: store needs the package ${name}, which is not installed: npm install ${name}`, {
      cause,
      details: { package: name },
    });
  }
}

/** Not what the package itself misses. */
function isMissing(error: unknown, name: string): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND" && error.message.includes(`'${name}'`);
}
