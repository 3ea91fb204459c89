import type { Clock } from "@sssn/core";

const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 60_000;

/** Where one of the hosts of a channel is, and how it has answered lately. */
export class Address {
  readonly url: string;
  readonly #clock: Clock;
  /** Whether something came back from it the last time, be it a refusal. */
  isReached = true;
  /** In a row. */
  #failures = 0;
  #failedAt = -Infinity;
  #restsUntil = -Infinity;

  constructor(url: string, clock: Clock) {
    this.url = url;
    this.#clock = clock;
  }

  get works(): boolean {
    return this.#failures === 0;
  }

  /** For how long it is still left alone, in ms. */
  get restMs(): number {
    return Math.max(0, this.#restsUntil - this.#clock.monotonic());
  }

  answered(): void {
    this.#failures = 0;
    this.#restsUntil = -Infinity;
  }

  /** Its host can't do what it was asked to: it rests, longer each time. @param begunAt when it was asked: what many calls find out at once has happened once. */
  failed(begunAt: number): void {
    if (begunAt < this.#failedAt) return;
    this.#failedAt = this.#clock.monotonic();
    this.#restsUntil = this.#failedAt + Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** this.#failures++);
  }
}

/**
 * The addresses of a channel: which one to ask next. The first one is asked for as long as it works; one that has failed rests, and is asked again when its
 * rest is over.
 */
export class HostAddresses {
  readonly #clock: Clock;
  #all: readonly Address[];

  /** @param urls one at least. */
  constructor(urls: readonly string[], clock: Clock) {
    this.#clock = clock;
    this.#all = urls.map((url) => new Address(url, clock));
  }

  /** The channel is there from now on. What is known of an address stays known. @param urls none: nobody can say where it is now. */
  replace(urls: readonly string[]): void {
    if (urls.length === 0) return;
    this.#all = urls.map((url) => this.#all.find((known) => known.url === url) ?? new Address(url, this.#clock));
  }

  get count(): number {
    return this.#all.length;
  }

  /** The first that does not rest; where all do, the one whose rest is over first. */
  next(): Address {
    const [first] = [...this.#all].sort((left, right) => left.restMs - right.restMs);
    return first as Address;
  }

  /** Whether there is one to go to at once. */
  get hasRested(): boolean {
    return this.#all.some(({ restMs }) => restMs === 0);
  }

  /** Whether an address is asked to see if it works again, while there is another one that does. */
  isTrial(address: Address): boolean {
    return !address.works && this.#all.some(({ works }) => works);
  }

  /** Whether any host is reached. */
  get isReached(): boolean {
    return this.#all.some(({ isReached }) => isReached);
  }
}
