import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BaseSystem,
  ChannelClient,
  MemoryMessageStore,
  PassthroughChannel,
  type BaseChannel,
  type ChannelOptions,
  type Clock,
  type Logger,
  type MessageStore,
} from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { LevelMessageStore } from "@sssn/store-level";
import { HttpTransport } from "@sssn/transport-http";
import { HttpChannel } from "@sssn/transport-http/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { ScheduleChannel, Scheduler, Schedules, type ScheduleDefinition } from "../src/index.js";

const START = Date.UTC(2026, 0, 1);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const HOURLY = { everyMs: HOUR_MS, channel: "jobs", content: "count" } as const satisfies ScheduleDefinition;
const MINUTELY = { ...HOURLY, everyMs: MINUTE_MS } as const;

function loggerTo(lines: string[]): Logger {
  const keep = (_fields: object, message: string): void => void lines.push(message);
  return { debug: () => {}, info: keep, warn: keep, error: keep };
}

async function running<Channel extends BaseChannel>(channel: Channel): Promise<Channel> {
  await channel.start();
  onTestFinished(async () => {
    await channel.drain();
  });
  return channel;
}

/** A channel of jobs, one of schedules, and schedulers that come and go. */
async function setting({
  store,
  clock = new VirtualClock(START, { io: false }),
  more,
}: { store?: MessageStore; clock?: VirtualClock; more?: Partial<ChannelOptions> } = {}) {
  const lines: string[] = [];
  const logger = loggerTo(lines);
  const shared = { store: store ?? new MemoryMessageStore({ clock }), clock, logger };
  const jobs = await running(new PassthroughChannel({ ...shared, ...more, id: "jobs" }));
  const channel = await running(new ScheduleChannel({ ...shared, id: "schedules" }));
  const clientOf = (id: string): ChannelClient => {
    const client = new ChannelClient(id);
    client.connect(jobs);
    client.connect(channel);
    return client;
  };
  const schedules = new Schedules(clientOf("operator"), "schedules");
  const schedule = async (who: string | ChannelClient, options: { clock?: Clock } = {}): Promise<Scheduler> => {
    const client = typeof who === "string" ? clientOf(who) : who;
    const scheduler = await new Scheduler(client, "schedules", { clock, logger, ...options }).start();
    onTestFinished(() => scheduler.close());
    return scheduler;
  };
  /** The ticks that were written, as hours and minutes since the start. */
  const ticks = async (): Promise<string[]> => {
    const { messages } = await jobs.read("person", { after: 0, limit: 10_000 });
    return messages.map(({ metadata }) => at((metadata as { tick: number }).tick));
  };
  return { clock, lines, jobs, channel, schedules, schedule, ticks, clientOf, logger };
}

function at(tick: number): string {
  const minutes = Math.round((tick - START) / MINUTE_MS);
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
}

