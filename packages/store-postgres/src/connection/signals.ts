import { systemClock, type Cancel, type Logger } from "@sssn/core";
import pg from "pg";

/** Notifications of one moment go together. */
const GATHER_MS = 5;
/** A notification to oneself that has not come by then never will. */
const ECHO_MS = 2_000;
/** Where notifications come, somebody still looks whether one was lost. */
const LOOK_MS = 1_000;
/** Where none come. */
const LOOK_OFTEN_MS = 100;
const RECONNECT_MS = 1_000;

export interface SignalParts {
  readonly url: string | undefined;
  readonly topic: string;
  /** Sends on any connection. */
  readonly send: (payload: string) => Promise<unknown>;
  /** Others have done something to these channels, by number. */
  readonly onSignal: (channels: readonly string[]) => void;
  /** Looks at the channels that somebody waits for. */
  readonly look: () => Promise<unknown>;
  readonly logger: Logger;
}

/**
 * Tells the other hosts that there may be something, beside the transaction that made it: a notification in one would make all commits of the server wait for each other.
 * Nothing rests on a notification: what none told of is found by looking, sooner where none can be heard.
 */
export class Signals {
  readonly #parts: SignalParts;
  readonly #pending = new Set<string>();
  #sending: Cancel | undefined;
  #looking: Cancel | undefined;
  #client: pg.Client | undefined;
  #hears = false;
  #echo = "";
  #isClosed = false;

  constructor(parts: SignalParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#lookLater();
    void this.#listen();
  }

  /** A channel has something for others. */
  notify(channel: string): void {
    this.#pending.add(channel);
    this.#sending ??= systemClock.schedule(() => void this.#send(), GATHER_MS, { background: true });
  }

  async #send(): Promise<void> {
    this.#sending = undefined;
    const channels = [...this.#pending];
    this.#pending.clear();
    // Whoever misses it looks by himself.
    if (!this.#isClosed) await this.#parts.send(channels.join(",")).catch(() => undefined);
  }

  async #listen(): Promise<void> {
    const { url, topic, logger } = this.#parts;
    if (url === undefined || this.#isClosed) return;
    const client = new pg.Client({
      connectionString: url,
      application_name: "sssn-listen",
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
    });
    this.#client = client;
    client.on("notification", ({ payload = "" }) => this.#heard(payload));
    client.on("error", (error) => logger.debug({ err: error }, "the connection that hears notifications ended"));
    client.once("end", () => this.#listenAgain(client));
    try {
      await client.connect();
      await client.query(`LISTEN "${topic}"`);
      // Behind some poolers LISTEN succeeds, and nothing ever comes.
      this.#echo = `echo:${Math.random()}`;
      await client.query("SELECT pg_notify($1, $2)", [topic, this.#echo]);
      systemClock.schedule(() => this.#judge(), ECHO_MS, { background: true });
    } catch (error) {
      logger.debug({ err: error }, "notifications can't be heard for now");
      await client.end().catch(() => undefined);
      this.#listenAgain(client);
    }
  }

  #listenAgain(client: pg.Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#hears = false;
    if (!this.#isClosed) systemClock.schedule(() => void this.#listen(), RECONNECT_MS, { background: true });
  }

  #judge(): void {
    if (this.#hears || this.#isClosed || !this.#client) return;
    this.#parts.logger.info(
      {},
      "No notification of PostgreSQL is heard, as behind a pooler that gives connections away after each transaction: the store looks for news instead. A listenUrl that leads past the pooler makes it hear.",
    );
  }

  #heard(payload: string): void {
    if (payload.startsWith("echo:")) {
      if (payload === this.#echo) this.#hears = true;
      return;
    }
    this.#parts.onSignal(payload.split(","));
  }

  #lookLater(): void {
    if (this.#isClosed) return;
    this.#looking = systemClock.schedule(() => void this.#look(), this.#hears ? LOOK_MS : LOOK_OFTEN_MS, { background: true });
  }

  async #look(): Promise<void> {
    // The next look comes soon enough.
    await this.#parts.look().catch(() => undefined);
    this.#lookLater();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#sending?.();
    this.#looking?.();
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }
}
