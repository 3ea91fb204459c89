// The host of the quiet day, as a process of its own: quiet-day-host.js PORT FOLDER
import { BroadcastChannel, MailboxChannel, WorkQueueChannel, defineSystem, runAsProgram } from "@sssn/core";
import { DiscoveryChannel } from "@sssn/discovery";
import { LevelMessageStore } from "@sssn/store-level";
import { HttpTransport } from "@sssn/transport-http";

const [, , port = "0", folder = ""] = process.argv;
const store = new LevelMessageStore({ folder });
const system = defineSystem({
  id: "host",
  setup(host) {
    host.use(store);
    const shared = { store, visibility: "public" } as const;
    host.addChannel(new WorkQueueChannel({ id: "jobs", ...shared, maxDeliveries: 1 }));
    host.addChannel(new WorkQueueChannel({ id: "asked", ...shared }));
    host.addChannel(new WorkQueueChannel({ id: "doubled", ...shared }));
    host.addChannel(new BroadcastChannel({ id: "news", ...shared }));
    host.addChannel(new MailboxChannel({ id: "answers", ...shared }));
    host.addChannel(new DiscoveryChannel({ id: "discovery", ...shared }));
    host.expose<number, number>({ name: "double", requests: "doubled", replies: "answers" }, (number) => number * 2);
  },
});
await runAsProgram(async () => {
  const running = await system.publish({ transport: new HttpTransport({ port: Number(port) }) });
  process.send?.(running.addresses[0]);
  return running;
});
