import {
  LogReader,
  SSSNError,
  consoleLogger,
  guardLogger,
  isSSSNError,
  refuseUnknownOptions,
  systemClock,
  toError,
  validateInteger,
  type ChannelClient,
  type Clock,
  type Logger,
  type Subscription,
  type WriteOptions,
} from "@sssn/core";
import { ScheduleBoard, type Schedule } from "./schedule-board.js";
import { GrowingRest } from "./growing-rest.js";

/** How a {@link Scheduler} runs. */
export interface SchedulerOptions {
  /** A tick that could not be written for so long was missed, in ms from 1 000 to a day. Default 60 000. */
  readonly lateMs?: number;
  /** What time passes by. Default: the machine's clock; a test gives a `VirtualClock`. What time it is says the channel of schedules. */
  readonly clock?: Clock;
  /** Told what could not be written, and when it could again. Default: warnings and errors to the console. */
  readonly logger?: Logger;
}

const OPTIONS = new Set(["lateMs", "clock", "logger"]);
/** A clock that is set, or a machine that slept, is noticed after so long. */
const LONGEST_REST_MS = 30_000;
/** Most ticks of one schedule that are made up for before the others and the end are looked at again. */
const MOST_AT_ONCE = 100;

/**
 * Writes the ticks of the schedules in a channel. Any number of schedulers may run, in any number of processes: a tick is a write whose id
 * is made of schedule and moment, so that it exists once.
 *
 * @example
 * ```ts
 * import { MemoryMessageStore, WorkQueueChannel, defineSystem } from "@sssn/core";
 * import { testNetwork } from "@sssn/core/testing";
 * import { ScheduleChannel, Scheduler, Schedules } from "@sssn/schedule";
 * const done: unknown[] = [];
 * await using network = await testNetwork(({ store, clock, logger }) =>
 *   defineSystem({
 *     id: "office",
 *     clock,
 *     logger,
 *     setup(office) {
 *       office.addChannel(new WorkQueueChannel({ id: "jobs", store, clock, logger }));
 *       office.addChannel(new ScheduleChannel({ id: "schedules", store, clock, logger }));
 *     },
 *     async onStart({ client }) {
 *       await new Schedules(client, "schedules").set("hourly", { everyMs: 3_600_000, channel: "jobs", content: "count" });
 *       await new Scheduler(client, "schedules", { clock, logger }).start();
 *       client.work("jobs", ({ content }) => void done.push(content), { clock, logger });
 *     },
 *   }),
 * );
 * await network.advance(24 * 3_600_000);
 * if (done.length !== 24) throw new Error(`a day has 24 hours, and not ${done.length}`);
 * ```
 */
export class Scheduler implements AsyncDisposable {
  readonly #client: ChannelClient;
  readonly #channelId: string;
  readonly #lateMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #board = new ScheduleBoard();
  readonly #reader: LogReader;
  /** The schedules whose ticks are being written. */
  readonly #writing = new Map<string, Promise<void>>();
  readonly #rests = new Map<string, GrowingRest>();
  readonly #readingRest = new GrowingRest();
  #subscription: Subscription | undefined;
  #running: Promise<void> | undefined;
  #hasBegun = false;
  #hasEnded = false;
  #wake: () => void = () => {};
  #isPrompted = false;

  /**
   * @param channelId of the channel of schedules that the client is connected to, as it is to the channels that the schedules write to.
   * @throws SSSNError `channel_not_connected`, `invalid_argument`.
   */
  constructor(client: ChannelClient, channelId: string, options: SchedulerOptions = {}) {
    refuseUnknownOptions("Scheduler", options, OPTIONS);
    this.#client = client;
    this.#channelId = channelId;
    this.#lateMs = validateInteger("lateMs", options.lateMs ?? 60_000, 1_000, 24 * 3_600_000);
    this.#clock = options.clock ?? systemClock;
    this.#logger = guardLogger(options.logger ?? consoleLogger);
    this.#reader = new LogReader(client.channel(channelId), client.systemId, this.#board);
  }

