import {
  BaseSystem,
  BroadcastChannel,
  MailboxChannel,
  MemoryMessageStore,
  PassthroughChannel,
  WorkQueueChannel,
  silentLogger,
} from "@sssn/core";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { proveChannelPort } from "@sssn/store-conformance";
import { describe, it } from "vitest";
import { HttpTransport } from "../src/index.js";
import { HttpChannel } from "../src/client.js";

const KINDS = { passthrough: PassthroughChannel, broadcast: BroadcastChannel, "work-queue": WorkQueueChannel, mailbox: MailboxChannel };
const logger = silentLogger;

proveChannelPort(
  "a channel behind HTTP",
  async (kind, options) => {
    const security = new JWTChannelSecurity({ secret: "0123456789abcdef0123456789abcdef" });
    const system = new BaseSystem({ id: "host", logger });
    system.addChannel(
      new KINDS[kind]({ id: "tested", store: new MemoryMessageStore(), security, logger, visibility: "public", ...options }),
    );
    const running = await system.publish({ transport: new HttpTransport({ port: 0, logger }) });
    return {
      as: async (systemId) =>
        new HttpChannel({
          url: running.addresses[0] ?? "",
          id: "tested",
          token: await security.generateToken({ systemId, role: "admin", channels: "*" }),
          logger,
        }),
      [Symbol.asyncDispose]: () => running.close({ timeoutMs: 2_000 }).then(() => undefined),
    };
  },
  { describe, it },
);
