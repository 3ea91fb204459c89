import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Contender } from "../contenders/contender.js";

/** A figure and its name, such as a rate or a time. */
type Measures = Readonly<Record<string, number>>;

/** Something that contenders do, measured once at a time. */
export interface Workload {
  /** What `--filter` looks at, such as `write-64`. */
  readonly name: string;
  readonly title: string;
  readonly unit: "messages/s" | "ms" | "MB";
  /** Contenders that can't take part are left out. */
  takes(contender: Contender): boolean;
  /** Once, in an empty folder. Several figures become several rows. */
  measure(contender: Contender, folder: string): Promise<Measures>;
  /** How often it is repeated at the most, where one time is long. */
  readonly mostRepeats?: number;
}

/** How large the large workloads are: 1 is what the documentation quotes. */
export interface Scale {
  readonly scale: number;
}

/** Runs a task in a folder that is thrown away. */
export async function inFolder<Result>(task: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "sssn-bench-"));
  try {
    return await task(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function isSssn({ name }: Contender): boolean {
  return name.startsWith("SSSN");
}

/** Something per second, from a count and the milliseconds since a moment. */
export function perSecond(count: number, since: number): number {
  return count / ((performance.now() - since) / 1_000);
}