describe("a schedule", () => {
  it("is written at each of its ticks, with what it says, its name and the moment", async () => {
    const { clock, schedules, schedule, jobs } = await setting();
    await schedules.set("hourly", { ...HOURLY, content: { count: ["sheep"] } });
    await schedule("one");
    await clock.advance(2 * HOUR_MS);
    const { messages } = await jobs.read("person");
    expect(messages.map(({ id, content, metadata, senderId }) => ({ id, content, metadata, senderId }))).toEqual(
      [1, 2].map((hour) => ({
        id: `hourly@${START + hour * HOUR_MS}`,
        content: { count: ["sheep"] },
        metadata: { schedule: "hourly", tick: START + hour * HOUR_MS },
        senderId: "one",
      })),
    );
  });

  it("is written once, however many schedulers there are, and whichever of them go and come", async () => {
    const { clock, schedules, schedule, ticks } = await setting();
    await schedules.set("hourly", HOURLY);
    const [one] = await Promise.all([schedule("one"), schedule("two"), schedule("three")]);
    await clock.advance(3 * HOUR_MS);
    await one?.close();
    await clock.advance(2 * HOUR_MS);
    await schedule("one");
    await clock.advance(HOUR_MS);
    expect(await ticks()).toEqual(["1:00", "2:00", "3:00", "4:00", "5:00", "6:00"]);
  });

  it("goes on where it was after a restart of everything, on disk", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sssn-schedule-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const clock = new VirtualClock(START);
    for (let run = 0; run < 3; run++) {
      const store = new LevelMessageStore({ folder, clock });
      const { schedules, schedule, jobs, channel, ticks } = await setting({ store, clock });
      await schedules.set("minutely", MINUTELY);
      const scheduler = await schedule("one");
      await clock.advance(MINUTE_MS);
      await expect.poll(async () => (await ticks()).length).toBe(run + 1);
      await scheduler.close();
      await Promise.all([jobs.drain(), channel.drain()]);
      await store.close();
    }
  });

  it("for one moment is written once, also when it is set late", async () => {
    const { clock, schedules, schedule, ticks } = await setting();
    await schedule("one");
    await schedules.set("later", { at: START + 90 * MINUTE_MS, channel: "jobs", content: 1 });
    await clock.advance(2 * HOUR_MS);
    await schedules.set("late", { at: START + 30 * MINUTE_MS, channel: "jobs", content: 1 });
    await schedules.set("too-late", { at: START + 31 * MINUTE_MS, channel: "jobs", content: 1, missed: "skip" });
    await clock.advance(DAY_MS);
    expect(await ticks()).toEqual(["1:30", "0:30"]);
    expect((await schedules.list()).map(({ name, nextTick }) => [name, nextTick])).toEqual([
      ["later", undefined],
      ["late", undefined],
      ["too-late", undefined],
    ]);
  });
});

describe("ticks that were missed, while all schedulers slept for a week", () => {
  it.each([
    ["skip", []],
    ["once", ["171:00"]],
    ["all", Array.from({ length: 168 }, (_, index) => `${index + 4}:00`)],
  ] as const)("%s", async (missed, made) => {
    const { clock, schedules, schedule, ticks } = await setting();
    await schedules.set("hourly", { ...HOURLY, missed });
    const first = await schedule("one");
    await clock.advance(3.5 * HOUR_MS);
    await first.close();
    await clock.advance(7 * DAY_MS);
    await Promise.all([schedule("one"), schedule("two")]);
    await clock.advance(HOUR_MS);
    expect(await ticks()).toEqual(["1:00", "2:00", "3:00", ...made, "172:00"]);
  });

  it("skip leaves nothing out that is late by less than a minute", async () => {
    const { clock, schedules, schedule, ticks } = await setting();
    await schedules.set("hourly", { ...HOURLY, missed: "skip" });
    await clock.advance(HOUR_MS + 60_000);
    await schedule("one");
    await clock.advance(10);
    expect(await ticks()).toEqual(["1:00"]);
    await clock.advance(HOUR_MS - 120_000);
    expect(await ticks()).toEqual(["1:00"]);
  });

  it("are those of the log's clock: a scheduler whose own is a day ahead or behind writes what all the others do", async () => {
    const { clock, schedules, schedule, ticks } = await setting();
    await schedules.set("hourly", { ...HOURLY, missed: "all" });
    const shifted = (deltaMs: number): Clock => ({
      now: () => clock.now() + deltaMs,
      monotonic: () => clock.monotonic(),
      schedule: (callback, delayMs) => clock.schedule(callback, delayMs),
    });
    await Promise.all([schedule("ahead", { clock: shifted(DAY_MS) }), schedule("behind", { clock: shifted(-DAY_MS) })]);
    await clock.advance(2 * HOUR_MS);
    expect(await ticks()).toEqual(["1:00", "2:00"]);
  });

  it("are none when the machine's clock is set back, and no tick comes twice", async () => {
    const { clock, schedules, schedule, ticks } = await setting();
    await schedules.set("hourly", { ...HOURLY, missed: "all" });
    await schedule("one");
    await clock.advance(2 * HOUR_MS);
    clock.stepWall(-2 * HOUR_MS);
    await clock.advance(3 * HOUR_MS);
    expect(await ticks()).toEqual(["1:00", "2:00", "3:00", "4:00", "5:00"]);
  });
});

