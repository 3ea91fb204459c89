import {
  Ticker,
  consoleLogger,
  guardLogger,
  isSSSNError,
  refuseUnknownOptions,
  systemClock,
  toError,
  validateInteger,
  type ChannelDirectory,
  type ChannelInfo,
  type ChannelPort,
  type Clock,
  type Logger,
  type PublishedRegistration,
  type SystemDescriptor,
} from "@sssn/core";
import { randomToken } from "@sssn/core/log-state";
import { DEFAULT_TTL_MS, type Registration } from "./registration.js";

const MOST_AT_ONCE = 100;

/** How registrations are written, and how long one lives. */
export interface RegistrationKeeping {
  readonly ttlMs: number;
  readonly clock: Clock;
  /** All or none. */
  write(registrations: readonly Registration[]): Promise<unknown>;
  /** Told when a refresh failed; the next one comes. */
  readonly failed: (error: Error) => void;
}

/**
 * Registers channels and systems, as one host of them, refreshes them three times in their life, and withdraws them in the end: its own
 * registrations, and not those of another host that has taken over.
 */
export async function keepRegistered(
  keeping: RegistrationKeeping,
  channels: readonly ChannelInfo[],
  systems: readonly SystemDescriptor[],
): Promise<PublishedRegistration> {
  const { ttlMs, clock } = keeping;
  const host = randomToken();
  const registrations: readonly Registration[] = [
    ...channels.map((channel) => ({ type: "channel" as const, id: channel.id, host, ttlMs, channel: asRegistered(channel) })),
    ...systems.map((system) => ({ type: "system" as const, id: system.id, host, ttlMs, system })),
  ];
  await eachBatch(registrations, (batch) => keeping.write(batch));
  const refresh = (): Promise<void> => writeWhatIsOurs(keeping, registrations, keeping.failed);
  const heartbeat = new Ticker(clock, ttlMs / 3, refresh, { background: true });
  heartbeat.start();
  const withdrawals = registrations.map(({ type, id }): Registration => ({
    type: "withdrawn",
    id,
    host,
    of: type === "system" ? "system" : "channel",
  }));
  return {
    withdraw: async () => {
      await heartbeat.stop();
      const errors: Error[] = [];
      await writeWhatIsOurs(keeping, withdrawals, (error) => errors.push(error));
      if (errors[0]) throw errors[0];
    },
  };
}

/** What the operator of a channel wants to know is not for everybody who looks for it; the channel itself tells it. */
function asRegistered({ retention: _retention, maintenanceIntervalMs: _maintenanceIntervalMs, ...channel }: ChannelInfo): ChannelInfo {
  return channel;
}

/** Hosts that start together are in each other's way less often when each writes once. */
async function eachBatch(all: readonly Registration[], write: (batch: readonly Registration[]) => Promise<unknown>): Promise<void> {
  for (let first = 0; first < all.length; first += MOST_AT_ONCE) await write(all.slice(first, first + MOST_AT_ONCE));
}

/** An id that has gone to somebody else takes none of the others with it. */
function writeWhatIsOurs(keeping: RegistrationKeeping, all: readonly Registration[], failed: (error: Error) => void): Promise<void> {
  const tell = (thrown: unknown): void => failed(toError(thrown));
  return eachBatch(all, async (batch) => {
    try {
      await keeping.write(batch);
    } catch (thrown) {
      if (!isSSSNError(thrown, "insufficient_role")) return tell(thrown);
      for (const registration of batch) await keeping.write([registration]).catch(tell);
    }
  });
}

const OPTIONS: ReadonlySet<string> = new Set<keyof RegistrarOptions>(["ttlMs", "clock", "logger"]);

/** How a {@link Registrar} registers. */
export interface RegistrarOptions {
  /** How long a registration lives without a refresh, in ms from 100 to 7 days. Default 60 000. */
  readonly ttlMs?: number;
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock?: Clock;
  /** Told when a refresh failed. Default: warnings and errors to the console. */
  readonly logger?: Logger;
}

/**
 * Registers what a system publishes in a discovery channel that lives elsewhere: `publish({ transport, directory: new Registrar(channel) })`.
 * Whoever the channel's token is for is the registrant.
 *
 * @example
 * ```ts
 * import { HttpChannel } from "@sssn/transport-http/client";
 * import { Registrar } from "@sssn/discovery";
 * const directory = new Registrar(new HttpChannel({ url: "http://127.0.0.1:8000", id: "discovery", token: "the-stations" }));
 * if (typeof directory.publish !== "function") throw new Error("it is given to publish()");
 * ```
 */
export class Registrar implements ChannelDirectory {
  readonly #channel: ChannelPort<Registration>;
  readonly #ttlMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger;

  /** @throws SSSNError `invalid_argument`. */
  constructor(channel: ChannelPort, options: RegistrarOptions = {}) {
    refuseUnknownOptions("Registrar", options, OPTIONS);
    const { ttlMs = DEFAULT_TTL_MS, clock = systemClock, logger = consoleLogger } = options;
    // Any channel may be handed in: it refuses what it does not take.
    this.#channel = channel as ChannelPort<Registration>;
    this.#ttlMs = validateInteger("ttlMs", ttlMs, 100, 7 * 24 * 3600 * 1000);
    this.#clock = clock;
    this.#logger = guardLogger(logger);
  }

  publish(registrantId: string, channels: readonly ChannelInfo[], systems: readonly SystemDescriptor[]): Promise<PublishedRegistration> {
    return keepRegistered(
      {
        ttlMs: this.#ttlMs,
        clock: this.#clock,
        write: (registrations) =>
          this.#channel.writeBatch(
            registrantId,
            registrations.map((content) => ({ content })),
          ),
        failed: (error) =>
          this.#logger.warn({ channel: this.#channel.id, err: error }, "a registration could not be refreshed; it is tried again"),
      },
      channels,
      systems,
    );
  }
}
