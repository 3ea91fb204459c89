import { LogReader, SSSNError, type ChannelClient } from "@sssn/core";
import { checkDefinition, checkName, type ScheduleDefinition } from "./definition.js";
import { ScheduleBoard, type Schedule } from "./schedule-board.js";
import type { ScheduleRecord } from "./schedule-record.js";

/**
 * Sets, pauses, removes and lists schedules, from anywhere: what is changed here is what every {@link Scheduler} goes by from then on.
 *
 * @example
 * ```ts
 * import { ChannelClient, MemoryMessageStore } from "@sssn/core";
 * import { ScheduleChannel, Schedules } from "@sssn/schedule";
 * const channel = new ScheduleChannel({ id: "schedules", store: new MemoryMessageStore() });
 * await channel.start();
 * const client = new ChannelClient("operator");
 * client.connect(channel);
 * const schedules = new Schedules(client, "schedules");
 * await schedules.set("report", { cron: "0 9 * * MON-FRI", zone: "Europe/Berlin", channel: "jobs", content: { make: "report" } });
 * await schedules.pause("report");
 * const [report] = await schedules.list();
 * if (!report?.isPaused) throw new Error("it was paused");
 * if (!(await schedules.remove("report"))) throw new Error("it was there");
 * await channel.drain();
 * ```
 */
export class Schedules {
  readonly #client: ChannelClient;
  readonly #channelId: string;
  readonly #board = new ScheduleBoard();
  readonly #reader: LogReader;

  /** @param channelId of the channel of schedules that the client is connected to. @throws SSSNError `channel_not_connected`. */
  constructor(client: ChannelClient, channelId: string) {
    this.#client = client;
    this.#channelId = channelId;
    this.#reader = new LogReader(client.channel(channelId), client.systemId, this.#board);
  }

  /**
   * Makes a schedule, or changes it from its next tick on. Setting what is there already changes nothing, so that a program may do it at
   * every start. One that is paused stays paused.
   *
   * @throws SSSNError `invalid_argument`, `invalid_identifier`, `invalid_content`, and what a write is refused with.
   */
  async set(name: string, definition: ScheduleDefinition): Promise<void> {
    await this.#write({ type: "set", schedule: checkName(name), definition: checkDefinition(definition) });
  }

  /** No tick is written any more. @throws SSSNError `not_found`. */
  async pause(name: string): Promise<void> {
    await this.#mustExist(name);
    await this.#write({ type: "paused", schedule: name, paused: true });
  }

  /** Ticks are written again, from now on: those of the pause are not made up for. @throws SSSNError `not_found`. */
  async resume(name: string): Promise<void> {
    await this.#mustExist(name);
    await this.#write({ type: "paused", schedule: name, paused: false });
  }

  /** Resolves with whether there was one. What it has written stays. */
  async remove(name: string): Promise<boolean> {
    await this.#reader.refresh();
    if (!this.#board.has(checkName(name))) return false;
    await this.#write({ type: "removed", schedule: name });
    return true;
  }

  /** Every schedule, with its last tick and its next one. */
  async list(): Promise<readonly Schedule[]> {
    const now = await this.#reader.refresh();
    return this.#board.list(now);
  }

  async #mustExist(name: string): Promise<void> {
    const known = (await this.list()).map((schedule) => schedule.name);
    if (known.includes(checkName(name))) return;
    throw new SSSNError("not_found", `There is no schedule ${name}. There are: ${known.join(", ") || "none"}.`, { details: { known } });
  }

  async #write(record: ScheduleRecord): Promise<void> {
    await this.#client.write(this.#channelId, record);
  }
}
