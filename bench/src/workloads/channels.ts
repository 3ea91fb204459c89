import { silentLogger } from "@sssn/core";
import { LevelMessageStore } from "@sssn/store-level";
import { median } from "./reopening.js";
import type { Scale, Workload } from "./workload.js";

const CHANNELS = 100_000;
const FIRST = 1_000;
const AT_ONCE = 50;
const TIMES = 20;

/** What a channel costs when there are many of them in one store. */
export function channelsWorkload({ scale }: Scale): Workload {
  const most = Math.max(2 * FIRST, Math.round(CHANNELS * scale));
  return {
    name: "channels",
    title: `${most} channels in one store: making one and writing to it, opening again, listing, deleting (time in ms)`,
    unit: "ms",
    mostRepeats: 1,
    takes: ({ name }) => name === "SSSN log",
    async measure(_contender, folder) {
      // Without a flush, so that it is the store's own work that is seen.
      const options = { folder, durability: "process", logger: silentLogger } as const;
      const store = new LevelMessageStore(options);
      const make = async (from: number, to: number): Promise<number> => {
        const before = process.cpuUsage();
        for (let index = from; index < to; index += AT_ONCE)
          await Promise.all(
            Array.from({ length: AT_ONCE }, async (_, offset) => {
              const log = await store.open(`channel-${index + offset}`);
              await log.append([{ senderId: "bench", content: 1, metadata: {} }]);
            }),
          );
        const { user, system } = process.cpuUsage(before);
        return (user + system) / 1_000 / (to - from);
      };
      const first = await make(0, FIRST);
      const memoryBefore = memory();
      await make(FIRST, most - FIRST);
      const memoryAfter = memory();
      const last = await make(most - FIRST, most);
      await store.close();
      const reopened = performance.now();
      await using again = new LevelMessageStore(options);
      await again.open("channel-0");
      const reopenMs = performance.now() - reopened;
      const openMs = await timed((index) => again.open(`channel-${index * 7 + 1}`));
      const listMs = await timed(() => again.list());
      const deleteMs = await timed((index) => again.delete(`channel-${index * 11 + 3}`));
      return {
        "CPU for one, the first 1 000": first,
        [`CPU for one, the last 1 000 of ${most}`]: last,
        "memory for one, kB": ((memoryAfter - memoryBefore) / (most - 2 * FIRST || 1)) * 1_000,
        "open the store again": reopenMs,
        "open one again": openMs,
        "list all": listMs,
        "delete one": deleteMs,
      };
    },
  };
}

function memory(): number {
  return process.memoryUsage().rss / 1e6;
}

async function timed(task: (index: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < TIMES; index++) {
    const begun = performance.now();
    await task(index);
    times.push(performance.now() - begun);
  }
  return median(times);
}
