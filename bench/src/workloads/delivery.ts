import { BroadcastChannel, silentLogger } from "@sssn/core";
import { LevelMessageStore } from "@sssn/store-level";
import { bodies, body, type Body } from "../contenders/contender.js";
import { isSssn, perSecond, type Workload } from "./workload.js";

const LATENCY_MESSAGES = 400;
const LATENCY_EVERY_MS = 5;
const FAN_OUT_MESSAGES = 20_000;
const READERS = 1_000;
const READ_EACH = 1_000;

async function onChannel<Result>(folder: string, task: (channel: BroadcastChannel<Body>) => Promise<Result>): Promise<Result> {
  const store = new LevelMessageStore({ folder, logger: silentLogger });
  const channel = new BroadcastChannel<Body>({ id: "bench", store });
  await channel.start();
  try {
    return await task(channel);
  } finally {
    await channel.drain();
    await store.close();
  }
}

/** How messages reach whoever waits for them. */
export const deliveryWorkloads: readonly Workload[] = [
  {
    name: "latency",
    title: `from the write to the handler, ${1_000 / LATENCY_EVERY_MS} messages a second`,
    unit: "ms",
    takes: ({ name }) => name === "SSSN channel" || name === "SSSN work()" || name.startsWith("BullMQ") || name.startsWith("JetStream"),
    async measure(contender, folder) {
      const queue = await contender.open(folder);
      const [sent, taken] = [new Map<number, number>(), [] as number[]];
      const stop = await queue.listen?.(({ number }) => void taken.push(performance.now() - (sent.get(number) ?? 0)));
      for (let number = 0; number < LATENCY_MESSAGES; number++) {
        sent.set(number, performance.now());
        void queue.write(body(number));
        await new Promise((resolve) => setTimeout(resolve, LATENCY_EVERY_MS));
      }
      while (taken.length < LATENCY_MESSAGES) await new Promise((resolve) => setTimeout(resolve, 1));
      await stop?.();
      await queue.close();
      taken.sort((left, right) => left - right);
      return { p50: taken[Math.floor(LATENCY_MESSAGES * 0.5)] ?? 0, p99: taken[Math.floor(LATENCY_MESSAGES * 0.99)] ?? 0 };
    },
  },
  ...[1, 10, 100].map((subscribers): Workload => ({
    name: `fan-out-${subscribers}`,
    title: `deliveries to ${subscribers} subscribers, written by 100`,
    unit: "messages/s",
    takes: (contender) => isSssn(contender) && contender.name === "SSSN channel",
    measure: (_contender, folder) =>
      onChannel(folder, async (channel) => {
        const count = Math.max(2_000, FAN_OUT_MESSAGES / subscribers);
        let delivered = 0;
        let done = (): void => {};
        const all = new Promise<void>((resolve) => (done = resolve));
        const subscriptions = await Promise.all(
          Array.from({ length: subscribers }, (_, index) =>
            channel.subscribe(`subscriber-${index}`, () => void (++delivered === count * subscribers && done())),
          ),
        );
        const begun = performance.now();
        for (let written = 0; written < count; written += 100)
          await channel.writeBatch(
            "bench",
            bodies(written, 100).map((content) => ({ content })),
          );
        await all;
        const rate = perSecond(delivered, begun);
        await Promise.all(subscriptions.map((subscription) => subscription.close()));
        return { rate };
      }),
  })),
  {
    name: "readers-1000",
    title: `${READERS} readers with cursors of their own read ${READ_EACH} messages by 100, and commit each page`,
    unit: "messages/s",
    takes: (contender) => isSssn(contender) && contender.name === "SSSN channel",
    measure: (_contender, folder) =>
      onChannel(folder, async (channel) => {
        for (let written = 0; written < READ_EACH; written += 100)
          await channel.writeBatch(
            "bench",
            bodies(written, 100).map((content) => ({ content })),
          );
        const begun = performance.now();
        await Promise.all(
          Array.from({ length: READERS }, async (_, reader) => {
            for (let read = 0; read < READ_EACH;)
              read += (await channel.read(`reader-${reader}`, { limit: 100, commit: "on-delivery" })).messages.length;
          }),
        );
        return { rate: perSecond(READERS * READ_EACH, begun) };
      }),
  },
];
