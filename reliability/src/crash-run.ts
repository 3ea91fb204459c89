import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { silentLogger, type ChannelLog, type Logger } from "@sssn/core";
import { LevelMessageStore } from "@sssn/store-level";
import { monotonicMs, type Aftermath, type HistoryEvent } from "./history.js";

/** Where and how a load runs. */
export interface LoadOptions {
  readonly folder: string;
  readonly run: number;
  readonly durability?: "flushed" | "process";
  /** Ids whose writes the run before had begun and was not told of. */
  readonly begun?: readonly string[];
  /** What the load is started under, such as a tracer that injects faults. */
  readonly wrapper?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A load that is running. */
export interface RunningLoad {
  readonly pid: number;
  /** What it said, once it has ended, and by which signal. */
  readonly ended: Promise<{ readonly output: string; readonly signal: NodeJS.Signals | null; readonly code: number | null }>;
  /** What it has said so far. */
  said(): string;
  kill(): void;
}

export function startLoad({ folder, run, durability = "flushed", begun = [], wrapper = [], env = {} }: LoadOptions): RunningLoad {
  const program = [
    ...wrapper,
    process.execPath,
    fileURLToPath(new URL("load.js", import.meta.url)),
    folder,
    String(run),
    durability,
    begun.join(","),
  ];
  const child = spawn(program[0] ?? "", program.slice(1), {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
    detached: wrapper.length > 0,
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<{ output: string; signal: NodeJS.Signals | null; code: number | null }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ output: Buffer.concat(chunks).toString(), signal, code }));
  });
  const pid = child.pid ?? 0;
  return { pid, ended, said: () => Buffer.concat(chunks).toString(), kill: () => killAll(wrapper.length > 0 ? -pid : pid) };
}

/** A tracer goes with what it traces; what has ended by itself shows in what it printed. */
function killAll(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Runs the load for a while and kills it; resolves with what it said. */
export async function runAndKill(options: LoadOptions, afterMs: number): Promise<string> {
  const load = startLoad(options);
  const timer = setTimeout(() => load.kill(), afterMs);
  const { output, signal } = await load.ended;
  clearTimeout(timer);
  if (signal !== "SIGKILL") throw new Error(`The load of round ${options.run} ended by itself; what it printed stands above.`);
  return output;
}

/** Opens the store after a run and takes down what is there. */
export async function lookAt(folder: string, logger: Logger = silentLogger): Promise<Aftermath> {
  const store = new LevelMessageStore({ folder, logger });
  try {
    const log = await store.open("load");
    const messages = new Map<number, string>();
    for (
      let page = await log.read({ after: 0, limit: 1_000 });
      page.messages.length > 0;
      page = await log.read({ after: page.position, limit: 1_000 })
    ) {
      for (const { sequence, id } of page.messages) messages.set(sequence, id);
    }
    const { claims } = await log.claim({ group: "default", readerId: "checker", limit: 1_000, leaseMs: 60_000 });
    const at = monotonicMs();
    await log.settle(
      "default",
      "checker",
      claims.map(({ receipt }) => ({ receipt, action: "release", delayMs: 0 })),
    );
    const ordered = await handedOut(await store.open("ordered"));
    const cursor = (await log.cursor({ owner: "reader", name: "reader" })) ?? 0;
    return { messages, cursor, claimable: claims.map(({ message }) => message.sequence), at, ordered };
  } finally {
    await store.close();
  }
}

/** What a new worker would be handed. */
async function handedOut(log: ChannelLog): Promise<number[]> {
  const { claims } = await log.claim({ group: "default", readerId: "checker", limit: 1_000, leaseMs: 60_000 });
  await log.settle(
    "default",
    "checker",
    claims.map(({ receipt }) => ({ receipt, action: "release", delayMs: 0 })),
  );
  return claims.map(({ message }) => message.sequence);
}

/** For each writer that gives its own ids: the id that it was not told of. */
export function begunWrites(history: readonly HistoryEvent[], run: number): string[] {
  const next = new Map([1, 3, 5].map((writer) => [writer, 0]));
  for (const event of history) {
    const [ofRun, writer, count] = event.type === "written" ? event.id.split("-").map(Number) : [];
    if (ofRun === run && writer !== undefined && count !== undefined && next.has(writer))
      next.set(writer, Math.max(next.get(writer) ?? 0, count + 1));
  }
  return [...next].map(([writer, count]) => `${run}-${writer}-${count}`);
}
