import { SSSNError, describe, isSSSNError } from "../../errors.js";
import { linkSignals } from "../../link-signals.js";
import { TOO_LATE, within } from "../../within.js";
import { validateInteger } from "../../identifiers.js";
import type { ChannelInfo, WriteOptions } from "../../ports/channel-port.js";
import { Ticker } from "../../ticker.js";
import { BaseChannel } from "../base-channel.js";
import { SoleRight } from "../../hosts/sole-right.js";
import type { ChannelOptions } from "../channel-options.js";

/** What a {@link PeriodicChannel} is told besides what every channel is. */
export interface PeriodicOptions<Item, Content> extends ChannelOptions<Content> {
  /** How often the source is polled, from 1 ms. Default 60 000. */
  readonly periodMs?: number;
  /** How many items are converted at once, from 1 to 1 000. Default 10. */
  readonly concurrency?: number;
  /**
   * How long one `pull()`, and one `convert()`, may take, in ms, from 1. Then its signal aborts, the error is counted, and the next period comes.
   * Default: ten periods, but from 1 000 to 60 000.
   */
  readonly pullTimeoutMs?: number;
  /** Gets what is new from the source. The signal aborts when the channel stops, and when it takes too long. */
  readonly pull?: (signal: AbortSignal) => Promise<readonly Item[]> | readonly Item[];
  /** Makes content out of an item, or drops it with `undefined`. Default: the item as it is. */
  readonly convert?: (item: Item) => Promise<Content | undefined> | Content | undefined;
  /** What to write with an item's message: an id makes a source that repeats itself harmless. */
  readonly optionsFor?: (item: Item) => WriteOptions;
}

/**
 * Polls a source: `pull()` every period, `convert()` for each item, then the message is written. One poll at a time; an error is
 * reported, and the next period comes all the same. Give the two functions as options, or extend the class.
 */
export class PeriodicChannel<Item = unknown, Content = Item> extends BaseChannel<Content> {
  static override readonly ownOptions: readonly string[] = ["periodMs", "pullTimeoutMs", "concurrency", "pull", "convert", "optionsFor"];
  readonly kind = "periodic";
  readonly periodMs: number;
  readonly #concurrency: number;
  readonly #source: PeriodicOptions<Item, Content>;
  readonly #stopping = new AbortController();
  readonly #pullTimeoutMs: number;
  #ticker: Ticker | undefined;
  #right: SoleRight | undefined;
  /** The last poll was given up: what comes from the source does not come. */
  #isStuck = false;

  constructor(options: PeriodicOptions<Item, Content>) {
    super(options);
    this.#source = options;
    this.periodMs = validateInteger("periodMs", options.periodMs ?? 60_000, 1, Number.MAX_SAFE_INTEGER);
    const { pullTimeoutMs = Math.min(60_000, Math.max(1_000, 10 * this.periodMs)) } = options;
    this.#pullTimeoutMs = validateInteger("pullTimeoutMs", pullTimeoutMs, 1, Number.MAX_SAFE_INTEGER);
    this.#concurrency = validateInteger("concurrency", options.concurrency ?? 10, 1, 1_000);
  }

  override describe(): ChannelInfo {
    return { ...super.describe(), periodMs: this.periodMs };
  }

  /** Gets what is new from the source. */
  protected async pull(signal: AbortSignal): Promise<readonly Item[]> {
    return (await this.#source.pull?.(signal)) ?? [];
  }

  /** Makes content out of an item, or drops it with `undefined`. */
  protected async convert(item: Item): Promise<Content | undefined> {
    if (this.#source.convert) return this.#source.convert(item);
    // Without a converter the item is the content: the two type parameters are the same then.
    return item as unknown as Content;
  }

  /** One poll. An exception is reported as `pull`. */
  protected async onPull(signal: AbortSignal = this.#stopping.signal): Promise<readonly Item[]> {
    return this.pull(signal);
  }

  /** Not while polls are given up. */
  override async isReady(): Promise<boolean> {
    return !this.#isStuck && (await super.isReady());
  }

  /** What to do with the items of one poll: converts some at a time, and writes each in its order. */
  protected async onProcess(items: readonly Item[]): Promise<void> {
    for (let start = 0; start < items.length; start += this.#concurrency) {
      const some = items.slice(start, start + this.#concurrency);
      const converted = await Promise.allSettled(some.map((item) => this.#inTime("convert()", this.convert(item))));
      for (const [index, outcome] of converted.entries()) await this.#keep(some[index] as Item, outcome);
    }
  }

  async #keep(item: Item, outcome: PromiseSettledResult<Awaited<Content> | undefined>): Promise<void> {
    await this.guarded("process", async () => {
      if (outcome.status === "rejected") throw outcome.reason;
      if (outcome.value !== undefined) await this.ingest(outcome.value, this.#source.optionsFor?.(item) ?? {});
    });
  }

  protected override startWork(): void {
    // Of several hosts one polls. A poll that takes its time is not overtaken by another host's.
    const ttlMs = Math.max(Math.ceil(0.9 * this.periodMs), this.#pullTimeoutMs + 1_000);
    const right = new SoleRight(this.options.store, `poll:${this.id}`, ttlMs);
    this.#right = right;
    this.#ticker = new Ticker(this.options.clock, this.periodMs, () => this.#poll(right));
    this.#ticker.start(0);
  }

  protected override async stopWork(): Promise<void> {
    this.#stopping.abort();
    await this.#ticker?.stop();
    await this.guarded("pull", async () => this.#right?.giveBack());
  }

  async #pullInTime(): Promise<readonly Item[]> {
    const giveUp = new AbortController();
    const { signal, release } = linkSignals(this.#stopping.signal, giveUp.signal);
    try {
      const pulled = await this.#inTime("pull()", this.onPull(signal));
      if (!Array.isArray(pulled)) throw new SSSNError("invalid_content", `pull() gives a list of items, but gave ${describe(pulled)}.`);
      this.#isStuck = false;
      return pulled as readonly Item[];
    } catch (error) {
      this.#isStuck = isSSSNError(error, "timeout");
      giveUp.abort(error);
      throw error;
    } finally {
      release();
    }
  }

  async #inTime<Result>(what: string, working: Promise<Result>): Promise<Result> {
    const result = await within(this.options.clock, this.#pullTimeoutMs, working);
    if (result !== TOO_LATE) return result;
    throw new SSSNError(
      "timeout",
      `${what} of channel ${this.id} did not end within ${this.#pullTimeoutMs} ms (pullTimeoutMs); it is not waited for any more.`,
    );
  }

  async #poll(right: SoleRight): Promise<void> {
    let items: readonly Item[] = [];
    await this.guarded("pull", async () => {
      if (await right.isMine()) items = await this.#pullInTime();
    });
    await this.guarded("process", () => this.onProcess(items));
  }
}
