/** What every message carries: about 200 bytes of JSON. */
export interface Body {
  readonly number: number;
  readonly sensor: string;
  readonly celsius: number;
  readonly note: string;
}

export function body(number: number): Body {
  return {
    number,
    sensor: `sensor-${number % 97}`,
    celsius: 20 + (number % 50) / 10,
    note: "an ordinary reading, of which there are many, each with a few words to it that say what it is about and why",
  };
}

export function bodies(from: number, count: number): Body[] {
  return Array.from({ length: count }, (_, index) => body(from + index));
}

/** How a queue is worked off. */
export interface ConsumeOptions {
  readonly workers: number;
  /** Most messages that one worker takes at a time. */
  readonly batch: number;
}

/** One empty queue, open. */
export interface Queue {
  /** Resolves when the message is acknowledged to its writer. */
  write(message: Body): Promise<unknown>;
  writeBatch(messages: readonly Body[]): Promise<unknown>;
  /** Works off so many messages, each acknowledged. Left out: this contender has no such thing. */
  consume?(count: number, options: ConsumeOptions): Promise<void>;
  /** Reads so many messages from the start, in order, content included. */
  readAll?(count: number): Promise<void>;
  /** Calls back with every message that comes from now on, until it is stopped. */
  listen?(handler: (message: Body) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** One side of the comparison. */
export interface Contender {
  readonly name: string;
  /** What an acknowledged write survives, in fact. */
  readonly durability: string;
  /** Most messages that it takes at a time when it is worked off; left out: any number. */
  readonly largestBatch?: number;
  /** Makes an empty queue. `folder` is empty and belongs to it. */
  open(folder: string): Promise<Queue>;
  /** Ends the server, if it has one. */
  stop?(): Promise<void>;
}

/** Runs one task a worker, side by side. */
export async function inParallel(workers: number, task: (worker: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: workers }, (_, worker) => task(worker)));
}

/** Hands out shares of a number of messages until none are left. */
export class Quota {
  #left: number;

  constructor(count: number) {
    this.#left = count;
  }

  get isOver(): boolean {
    return this.#left <= 0;
  }

  /** At most so many more may be taken. */
  share(most: number): number {
    return Math.min(most, this.#left);
  }

  took(count: number): void {
    this.#left -= count;
  }
}
