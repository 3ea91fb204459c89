import type { ChannelSecurity, Clock, PublishedChannel } from "@sssn/core";

/** Tells whether a part works. A check that throws, or does not answer in time, has failed. */
export type ReadinessCheck = () => boolean | Promise<boolean>;

export interface ReadinessParts {
  readonly channels: () => readonly PublishedChannel[];
  /** Whether the server listens and is not stopping. */
  readonly isUp: () => boolean;
  readonly checks: Readonly<Record<string, ReadinessCheck>>;
}

/** Who asks has no time to wait, and what takes longer is not ready. */
const ANSWER_WITHIN_MS = 80;

/** Judged on the data path: a channel whose log does not answer is not ready, whatever its state says. */
export class Readiness {
  readonly #clock: Clock;
  readonly #parts: ReadinessParts;

  constructor(clock: Clock, parts: ReadinessParts) {
    this.#clock = clock;
    this.#parts = parts;
  }

  /** The names of what does not work: none is ready. Channels are not named, because whoever asks has shown no token. */
  async failing(): Promise<readonly string[]> {
    const { channels, isUp, checks } = this.#parts;
    if (!isUp()) return ["server"];
    const all: [string, ReadinessCheck][] = [
      ["channels", async () => (await Promise.all(channels().map((channel) => channel.isReady()))).every(Boolean)],
      ["security", async () => (await Promise.all(securitiesOf(channels()).map(canJudge))).every(Boolean)],
      ...Object.entries(checks),
    ];
    const results = await Promise.all(all.map(async ([name, check]) => ((await this.#holds(check)) ? [] : [name])));
    return results.flat();
  }

  async #holds(check: ReadinessCheck): Promise<boolean> {
    let cancel = (): void => {};
    const late = new Promise<boolean>((resolve) => {
      cancel = this.#clock.schedule(() => resolve(false), ANSWER_WITHIN_MS, { background: true });
    });
    try {
      return await Promise.race([Promise.resolve().then(check), late]);
    } catch {
      return false;
    } finally {
      cancel();
    }
  }
}

function securitiesOf(channels: readonly PublishedChannel[]): readonly ChannelSecurity[] {
  return [...new Set(channels.map(({ security }) => security))];
}

async function canJudge(security: ChannelSecurity): Promise<boolean> {
  return security.isReady ? security.isReady() : true;
}
