import { BaseSystem, MailboxChannel, MemoryMessageStore, WorkQueueChannel, silentLogger, type ChannelOptions } from "@sssn/core";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { HttpTransport } from "@sssn/transport-http";
import { HttpChannel } from "@sssn/transport-http/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { CapabilityCaller, Directory, DiscoveryChannel } from "../src/index.js";

const logger = silentLogger;

/** A planner, published, and a caller in another place who knows nothing but the address of the directory. */
async function planner(): Promise<{ readonly caller: CapabilityCaller; readonly renewToken: () => Promise<void> }> {
  const store = new MemoryMessageStore();
  const security = new JWTChannelSecurity({ secret: "0123456789abcdef0123456789abcdef" });
  const common = (id: string): ChannelOptions => ({ id, store, security, logger, visibility: "public" });
  const system = new BaseSystem({ id: "planner", logger });
  system.addChannel(new DiscoveryChannel({ id: "discovery", store, security, logger, visibility: "public" }));
  system.addChannel(new WorkQueueChannel(common("plans-wanted")));
  system.addChannel(new MailboxChannel(common("plans")));
  system.expose<string, string[]>(
    { name: "plan", description: "Makes a plan", requests: "plans-wanted", replies: "plans", inputSchema: { type: "string" } },
    (goal) => [`think of ${goal}`, `do ${goal}`],
  );
  const running = await system.publish({ transport: new HttpTransport({ port: 0, logger }) });
  const newToken = (): Promise<string> => security.generateToken({ systemId: "visitor", role: "write", channels: "*" });
  let token = await newToken();
  const discovery = new HttpChannel({ url: running.addresses[0] ?? "", id: "discovery", token: await newToken(), logger });
  const caller = new CapabilityCaller(
    new Directory(discovery, "visitor", { connect: ({ url }) => new HttpChannel({ url, token, logger }) }),
    "visitor",
  );
  onTestFinished(async () => {
    await caller.close();
    await running.close({ timeoutMs: 2_000 });
  });
  return {
    caller,
    async renewToken() {
      const { jti } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { jti: string };
      await security.revoke(jti);
      token = await newToken();
    },
  };
}

describe("calling a capability by name", () => {
  it("finds who has it, over HTTP, and brings back each caller's own answer [W41]", async () => {
    const { caller } = await planner();
    expect(await caller.call<string[]>("plan", "tea")).toEqual(["think of tea", "do tea"]);
    const goals = Array.from({ length: 200 }, (_, index) => `goal ${index}`);
    expect(await Promise.all(goals.map((goal) => caller.call<string[]>("plan", goal)))).toEqual(
      goals.map((goal) => [`think of ${goal}`, `do ${goal}`]),
    );
  });

  it("says who exposes what when nobody can, and when the named system can't", async () => {
    const { caller } = await planner();
    await expect(caller.call("dance", 1)).rejects.toMatchObject({ code: "not_found", message: expect.stringContaining("plan") as string });
    await expect(caller.call("plan", "tea", { systemId: "somebody-else" })).rejects.toMatchObject({ code: "not_found" });
  });

  it("listens anew when listening broke off, because its token was revoked, say", async () => {
    const { caller, renewToken } = await planner();
    await caller.call("plan", "tea");
    await renewToken();
    // Until the stream has ended, calls are refused with the old token; then the next one begins anew with the new one.
    await expect
      .poll(() => caller.call("plan", "coffee").catch((error: unknown) => error), { timeout: 10_000 })
      .toEqual(["think of coffee", "do coffee"]);
  });
});
