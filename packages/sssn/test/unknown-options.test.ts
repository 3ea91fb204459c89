import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ACLSecurity,
  BaseSystem,
  MemoryMessageStore,
  PassthroughChannel,
  Requester,
  WorkQueueChannel,
  defineChannel,
  defineSystem,
  resultOf,
  work,
} from "@sssn/core";
import { Directory, DiscoveryChannel, Registrar } from "@sssn/discovery";
import { openStore } from "@sssn/open-store";
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
    ["a contract", () => defineChannel({ id: "a", kind: "broadcast", ...mistyped })],
    ["a requester", () => Requester.open({ systemId: "a", requests: jobs, replies: jobs, ...mistyped })],
    ["whoever waits for a result", () => resultOf(jobs, "r", { channel: "jobs", id: "1" }, mistyped)],
    ["a call with a timeout", () => new HttpChannel({ ...anywhere, id: "a" }).with(mistyped)],
    ["a store by its address", () => openStore("memory:", mistyped)],
  ];
  it.each(refusing)("is refused by %s, with the names of those that there are", async (_what, make) => {
    const refused = (async () => make())();
    await expect(refused).rejects.toMatchObject({ code: "invalid_argument", details: { option: '"sceurity"' } });
    await expect(refused).rejects.toThrow(/has no option "sceurity"\. Its options: /);
  });

  const log = new PassthroughChannel({ id: "log", store });
  const none: object = { lease: 1 };
  const calls: readonly [call: string, make: () => Promise<unknown>][] = [
    ["write", () => log.write("a", 1, none)],
    ["writeBatch", () => log.writeBatch("a", [], none)],
    ["read", () => log.read("a", none)],
    ["positions", () => log.positions("a", none)],
    ["commit", () => log.commit("a", 0, none)],
    ["seek", () => log.seek("a", "start", none)],
    ["subscribe", () => log.subscribe("a", () => {}, none)],
    ["stream", () => log.stream("a", none)[Symbol.asyncIterator]().next()],
    ["claim", () => log.claim("a", none)],
    ["acknowledge", () => log.acknowledge("a", [], none)],
    ["nack", () => log.nack("a", [], none)],
    ["deadLetter", () => log.deadLetter("a", [], none)],
    ["extend", () => log.extend("a", [], none)],
    ["requeue", () => log.requeue("a", none)],
    ["setRegime", () => log.setRegime("a", {}, none)],
    ["cancel", () => log.cancel("a", [], none)],
    ["reschedule", () => log.reschedule("a", [], none)],
    ["job", () => log.job("a", "one", none)],
    ["jobs", () => log.jobs("a", { state: "ready", ...none })],
    ["history", () => log.history("a", none)],
    ["cursors", () => log.cursors("a", none)],
    ["scan", () => log.scan("a", none)],
    ["deadLetters", () => log.deadLetters("a", none)],
    ["deleteCursor", () => log.deleteCursor("a", "b", none)],
  ];
  it.each(calls)("is refused by %s() of a channel", async (call, make) => {
    if (log.state === "init") await log.start();
    await expect(make()).rejects.toMatchObject({ code: "invalid_argument", details: { option: '"lease"' } });
    await expect(make()).rejects.toThrow(`${call}() has no option "lease". Its options: `);
  });

  it("is refused in a batch, a retention policy and a back-off", async () => {
    if (log.state === "init") await log.start();
    await expect(log.writeBatch("a", [{ content: 1, ...none }])).rejects.toThrow(/A message of a batch has no option "lease"/);
    await expect(log.evict("a", none)).rejects.toThrow(/A retention policy has no option "lease"/);
    expect(() => new PassthroughChannel({ id: "a", store, retention: none })).toThrow(/A retention policy has no option "lease"/);
    expect(() => new PassthroughChannel({ id: "a", store, backoff: none })).toThrow(/backoff has no option "lease"/);
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

describe("a value that means nothing, as JavaScript lets it pass", () => {
  const wrong = (value: unknown): never => value as never;
  const refusing: readonly [what: string, make: () => unknown, text: RegExp][] = [
    ["no options of a channel", () => new WorkQueueChannel(wrong(undefined)), /takes an object of options, such as/],
    ["a visibility", () => new WorkQueueChannel({ id: "a", store, visibility: wrong("Public") }), /"public" or "private", but is "Public"/],
    ["a security", () => new WorkQueueChannel({ id: "a", store, security: wrong("jwt") }), /such as a JWTChannelSecurity, but is "jwt"/],
    ["a channel to work off", () => work(wrong("jobs"), "w", () => {}), /takes a channel to work off, but got "jobs"/],
    [
      "a worker without a name",
      () =>
        work(
          jobs,
          wrong(() => {}),
          wrong(undefined),
        ),
      /takes the name of who works, but got a function/,
    ],
    ["no handler", () => work(jobs, "w", wrong(undefined)), /takes a function to call with each message, but got undefined/],
  ];
  it.each(refusing)("is refused and named: %s", (_what, make, text) => {
    expect(make).toThrow(text);
  });

  it("is refused and named: what is no list of messages, or of ids", async () => {
    const log = new PassthroughChannel({ id: "lists", store });
    await log.start();
    await expect(log.writeBatch("a", wrong({ content: 1 }))).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(log.remove("a", wrong("one"))).rejects.toThrow(/a list of message ids, but got "one"/);
    await log.drain();
  });
});