describe("a schedule that is changed", () => {
  it("goes by its new rule from then on, and not at all when nothing has changed", async () => {
    const { clock, schedules, schedule, ticks, channel } = await setting();
    await schedules.set("s", HOURLY);
    await schedule("one");
    await clock.advance(90 * MINUTE_MS);
    await schedules.set("s", { ...HOURLY, missed: "once" });
    await clock.advance(30 * MINUTE_MS);
    await schedules.set("s", { everyMs: 40 * MINUTE_MS, channel: "jobs", content: "other" });
    await clock.advance(HOUR_MS);
    expect(await ticks()).toEqual(["1:00", "2:00", "2:40"]);
    await channel.maintain();
    await clock.advance(HOUR_MS);
    expect(await ticks()).toEqual(["1:00", "2:00", "2:40", "3:20", "4:00"]);
  });

  it("is not written while it is paused, and what was due then is not made up for", async () => {
    const { clock, schedules, schedule, ticks, channel } = await setting();
    await schedules.set("s", { ...HOURLY, missed: "all" });
    await schedule("one");
    await clock.advance(90 * MINUTE_MS);
    await schedules.pause("s");
    expect((await schedules.list())[0]).toEqual({
      name: "s",
      definition: { ...HOURLY, fromMs: 0, missed: "all" },
      isPaused: true,
      lastTick: START + HOUR_MS,
    });
    await clock.advance(2 * HOUR_MS);
    await channel.maintain();
    await schedules.resume("s");
    await clock.advance(HOUR_MS);
    expect(await ticks()).toEqual(["1:00", "4:00"]);
    expect((await schedules.list())[0]).toMatchObject({ isPaused: false, nextTick: START + 5 * HOUR_MS });
  });

  it("is gone when it is removed, and begins anew when it is set again", async () => {
    const { clock, schedules, schedule, ticks, channel } = await setting();
    await schedules.set("s", { ...HOURLY, missed: "all" });
    await schedule("one");
    await clock.advance(HOUR_MS);
    expect([await schedules.remove("s"), await schedules.remove("s"), await schedules.list()]).toEqual([true, false, []]);
    await clock.advance(2 * HOUR_MS);
    await channel.maintain();
    await schedules.set("s", { ...HOURLY, missed: "all" });
    await clock.advance(HOUR_MS);
    expect(await ticks()).toEqual(["1:00", "4:00"]);
  });

  it("has to be there to be paused or resumed", async () => {
    const { schedules } = await setting();
    await schedules.set("known", HOURLY);
    const expected = { code: "not_found", message: "There is no schedule unknown. There are: known." };
    await expect(schedules.pause("unknown")).rejects.toMatchObject(expected);
    await expect(schedules.resume("unknown")).rejects.toMatchObject(expected);
  });
});

