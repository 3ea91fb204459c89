// A published host in a process of its own, for the programs that attack it: says where it is, what it takes, and what it weighs.
import { BaseSystem, BroadcastChannel, MemoryMessageStore, silentLogger } from "@sssn/core";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { HttpTransport } from "@sssn/transport-http";

/** What the host says over IPC. */
export type HostReport =
  { readonly type: "ready"; readonly url: string; readonly token: string } | { readonly type: "memory"; readonly megabytes: number };

/** What it is told. */
export type HostCommand = { readonly type: "memory" } | { readonly type: "write"; readonly count: number } | { readonly type: "close" };

const security = new JWTChannelSecurity({ secret: crypto.getRandomValues(new Uint8Array(32)) });
const system = new BaseSystem({ id: "host", logger: silentLogger });
const news = system.addChannel(
  new BroadcastChannel<number>({ id: "news", store: new MemoryMessageStore(), security, logger: silentLogger, visibility: "public" }),
);
const running = await system.publish({ transport: new HttpTransport({ port: 0, logger: silentLogger, maxConnections: 20_000 }) });
const report = (message: HostReport): void => void process.send?.(message);
let written = 0;

async function obey(command: HostCommand): Promise<void> {
  if (command.type === "close") {
    await running.close({ timeoutMs: 2_000 });
    process.exit(0);
  }
  if (command.type === "write")
    await news.writeBatch(
      "host",
      Array.from({ length: command.count }, () => ({ content: written++ })),
    );
  globalThis.gc?.();
  report({ type: "memory", megabytes: process.memoryUsage().rss / 1_048_576 });
}

process.on("message", (command: HostCommand) => void obey(command));
report({
  type: "ready",
  url: running.addresses[0] ?? "",
  token: await security.generateToken({ systemId: "somebody", role: "write", channels: "*" }),
});