  /**
   * Begins, once the schedules are read. Ends with the client's system, or by {@link Scheduler.close}.
   *
   * @throws SSSNError `invalid_state` when it was begun before; what reading is refused with.
   */
  async start(): Promise<this> {
    if (this.#hasBegun) throw new SSSNError("invalid_state", "A scheduler is begun once: make a new one.");
    this.#hasBegun = true;
    try {
      await this.#reader.refresh();
      const from = { after: this.#reader.position };
      this.#subscription = await this.#client.subscribe(this.#channelId, () => this.#prompt(), { from, ifReplaced: "start" });
    } catch (error) {
      this.#hasBegun = false;
      throw error;
    }
    void this.#subscription.closed.then(
      () => this.#end(),
      (error: unknown) => this.#broke(error),
    );
    this.#running = this.#run();
    return this;
  }

  /** No tick begins after this; resolves when those that are being written are done. */
  async close(): Promise<void> {
    this.#end();
    await this.#subscription?.close();
    await this.#running;
    await Promise.all(this.#writing.values());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #end(): void {
    this.#hasEnded = true;
    this.#prompt();
  }

  #broke(error: unknown): void {
    this.#logger.error(
      { channel: this.#channelId, err: toError(error) },
      "a scheduler ended, because its schedules can't be followed any more",
    );
    this.#end();
  }

  #prompt(): void {
    this.#isPrompted = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    while (!this.#hasEnded) {
      this.#isPrompted = false;
      const restMs = await this.#look();
      if (!this.#hasEnded && !this.#isPrompted) await this.#rest(restMs);
    }
  }

  /** Until there is something to do, or somebody says so. */
  #rest(restMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.schedule(() => this.#wake(), Math.max(1, Math.min(restMs, LONGEST_REST_MS)));
      this.#wake = () => {
        this.#wake = () => {};
        cancel();
        resolve();
      };
    });
  }

  /** Begins to write what is due. Resolves with how long there is nothing to do then, in ms. */
  async #look(): Promise<number> {
    let now: number;
    try {
      now = await this.#reader.refresh();
      this.#readingRest.succeeded();
    } catch (error) {
      const restMs = this.#readingRest.failed(this.#clock.monotonic());
      this.#logger.warn({ channel: this.#channelId, err: toError(error) }, `schedules can't be read; asked again in ${restMs} ms`);
      return restMs;
    }
    return Math.min(...this.#board.list(now).map((schedule) => this.#begin(schedule, now)), LONGEST_REST_MS);
  }

  /** Begins to write a schedule's ticks, if there are any. Returns when to look again. */
  #begin(schedule: Schedule, now: number): number {
    const { name } = schedule;
    const restMs = this.#rests.get(name)?.remaining(this.#clock.monotonic()) ?? 0;
    if (this.#writing.has(name)) return LONGEST_REST_MS;
    if (restMs > 0) return restMs;
    const due = this.#board.due(name, now, this.#lateMs, MOST_AT_ONCE);
    if (due.length === 0) return (schedule.nextTick ?? Infinity) - now;
    const writing = this.#writeAll(schedule, due).finally(() => {
      this.#writing.delete(name);
      this.#prompt();
    });
    this.#writing.set(name, writing);
    return LONGEST_REST_MS;
  }

  /** Never rejects: what fails is told, and tried again after a rest. */
  async #writeAll(schedule: Schedule, ticks: readonly number[]): Promise<void> {
    const { name, definition } = schedule;
    const rest = this.#rests.get(name) ?? new GrowingRest();
    this.#rests.set(name, rest);
    let written: number | undefined;
    try {
      for (const tick of ticks) {
        if (this.#hasEnded) break;
        await this.#write(definition.channel, definition.content, { id: idOf(name, tick), metadata: { schedule: name, tick } });
        written = tick;
      }
      if (rest.succeeded()) this.#logger.info({ schedule: name, channel: definition.channel }, `schedule ${name} is written again`);
    } catch (error) {
      const restMs = rest.failed(this.#clock.monotonic());
      this.#logger.error(
        { schedule: name, channel: definition.channel, err: toError(error) },
        `a tick of schedule ${name} could not be written to channel ${definition.channel}; tried again in ${restMs} ms`,
      );
    }
    if (written === undefined) return;
    try {
      const record = { type: "ticked", schedule: name, tick: written } as const;
      await this.#write(this.#channelId, record, { id: `ticked.${idOf(name, written)}` });
    } catch (error) {
      const restMs = rest.failed(this.#clock.monotonic());
      this.#logger.error(
        { schedule: name, err: toError(error) },
        `that schedule ${name} has ticked could not be noted; tried again in ${restMs} ms`,
      );
    }
  }

  /** The id is there already: another scheduler was first, or an earlier definition. */
  async #write(channelId: string, content: unknown, options: WriteOptions): Promise<void> {
    try {
      await this.#client.write(channelId, content, options);
    } catch (error) {
      if (!isSSSNError(error, "message_conflict")) throw error;
    }
  }
}

/** One id a tick, whoever writes it. */
function idOf(schedule: string, tick: number): string {
  return `${schedule}@${tick}`;
}
