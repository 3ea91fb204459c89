import { sleep, systemClock, type Hold, type MessageStore } from "sssn";

const LASTS_MS = 10_000;
const ASKED_EVERY_MS = 500;

/** The right to coordinate one audit in a store, which one process has at a time. */
export class SoleRight implements AsyncDisposable {
  readonly #hold: Hold;
  readonly #renewing: NodeJS.Timeout;
  /** Rejects when somebody else may have it. */
  readonly lost: Promise<never>;

  private constructor(hold: Hold) {
    this.#hold = hold;
    let lose: (error: Error) => void = () => {};
    this.lost = new Promise<never>((_, reject) => (lose = reject));
    this.lost.catch(() => {});
    const renew = async (): Promise<void> => {
      if (!(await hold.renew()))
        lose(new Error("Another coordinator has taken this audit over, because this one was silent for too long."));
    };
    // A store that does not answer is tried again: the right is lost when its time is over, and renew() says so then.
    this.#renewing = setInterval(() => void renew().catch(() => {}), LASTS_MS / 3);
  }

  /**
   * Waits as long as the right of a coordinator that was killed goes on, and no longer.
   *
   * @throws Error where another one is at work. @throws the signal's reason.
   */
  static async take(store: MessageStore, name: string, signal: AbortSignal): Promise<SoleRight> {
    for (let waitedMs = 0; waitedMs <= LASTS_MS + ASKED_EVERY_MS; waitedMs += ASKED_EVERY_MS) {
      const hold = await store.hold(name, LASTS_MS);
      if (hold) return new SoleRight(hold);
      await sleep(systemClock, ASKED_EVERY_MS, signal);
      signal.throwIfAborted();
    }
    throw new Error("Another coordinator audits this tree in the same store. Wait until it is done.");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#renewing);
    await this.#hold.release();
  }
}
