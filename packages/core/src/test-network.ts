import { silentLogger } from "./logger.js";
import { MemoryMessageStore } from "./memory-store/memory-message-store.js";
import type { Clock } from "./clock.js";
import type { Logger } from "./logger.js";
import type { BaseSystem } from "./systems/base-system.js";
import type { ShutdownReport } from "./systems/managed-system.js";
import { VirtualClock } from "./virtual-clock.js";

/** What a network under test is made of: hand them to every store, channel, system and worker in it. */
export interface TestParts {
  readonly clock: Clock;
  readonly store: MemoryMessageStore;
  readonly logger: Logger;
}

/** A network under test. */
export interface TestNetwork<System extends BaseSystem> extends AsyncDisposable {
  readonly clock: VirtualClock;
  readonly store: MemoryMessageStore;
  readonly system: System;
  /** Lets time pass for all of it, in ms; an hour takes moments. */
  advance(durationMs: number): Promise<void>;
  /** Shuts it down, letting as much time pass as that takes. */
  close(): Promise<ShutdownReport>;
}

/**
 * Launches a whole network of systems in memory, on one clock that only the test moves.
 *
 * @param build makes the root system out of the parts.
 *
 * @example
 * ```ts
 * import { WorkQueueChannel, defineSystem } from "@sssn/core";
 * import { testNetwork } from "@sssn/core/testing";
 * const done: unknown[] = [];
 * await using network = await testNetwork(({ store, clock, logger }) =>
 *   defineSystem({
 *     id: "shop",
 *     clock,
 *     logger,
 *     setup: (shop) => shop.addChannel(new WorkQueueChannel({ id: "jobs", store, clock, logger })),
 *     onStart: (shop) => shop.client.work("jobs", ({ content }) => void done.push(content), { clock, logger }),
 *   }),
 * );
 * await network.system.client.write("jobs", "tomorrow's", { delayMs: 24 * 3_600_000 });
 * await network.advance(25 * 3_600_000);
 * if (done.length !== 1) throw new Error("a day has passed");
 * ```
 */
export async function testNetwork<System extends BaseSystem>(build: (parts: TestParts) => System): Promise<TestNetwork<System>> {
  const clock = new VirtualClock(undefined, { io: false });
  const store = new MemoryMessageStore({ clock });
  const system = build({ clock, store, logger: silentLogger });
  await system.launch();
  const close = async (): Promise<ShutdownReport> => {
    let report: ShutdownReport | undefined;
    void system.drain().then((ended) => (report = ended));
    while (!report) await clock.advance(100);
    return report;
  };
  return {
    clock,
    store,
    system,
    advance: (durationMs) => clock.advance(durationMs),
    close,
    [Symbol.asyncDispose]: () => close().then(() => undefined),
  };
}
