import { BaseChannel, type ChannelMessage, type ChannelOptions } from "@sssn/core";
import { ScheduleBoard } from "./schedule-board.js";
import { RECORD_SCHEMA, type ScheduleRecord } from "./schedule-record.js";

/** What a {@link ScheduleChannel} is told: what every channel is, but for what would lose a schedule. */
export type ScheduleChannelOptions = Omit<ChannelOptions<ScheduleRecord>, "schema" | "retention">;

const PAGE = 1_000;

/**
 * A channel of schedules. Durable and readable like any other channel; it refuses what is no record of a schedule, and removes records that
 * others have replaced, so that it stays as small as what it says.
 *
 * @example
 * ```ts
 * import { MemoryMessageStore } from "@sssn/core";
 * import { ScheduleChannel } from "@sssn/schedule";
 * const schedules = new ScheduleChannel({ id: "schedules", store: new MemoryMessageStore() });
 * await schedules.start();
 * await schedules.write("operator", { type: "set", schedule: "nightly", definition: { cron: "0 3 * * *", channel: "jobs", content: "report" } });
 * await schedules.drain();
 * ```
 */
export class ScheduleChannel extends BaseChannel<ScheduleRecord> {
  static override readonly ownOptions: readonly string[] = [];
  static override readonly foreignOptions: readonly string[] = ["retention"];
  readonly kind = "channel";

  constructor(options: ScheduleChannelOptions) {
    super({ ...options, schema: RECORD_SCHEMA });
  }

  /** Removes what was replaced. */
  protected override async onMaintain(): Promise<void> {
    const board = new ScheduleBoard();
    const { last } = await this.log.bounds();
    await this.#eachPage(last, (messages) => {
      for (const message of messages) board.apply(message);
    });
    const live = board.liveSequences();
    await this.#eachPage(last, async (messages) => {
      await this.log.remove(messages.filter(({ sequence }) => !live.has(sequence)).map(({ id }) => id));
    });
    await super.onMaintain();
  }

  async #eachPage(last: number, task: (messages: readonly ChannelMessage[]) => unknown): Promise<void> {
    for (let after = 0; after < last;) {
      const page = await this.log.read({ after, limit: PAGE });
      await task(page.messages.filter(({ sequence }) => sequence <= last));
      after = page.messages.length === 0 ? last : page.position;
    }
  }
}
