import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ACLSecurity, BaseSystem, MemoryMessageStore, WorkQueueChannel, defineSystem, work } from "@sssn/core";
import { Directory, DiscoveryChannel, Registrar } from "@sssn/discovery";
import { ScheduleChannel, Scheduler } from "@sssn/schedule";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { LevelMessageStore } from "@sssn/store-level";
import { SystemMetrics } from "@sssn/telemetry/metrics";
import { HttpTransport } from "@sssn/transport-http";
import { HttpChannel, HttpHost } from "@sssn/transport-http/client";
import { describe, expect, it, onTestFinished } from "vitest";

/** What a caller without types may pass. */
const mistyped: object = { sceurity: "none" };
const store = new MemoryMessageStore();
const secret = crypto.getRandomValues(new Uint8Array(32));
const jobs = new WorkQueueChannel({ id: "jobs", store });
const anywhere = { url: "http://127.0.0.1:1", token: "t" };

describe("an option that there is none of", () => {
  const refusing: readonly [what: string, make: () => unknown][] = [
    ["a channel", () => new WorkQueueChannel({ id: "a", store, ...mistyped })],
    ["a discovery channel", () => new DiscoveryChannel({ id: "a", store, ...mistyped })],
    ["a schedule channel", () => new ScheduleChannel({ id: "a", store, ...mistyped })],
    ["a system", () => new BaseSystem({ id: "a", ...mistyped })],
    ["defineSystem", () => defineSystem({ id: "a", setup: () => {}, ...mistyped })],
    ["launch", () => new BaseSystem({ id: "a" }).launch(mistyped)],
    ["publish", () => new BaseSystem({ id: "a" }).publish({ transport: new HttpTransport({ port: 0 }), ...mistyped })],
    ["work", () => work(jobs, "w", () => {}, mistyped)],
    ["work in batches", () => work(jobs, "w", () => {}, { batch: 5, ...mistyped })],
    ["a memory store", () => new MemoryMessageStore(mistyped)],
    ["a LevelDB store", () => new LevelMessageStore({ folder: "never-made", ...mistyped })],
    ["an access list", () => new ACLSecurity(mistyped)],
    ["JWT security", () => new JWTChannelSecurity({ secret, ...mistyped })],
    ["shared revocations", () => new JWTChannelSecurity({ secret, revocations: { store, ...mistyped } })],
    ["a transport", () => new HttpTransport({ port: 0, ...mistyped })],
    ["shared tickets", () => new HttpTransport({ port: 0, tickets: { store, ...mistyped } })],
    ["a remote channel", () => new HttpChannel({ ...anywhere, id: "a", ...mistyped })],
    ["a remote host", () => new HttpHost({ ...anywhere, ...mistyped })],
    ["a directory", () => new Directory(jobs, "r", mistyped)],
    ["a registrar", () => new Registrar(jobs, mistyped)],
    ["a scheduler", () => new Scheduler(new BaseSystem({ id: "a" }).client, "schedules", mistyped)],
    ["metrics", () => new SystemMetrics(mistyped)],
  ];
  it.each(refusing)("is refused by %s, with the names of those that there are", async (_what, make) => {
    const refused = (async () => make())();
    await expect(refused).rejects.toMatchObject({ code: "invalid_argument", details: { option: '"sceurity"' } });
    await expect(refused).rejects.toThrow(/has no option "sceurity"\. Its options: /);
  });

  it("leaves nothing behind where it is refused: the system can be published as it is meant", async () => {
    const folder = await mkdtemp(join(tmpdir(), "options-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const own = new LevelMessageStore({ folder });
    const system = new BaseSystem({ id: "a" });
    system.addChannel(new WorkQueueChannel({ id: "jobs", store: own, visibility: "public" }));
    const transport = new HttpTransport({ port: 0 });
    await expect(system.publish({ transport, ...mistyped })).rejects.toMatchObject({ code: "invalid_argument" });
    const running = await system.publish({ transport });
    expect(running.addresses).toHaveLength(1);
    await running.close();
    await own.close();
  });
});
