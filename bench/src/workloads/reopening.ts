import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { fill } from "./queue.js";
import type { Scale, Workload } from "./workload.js";

const SETTLED = 1_000_000;
const UNFINISHED = 10_000;
const TIMES = 5;

function reopen(folder: string, then: "close" | "die"): { readonly ms: number; readonly megabytes: number } {
  const child = fileURLToPath(new URL("reopen-child.js", import.meta.url));
  const { stdout } = spawnSync(process.execPath, [child, folder, then], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  return JSON.parse(stdout) as { ms: number; megabytes: number };
}

/** What opening costs when much is settled and some is not. */
export function reopenWorkload({ scale }: Scale): Workload {
  const settled = Math.round(SETTLED * scale);
  return {
    name: "reopen",
    title: `open again: ${settled} settled, ${UNFINISHED} unfinished messages (time in ms, growth of resident memory in MB)`,
    unit: "ms",
    mostRepeats: 1,
    takes: ({ name }) => name === "SSSN log",
    async measure(contender, folder) {
      const queue = await contender.open(folder);
      for (let count = 0; count < settled; count += 10_000) {
        await fill(queue, 10_000);
        await queue.consume?.(10_000, { workers: 1, batch: 1_000 });
      }
      await fill(queue, UNFINISHED);
      await queue.close();
      const closed = Array.from({ length: TIMES }, () => reopen(folder, "close"));
      const killed = Array.from({ length: TIMES }, () => {
        reopen(folder, "die");
        return reopen(folder, "close");
      });
      return {
        "after a clean close": median(closed.map(({ ms }) => ms)),
        "after SIGKILL": median(killed.map(({ ms }) => ms)),
        "memory, MB": median([...closed, ...killed].map(({ megabytes }) => megabytes)),
      };
    },
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
