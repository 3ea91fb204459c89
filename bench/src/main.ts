// Measures the LevelDB store and its channels beside the raw engine and beside peers, in one run:
// pnpm bench [--filter TEXT] [--repeats N] [--scale N] [--json FILE]
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { bullmq } from "./contenders/bullmq.js";
import type { Contender } from "./contenders/contender.js";
import { jetStream } from "./contenders/jetstream.js";
import { pgBoss } from "./contenders/pg-boss.js";
import { rawDisk, rawLevel, rawPut } from "./contenders/raw-level.js";
import { sqlite } from "./contenders/sqlite.js";
import { sssnChannel, sssnLog, sssnWorker } from "./contenders/sssn.js";
import { machine, toMarkdown, type Result } from "./report.js";
import { channelsWorkload } from "./workloads/channels.js";
import { deliveryWorkloads } from "./workloads/delivery.js";
import { largeWorkloads } from "./workloads/large.js";
import { queueWorkloads } from "./workloads/queue.js";
import { reopenWorkload } from "./workloads/reopening.js";
import { inFolder, type Workload } from "./workloads/workload.js";

const { values: options } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== "--"),
  options: {
    filter: { type: "string", default: "" },
    repeats: { type: "string", default: "5" },
    scale: { type: "string", default: "1" },
    json: { type: "string" },
  },
});
const [repeats, scale] = [Number(options.repeats), Number(options.scale)];
if (!(repeats >= 1) || !(scale > 0)) throw new Error("--repeats and --scale take numbers above 0.");

const skipped: string[] = [];
const workloads = [
  ...queueWorkloads,
  ...deliveryWorkloads,
  ...largeWorkloads({ scale }),
  reopenWorkload({ scale }),
  channelsWorkload({ scale }),
].filter(({ name }) => name.includes(options.filter));
if (workloads.length === 0) throw new Error(`No workload has ${JSON.stringify(options.filter)} in its name.`);

const contenders: Contender[] = [sssnLog("flushed"), sssnLog("process"), sssnChannel, sssnWorker, rawDisk, rawPut, rawLevel];
const peers: readonly (readonly [string, () => Contender | Promise<Contender>])[] = [
  ["SQLite, synchronous FULL", () => sqlite("FULL")],
  ["SQLite, synchronous NORMAL", () => sqlite("NORMAL")],
  ["BullMQ, Redis always", () => bullmq("always")],
  ["BullMQ, Redis everysec", () => bullmq("everysec")],
  ["JetStream", jetStream],
  ["pg-boss", pgBoss],
];
for (const [name, make] of peers) {
  try {
    contenders.push(await make());
  } catch (error) {
    skipped.push(`${name}: ${error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error)}`);
  }
}

const results = new Map<string, Result & { samples: number[] }>();

async function measure(workload: Workload, contender: Contender): Promise<void> {
  const figures = await inFolder((folder) => workload.measure(contender, folder));
  for (const [figure, value] of Object.entries(figures)) {
    const key = `${workload.name}|${contender.name}|${figure}`;
    const result = results.get(key) ?? {
      workload: workload.name,
      title: workload.title,
      unit: workload.unit,
      contender: contender.name,
      durability: contender.durability,
      figure,
      samples: [],
    };
    result.samples.push(value);
    results.set(key, result);
  }
}

try {
  for (const workload of workloads) {
    const taking = contenders.filter((contender) => workload.takes(contender));
    // One after the other, again and again: what slows the machine down for a while slows all of them down.
    for (let repeat = 0; repeat < Math.min(repeats, workload.mostRepeats ?? repeats); repeat++) {
      for (const contender of taking) {
        process.stderr.write(`${workload.name}: ${contender.name} (${repeat + 1})\n`);
        await measure(workload, contender).catch(
          (error: unknown) => void skipped.push(`${contender.name} in ${workload.name}: ${String(error)}`),
        );
      }
    }
  }
} finally {
  for (const { stop } of contenders) await stop?.();
}
const report = { date: new Date().toISOString().slice(0, 10), machine: machine(), results: [...results.values()], skipped };
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
console.log(toMarkdown(report));