describe("what goes wrong", () => {
  it("with one schedule is told, holds up no other, and is made up for when it is mended", async () => {
    const { clock, schedules, schedule, ticks, lines, logger, clientOf } = await setting();
    await schedules.set("lost", { ...HOURLY, channel: "gone" });
    await schedules.set("fine", HOURLY);
    const client = clientOf("one");
    await schedule(client);
    await clock.advance(2 * HOUR_MS);
    expect(await ticks()).toEqual(["1:00", "2:00"]);
    const told = "a tick of schedule lost could not be written to channel gone; tried again in ";
    expect(lines.filter((line) => line.startsWith(told)).slice(0, 3)).toEqual([1_000, 2_000, 4_000].map((rest) => `${told}${rest} ms`));
    const gone = await running(new PassthroughChannel({ id: "gone", store: new MemoryMessageStore({ clock }), clock, logger }));
    client.connect(gone);
    await clock.advance(MINUTE_MS);
    expect((await gone.read("person")).messages.map(({ metadata }) => at((metadata as { tick: number }).tick))).toEqual(["2:00"]);
    expect(lines.at(-1)).toBe("schedule lost is written again");
  });

  it("with the channel of schedules is told, and over when it can be read again", async () => {
    const { clock, schedules, schedule, ticks, lines, channel, clientOf } = await setting();
    await schedules.set("hourly", HOURLY);
    const client = clientOf("one");
    const positions = channel.positions.bind(channel);
    await schedule(client);
    channel.positions = () => Promise.reject(new Error("the disk is away"));
    await clock.advance(HOUR_MS + MINUTE_MS);
    expect([await ticks(), lines.some((line) => line.startsWith("schedules can't be read; asked again in"))]).toEqual([[], true]);
    channel.positions = positions;
    await clock.advance(2 * MINUTE_MS);
    expect(await ticks()).toEqual(["1:00"]);
  });

  it("between writing a tick and noting it does not write it twice", async () => {
    const { clock, schedules, schedule, ticks, channel, lines } = await setting();
    await schedules.set("hourly", HOURLY);
    const write = channel.write.bind(channel);
    const scheduler = await schedule("one");
    channel.write = () => Promise.reject(new Error("cut off"));
    await clock.advance(HOUR_MS + 1);
    await scheduler.close();
    channel.write = write;
    await schedule("another");
    await clock.advance(MINUTE_MS);
    expect([await ticks(), (await schedules.list())[0]?.lastTick]).toEqual([["1:00"], START + HOUR_MS]);
    expect(lines.some((line) => line.startsWith("that schedule hourly has ticked could not be noted; tried again in 1000 ms"))).toBe(true);
  });

  it("with what is written is refused by the channel: what is no record of a schedule, and a definition that makes no sense", async () => {
    const { channel } = await setting();
    for (const content of [
      "x",
      null,
      {},
      { type: "other", schedule: "s" },
      { type: "paused", schedule: "s" },
      { type: "ticked", schedule: "s" },
    ])
      await expect(channel.write("w", content as never)).rejects.toMatchObject({ code: "content_rejected" });
    const definition = { cron: "61 * * * *", channel: "jobs", content: 1 };
    await expect(channel.write("w", { type: "set", schedule: "s", definition })).rejects.toMatchObject({
      code: "content_rejected",
      message: expect.stringContaining("can't be read") as string,
    });
  });

  it("is not what a channel of another kind holds besides: it changes nothing and hides nothing", async () => {
    const { clock, jobs, logger } = await setting();
    await jobs.write("w", "no record");
    await jobs.write("w", { type: "paused", schedule: "nobody's", paused: true });
    const client = new ChannelClient("operator");
    client.connect(jobs);
    const schedules = new Schedules(client, "jobs");
    await schedules.set("s", HOURLY);
    expect((await schedules.list()).map(({ name }) => name)).toEqual(["s"]);
    expect(() => new Scheduler(client, "nowhere", { clock, logger })).toThrowError(
      expect.objectContaining({ code: "channel_not_connected" }),
    );
    expect(() => new Scheduler(client, "jobs", { late: 1 } as never)).toThrowError(/Scheduler has no option "late"/);
    expect(() => new Scheduler(client, "jobs", { lateMs: 1 })).toThrowError(/lateMs/);
  });
});

