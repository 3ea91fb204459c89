// A host that is going to be stopped, as a process of its own: sigterm-host.js FOLDER LAME_DUCK_MS
import { BroadcastChannel, PassthroughChannel, WorkQueueChannel, defineSystem, runAsProgram, silentLogger } from "@sssn/core";
import { LevelMessageStore } from "@sssn/store-level";
import { HttpTransport } from "@sssn/transport-http";

const [, , folder = "", lameDuckMs = "0"] = process.argv;
const logger = silentLogger;
const store = new LevelMessageStore({ folder, logger });
const system = defineSystem({
  id: "host",
  logger,
  setup(host) {
    host.use(store);
    const shared = { store, logger, visibility: "public" } as const;
    host.addChannel(new PassthroughChannel({ id: "orders", ...shared }));
    host.addChannel(new WorkQueueChannel({ id: "jobs", ...shared }));
    host.addChannel(new BroadcastChannel({ id: "news", ...shared }));
    host.addChannel(new PassthroughChannel({ id: "last-words", store, logger }));
  },
  onStart: async (host) => {
    for (let index = 0; index < 50; index++) await host.client.write("news", "x".repeat(20_000));
  },
  onShutdown: (host) => host.client.write("last-words", "everything is in order"),
});
await runAsProgram(async () => {
  const running = await system.publish({ transport: new HttpTransport({ port: 0, logger, lameDuckMs: Number(lameDuckMs) }) });
  process.send?.(Number(new URL(running.addresses[0] ?? "").port));
  return running;
});
