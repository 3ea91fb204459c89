import { isSssn, perSecond, type Scale, type Workload } from "./workload.js";
import { fill } from "./queue.js";

const MEASURED = 20_000;
const LARGE = 1_000_000;

/** What must not get slower as the log grows. */
export function largeWorkloads({ scale }: Scale): readonly Workload[] {
  const large = Math.round(LARGE * scale);
  return [
    {
      name: "settled-behind",
      title: "claim + acknowledge by 100, with settled messages behind",
      unit: "messages/s",
      mostRepeats: 1,
      takes: ({ name }) => name === "SSSN log",
      async measure(contender, folder) {
        const queue = await contender.open(folder);
        const figures: Record<string, number> = {};
        let behind = 0;
        for (const target of [1_000, large / 10, large]) {
          while (behind < target) {
            const count = Math.min(10_000, target - behind);
            await fill(queue, count);
            await queue.consume?.(count, { workers: 1, batch: 1_000 });
            behind += count;
          }
          await fill(queue, MEASURED);
          const begun = performance.now();
          await queue.consume?.(MEASURED, { workers: 1, batch: 100 });
          figures[`${target} behind`] = perSecond(MEASURED, begun);
          behind += MEASURED;
        }
        await queue.close();
        return figures;
      },
    },
    {
      name: "read-all",
      title: `shared read of ${large} messages by 1000`,
      unit: "messages/s",
      mostRepeats: 1,
      takes: ({ name }) =>
        !name.startsWith("BullMQ") &&
        !name.startsWith("pg-boss") &&
        !name.startsWith("append") &&
        name !== "raw put, sync" &&
        name !== "SSSN work()" &&
        !name.includes("process") &&
        !name.includes("NORMAL"),
      async measure(contender, folder) {
        const queue = await contender.open(folder);
        await fill(queue, large);
        await queue.readAll?.(Math.min(large, 10_000));
        const rates: number[] = [];
        for (let time = 0; time < 3; time++) {
          const begun = performance.now();
          await queue.readAll?.(large);
          rates.push(perSecond(large, begun));
        }
        await queue.close();
        return { rate: rates.sort((left, right) => left - right)[1] ?? 0 };
      },
    },
    {
      name: "write-and-work-memory",
      title: `resident memory while ${large} messages go through (written by 100, worked off by 100, all kept)`,
      unit: "MB",
      mostRepeats: 1,
      takes: (contender) => isSssn(contender) && contender.name === "SSSN log",
      async measure(contender, folder) {
        const queue = await contender.open(folder);
        await passThrough(queue, 20_000);
        const before = residentMegabytes();
        let most = before;
        for (let passed = 0; passed < large; passed += 10_000) {
          await passThrough(queue, 10_000);
          most = Math.max(most, residentMegabytes());
        }
        await queue.close();
        return { "after 20 000": before, "at the most": most };
      },
    },
  ];
}

async function passThrough(queue: Parameters<typeof fill>[0], count: number): Promise<void> {
  await fill(queue, count);
  await queue.consume?.(count, { workers: 1, batch: 100 });
}

function residentMegabytes(): number {
  return process.memoryUsage().rss / 1024 / 1024;
}
