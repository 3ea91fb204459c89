import type { ChannelPort } from "../../ports/channel-port.js";
import type { ChannelLog, DeadMessage } from "../../ports/message-store.js";

const PAGE = 100;

/**
 * Copies dead letters to the channel that wants them. The log knows which copies are still to be made, so that none is forgotten when a
 * copy fails or the process ends in between; each death has a name of its own, so that none is made twice.
 */
export class DeadLetterForwarder {
  readonly #channelId: string;
  readonly #target: ChannelPort | undefined;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(channelId: string, target: ChannelPort | undefined) {
    this.#channelId = channelId;
    this.#target = target;
  }

  /** Copies what is pending in a group. @throws what writing to the target throws; what is left is copied another time. */
  forward(log: ChannelLog, group: string): Promise<void> {
    const target = this.#target;
    if (!target) return Promise.resolve();
    const before = this.#underWay.get(group) ?? Promise.resolve();
    const after = before
      .catch(() => undefined)
      .then(() => this.#copyAll(log, group, target))
      .finally(() => {
        if (this.#underWay.get(group) === after) this.#underWay.delete(group);
      });
    this.#underWay.set(group, after);
    return after;
  }

  /** Resolves when no copy is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
  }

  async #copyAll(log: ChannelLog, group: string, target: ChannelPort): Promise<void> {
    for (;;) {
      const pending = await log.dead(group, { limit: PAGE, pending: true });
      for (const letter of pending) await this.#copy(group, letter, target);
      if (pending.length > 0)
        await log.forwarded(
          group,
          pending.map(({ message }) => message.id),
        );
      if (pending.length < PAGE) return;
    }
  }

  async #copy(group: string, { message, deliveries, reason, diedAt, deathId }: DeadMessage, target: ChannelPort): Promise<void> {
    const { id, sequence, senderId, content, metadata, correlationId } = message;
    const facts = { channel: this.#channelId, group, id, sequence, senderId, deliveries };
    const deadLetter = { ...facts, ...(reason === undefined ? {} : { reason }), ...(diedAt === undefined ? {} : { diedAt }) };
    await target.write(this.#channelId, content, {
      metadata: { ...metadata, deadLetter },
      ...(deathId === undefined ? {} : { id: deathId }),
      ...(correlationId === undefined ? {} : { correlationId }),
    });
  }
}
