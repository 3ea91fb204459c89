import { validateInteger } from "../identifiers.js";
import type { ChannelInfo, WriteOptions } from "../ports/channel-port.js";
import { Ticker } from "../ticker.js";
import { BaseChannel } from "./base-channel.js";
import type { ChannelOptions } from "./channel-options.js";

/** What a {@link PeriodicChannel} is told besides what every channel is. */
export interface PeriodicOptions<Item, Content> extends ChannelOptions<Content> {
  /** How often the source is polled, from 1 ms. Default 60 000. */
  readonly periodMs?: number;
  /** How many items are converted at once, from 1 to 1 000. Default 10. */
  readonly concurrency?: number;
  /** Gets what is new from the source. The signal aborts when the channel stops. */
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
  readonly kind = "periodic";
  readonly periodMs: number;
  readonly #concurrency: number;
  readonly #source: PeriodicOptions<Item, Content>;
  readonly #stopping = new AbortController();
  #ticker: Ticker | undefined;

  constructor(options: PeriodicOptions<Item, Content>) {
    super(options);
    this.#source = options;
    this.periodMs = validateInteger("periodMs", options.periodMs ?? 60_000, 1, Number.MAX_SAFE_INTEGER);
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
  protected async onPull(): Promise<readonly Item[]> {
    return this.pull(this.#stopping.signal);
  }

  /** What to do with the items of one poll: converts some at a time, and writes each in its order. */
  protected async onProcess(items: readonly Item[]): Promise<void> {
    for (let start = 0; start < items.length; start += this.#concurrency) {
      const some = items.slice(start, start + this.#concurrency);
      const converted = await Promise.allSettled(some.map((item) => this.convert(item)));
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
    this.#ticker = new Ticker(this.options.clock, this.periodMs, () => this.#poll());
    this.#ticker.start(0);
  }

  protected override async stopWork(): Promise<void> {
    this.#stopping.abort();
    await this.#ticker?.stop();
  }

  async #poll(): Promise<void> {
    let items: readonly Item[] = [];
    await this.guarded("pull", async () => {
      items = await this.onPull();
    });
    await this.guarded("process", () => this.onProcess(items));
  }
}