describe("a scheduler", () => {
  it("is begun once, and ends when it is closed, with nothing left behind", async () => {
    const { clock, schedules, schedule, ticks } = await setting();
    await schedules.set("hourly", HOURLY);
    await (await schedule("first")).close();
    const before = clock.pendingTimers;
    const scheduler = await schedule("one");
    await expect(scheduler.start()).rejects.toMatchObject({ code: "invalid_state" });
    await scheduler.close();
    await scheduler.close();
    await clock.advance(1);
    expect(clock.pendingTimers).toBe(before);
    await clock.advance(DAY_MS);
    expect(await ticks()).toEqual([]);
  });

  it("ends with the system whose client it uses", async () => {
    const { clock, schedules, schedule, ticks, clientOf } = await setting();
    await schedules.set("hourly", HOURLY);
    const client = clientOf("one");
    const scheduler = await schedule(client);
    await client.end();
    await scheduler.close();
    await clock.advance(DAY_MS);
    expect(await ticks()).toEqual([]);
  });

  it("that could not begin may be begun again", async () => {
    const { clock, jobs, logger } = await setting();
    const client = new ChannelClient("one");
    const asleep = new ScheduleChannel({ id: "asleep", store: new MemoryMessageStore({ clock }), clock, logger });
    client.connect(asleep);
    client.connect(jobs);
    const scheduler = new Scheduler(client, "asleep", { clock, logger });
    await expect(scheduler.start()).rejects.toMatchObject({ code: "channel_not_running" });
    await running(asleep);
    await scheduler.start();
    await scheduler.close();
  });
});

describe("the channel of schedules", () => {
  it("stays as small as what it says", async () => {
    const { clock, schedules, schedule, channel, ticks } = await setting();
    await schedules.set("minutely", { everyMs: MINUTE_MS, channel: "jobs", content: 1 });
    await schedules.set("nightly", { cron: "0 3 * * *", channel: "jobs", content: 1 });
    await schedules.pause("nightly");
    await schedule("one");
    await clock.advance(DAY_MS);
    await channel.maintain();
    expect((await channel.history("admin")).messages).toHaveLength(4);
    expect((await schedules.list()).map(({ name, isPaused }) => [name, isPaused])).toEqual([
      ["minutely", false],
      ["nightly", true],
    ]);
    expect(await ticks()).toHaveLength(1_440);
  });
});

describe("over HTTP", () => {
  it("another process sets schedules and writes their ticks, and this one too, each once", async () => {
    const clock = new VirtualClock(START);
    const lines: string[] = [];
    const logger = { ...loggerTo(lines), info: () => {} };
    const security = new JWTChannelSecurity({ secret: crypto.getRandomValues(new Uint8Array(32)) });
    const shared = { store: new MemoryMessageStore({ clock }), clock, logger, security, visibility: "public" } as const;
    const office = new BaseSystem({ id: "office", logger });
    office.addChannel(new PassthroughChannel({ ...shared, id: "jobs" }));
    office.addChannel(new ScheduleChannel({ ...shared, id: "schedules" }));
    const published = await office.publish({ transport: new HttpTransport({ port: 0, logger, lameDuckMs: 0 }) });
    onTestFinished(async () => {
      await published.close({ timeoutMs: 5_000 });
    });
    const clientOf = async (id: string): Promise<ChannelClient> => {
      const client = new ChannelClient(id);
      const token = await security.generateToken({ systemId: id, role: "write", channels: "*" });
      for (const channel of ["jobs", "schedules"])
        client.connect(new HttpChannel({ url: published.addresses[0] ?? "", id: channel, token, logger }));
      onTestFinished(() => client.end());
      return client;
    };
    const [operator, one, two] = await Promise.all(["operator", "one", "two"].map(clientOf));
    if (!operator || !one || !two) throw new Error("three clients were made");
    const schedulers = await Promise.all(
      [one, two, office.client].map((client) => new Scheduler(client, "schedules", { clock, logger }).start()),
    );
    const schedules = new Schedules(operator, "schedules");
    await schedules.set("minutely", MINUTELY);
    const minutes = [1, 2, 3].map((minute) => START + minute * MINUTE_MS);
    for (const minute of minutes) {
      await clock.advance(MINUTE_MS);
      await expect.poll(async () => (await schedules.list())[0]?.lastTick).toBe(minute);
    }
    expect((await operator.read("jobs")).messages.map(({ id }) => id)).toEqual(minutes.map((minute) => `minutely@${minute}`));
    await Promise.all(schedulers.map((scheduler) => scheduler.close()));
    expect(lines).toEqual([]);
  });
});
