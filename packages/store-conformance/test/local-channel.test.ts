import { BroadcastChannel, MailboxChannel, MemoryMessageStore, PassthroughChannel, WorkQueueChannel, silentLogger } from "@sssn/core";
import { describe, it } from "vitest";
import { proveChannelPort } from "../src/index.js";

const KINDS = { passthrough: PassthroughChannel, broadcast: BroadcastChannel, "work-queue": WorkQueueChannel, mailbox: MailboxChannel };

proveChannelPort(
  "a channel in this process",
  async (kind, options) => {
    const channel = new KINDS[kind]({ id: "tested", store: new MemoryMessageStore(), logger: silentLogger, ...options });
    await channel.start();
    return { as: () => channel, [Symbol.asyncDispose]: () => channel.drain().then(() => undefined) };
  },
  { describe, it },
);
