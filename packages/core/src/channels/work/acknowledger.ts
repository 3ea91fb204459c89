import type { Clock } from "../../clock.js";
import { toError } from "../../errors.js";
import type { ChannelPort, SettleOptions } from "../../ports/channel-port.js";
import type { SettleResult } from "../../ports/message-store.js";
import { repeatUntil } from "./repeating.js";

const MOST_AT_ONCE = 1_000;

/** A claim whose work is done. */
export interface DoneClaim {
  readonly receipt: string;
  readonly messageId: string;
  /** Until when it is held, on the monotonic clock. */
  readonly heldUntil: number;
}

/** Told of each acknowledgement: how it ended, or why it could not be asked for. */
export type AcknowledgementListener = (messageId: string, outcome: SettleResult["status"] | Error) => void;

/** Acknowledges claims in groups: while one call is under way, the next one gathers. A call that fails is repeated as long as the leases run. */
export class Acknowledger {
  readonly #channel: ChannelPort;
  readonly #clock: Clock;
  readonly #readerId: string;
  readonly #group: SettleOptions;
  readonly #onResult: AcknowledgementListener;
  #waiting: DoneClaim[] = [];
  #underWay = 0;
  #running: Promise<void> | undefined;

  constructor(channel: ChannelPort, clock: Clock, readerId: string, group: SettleOptions, onResult: AcknowledgementListener) {
    this.#channel = channel;
    this.#clock = clock;
    this.#readerId = readerId;
    this.#group = group;
    this.#onResult = onResult;
  }

  /** How many are not confirmed yet. */
  get size(): number {
    return this.#waiting.length + this.#underWay;
  }

  add(claim: DoneClaim): void {
    this.#waiting.push(claim);
    this.#running ??= this.#run();
  }

  /** Resolves when all is confirmed, or could not be. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #run(): Promise<void> {
    // Whatever ends in this turn of the event loop still joins the first group.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MOST_AT_ONCE);
      this.#underWay = group.length;
      const outcomes = await this.#ask(group);
      this.#underWay = 0;
      for (const [index, { messageId }] of group.entries()) this.#onResult(messageId, outcomes(index));
    }
    // In the same turn in which nothing was waiting: what comes after it begins anew.
    this.#running = undefined;
  }

  async #ask(group: readonly DoneClaim[]): Promise<(index: number) => SettleResult["status"] | Error> {
    const receipts = group.map(({ receipt }) => receipt);
    const until = Math.max(...group.map(({ heldUntil }) => heldUntil));
    try {
      const results = await repeatUntil(this.#clock, until, () => this.#channel.acknowledge(this.#readerId, receipts, this.#group));
      return (index) => results[index]?.status ?? "unknown";
    } catch (thrown) {
      const error = toError(thrown);
      return () => error;
    }
  }
}
