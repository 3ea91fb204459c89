import {
  SSSNError,
  SteadyClock,
  consoleLogger,
  systemClock,
  validateIdentifier,
  type ChannelLog,
  type Hold,
  type LogOptions,
  type Logger,
  type StoreCapabilities,
} from "@sssn/core";
import { decideAddressed, deletedLog, guardLog, type PortableLogs, type PortableStore } from "@sssn/core/log-state";
import type { ClientBase } from "pg";
import { ChannelRegister } from "./channel-register.js";
import { Connections, promisesOf } from "./connection/connections.js";
import { explain, isPassing } from "./connection/failures.js";
import { Signals } from "./connection/signals.js";
import { Journal } from "./log/journal.js";
import { PostgresChannelLog } from "./log/postgres-channel-log.js";
import { checkOptions, type PostgresMessageStoreOptions } from "./options.js";
import { PostgresPortable } from "./portable/postgres-portable.js";
import { PostgresHolds } from "./postgres-holds.js";
import { migrate } from "./schema/migrate.js";
import { lockSpaceOf } from "./schema/lock-space.js";
import { StoreTransaction } from "./store-transaction.js";

/** Another host hears of what was done at this one so soon, or finds it by looking. */
const WAKE_UP_WITHIN_MS = 1_500;

interface OpenLog {
  readonly number: string;
  readonly addressed: boolean;
  readonly postgres: PostgresChannelLog;
  readonly log: ChannelLog;
}

/**
 * Keeps channels in PostgreSQL, 13 or later: any number of hosts share them, and all of what they do to a channel is in one order.
 *
 * @example
 * ```ts
 * import { PassthroughChannel } from "@sssn/core";
 * import { PostgresMessageStore } from "@sssn/store-postgres";
 * const store = new PostgresMessageStore({ url: process.env["SSSN_POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres", schema: "readings_example" });
 * const channel = new PassthroughChannel({ id: "readings", store });
 * await channel.start();
 * const { sequence } = await channel.write("sensor", { celsius: 21 });
 * if (sequence < 1) throw new Error("sequences count from 1");
 * await channel.drain();
 * await store.delete("readings");
 * await store.close();
 * ```
 */
export class PostgresMessageStore implements PortableStore {
  readonly #schema: string;
  readonly #space: number;
  readonly #patienceMs: number;
  readonly #wall: (() => number) | undefined;
  readonly #logger: Logger;
  readonly #connections: Connections;
  /** Others than those that the store works with: a transaction that has one waits for what it asks the store. */
  readonly #transactions: Connections;
  readonly #register: ChannelRegister;
  readonly #holds: PostgresHolds;
  readonly #signals: Signals;
  /** How its logs are taken out and put in: see `copyStore()` of `@sssn/open-store`. */
  readonly portable: PortableLogs;
  readonly #portable: PostgresPortable;
  readonly #logs = new Map<string, Promise<OpenLog>>();
  /** Those that are open, by number. */
  readonly #open = new Map<string, OpenLog>();
  #isLax = false;
  #ready: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #capabilities: StoreCapabilities = {
    durable: true,
    flushed: true,
    replicated: false,
    atomicBatches: true,
    idempotentForMs: Infinity,
    shared: true,
    wakeUpWithinMs: WAKE_UP_WITHIN_MS,
    clock: "engine",
  };

  /** Connects with the first channel that is opened, not before. @throws SSSNError `invalid_argument`. */
  constructor(options: PostgresMessageStoreOptions) {
    const { schema, poolSize, patienceMs } = checkOptions(options);
    const { url, pool, listenUrl = url, clock, logger = consoleLogger } = options;
    this.#schema = schema;
    this.#space = lockSpaceOf(schema);
    this.#patienceMs = patienceMs;
    const steady = clock && new SteadyClock(clock);
    this.#wall = steady && (() => steady.now());
    this.#logger = logger;
    this.#connections = new Connections({ url, pool, size: poolSize, logger });
    this.#transactions = pool ? this.#connections : new Connections({ url, pool, size: poolSize, logger });
    this.#register = new ChannelRegister(schema, this.#connections);
    this.portable = this.#portable = new PostgresPortable({
      schema,
      connections: this.#connections,
      wall: this.#wall,
      prepare: async (what) => {
        this.#assertOpen(what);
        await this.#prepare();
      },
    });
    this.#holds = new PostgresHolds(schema, this.#connections, this.#wall);
    const topic = `sssn:${schema}`;
    this.#signals = new Signals({
      url: listenUrl,
      topic,
      send: (payload) => this.#send(topic, payload),
      onSignal: (channels) => void this.#wake(channels),
      look: () => this.#look(),
      logger,
    });
  }

  get capabilities(): StoreCapabilities {
    return this.#capabilities;
  }

  /** @throws SSSNError `store_unavailable`, `store_closed`, `store_full`, `invalid_identifier`, `invalid_state`. */
  async open(channelId: string, options: LogOptions = {}): Promise<ChannelLog> {
    validateIdentifier("channel id", channelId);
    this.#assertOpen(`open channel ${channelId}`);
    const { addressed, postgres, log } = await this.#opened(channelId, options);
    decideAddressed(channelId, addressed, options.addressed);
    if (options.maxDeliveries !== undefined) await postgres.setMaxDeliveries(options.maxDeliveries);
    return log;
  }

  /** One that another host has deleted is opened anew. */
  async #opened(channelId: string, options: LogOptions): Promise<OpenLog> {
    const known = await this.#logs.get(channelId);
    if (known) {
      const isThere = await known.postgres.catchUp().then(
        () => true,
        (error: unknown) => {
          if (error instanceof SSSNError && error.code === "log_deleted") return false;
          throw explain(error);
        },
      );
      if (isThere) return known;
      this.#forget(channelId, known);
    }
    let opening = this.#logs.get(channelId);
    if (!opening) {
      opening = this.#enter(channelId, options);
      this.#logs.set(channelId, opening);
      opening.catch(() => this.#logs.delete(channelId));
    }
    return opening;
  }

  async #enter(channelId: string, { addressed }: LogOptions): Promise<OpenLog> {
    await this.#prepare();
    const entry = await this.#register.enter(channelId, addressed);
    const { number } = entry;
    const postgres = new PostgresChannelLog({
      channelId,
      number,
      schema: this.#schema,
      addressed: entry.addressed,
      journal: new Journal(number, this.#schema, this.#space, this.#isLax),
      connections: this.#connections,
      wall: this.#wall,
      clock: systemClock,
      patienceMs: this.#patienceMs,
      notify: () => this.#signals.notify(number),
    });
    await postgres.catchUp();
    const log = guardLog(postgres, {
      call: (call) =>
        call().catch((thrown: unknown) => {
          throw explain(thrown);
        }),
    });
    const open = { number, addressed: entry.addressed, postgres, log };
    this.#open.set(number, open);
    return open;
  }

  /** The schema is there, and it is known what the server promises. Tried again with the next channel, where it fails. */
  async #prepare(): Promise<void> {
    this.#ready ??= this.#connections.with(async (client) => {
      await migrate(client, this.#schema, this.#space);
      const { flushed, replicated, isLax } = await promisesOf(client);
      this.#isLax = isLax;
      this.#capabilities = { ...this.#capabilities, flushed, replicated };
      if (!flushed)
        this.#logger.warn(
          {},
          "This PostgreSQL server runs with fsync = off: a power cut may take what it has acknowledged, and damage the rest.",
        );
      this.#signals.start();
    });
    try {
      await this.#ready;
    } catch (error) {
      this.#ready = undefined;
      throw error;
    }
  }

  /**
   * Takes part in a transaction that the caller has begun, on a connection to the same database: what is written and settled through the answer is there when the caller commits. It
   * has to be READ COMMITTED, which is the default. The channels are locked only while it commits.
   *
   * A commit that can't be fails with the SQLSTATE `SS001` (a lease has ended), `SS003` (the channel was deleted, or another server has taken over: try again) or `SS004` (an id is
   * there with other content), and with it the whole transaction. {@link PostgresMessageStore.transaction} does this with a connection of its own, and tells it in errors of this project.
   */
  within(client: ClientBase): StoreTransaction {
    this.#assertOpen("take part in a transaction");
    return new StoreTransaction(client, this.#schema, async (channelId) => {
      validateIdentifier("channel id", channelId);
      return (await this.#logs.get(channelId)) ?? this.#opened(channelId, {});
    });
  }

  /**
   * Does something in one transaction of the store's own: rows of your tables through `client`, messages and settlements through `transaction`. It commits when `work` resolves, and is rolled back when that
   * throws.
   *
   * @returns what `work` returns.
   * @throws SSSNError `lease_lost`, `message_conflict`, `invalid_state`, and `store_unavailable`, whose `details.outcome` is `"unknown"` where the answer to the commit was lost. And what `work` throws.
   *
   * @example
   * ```ts
   * import { WorkQueueChannel, work } from "@sssn/core";
   * import { PostgresMessageStore } from "@sssn/store-postgres";
   * const store = new PostgresMessageStore({ url: process.env["SSSN_POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres", schema: "payments_example" });
   * const payments = new WorkQueueChannel<number>({ id: "payments", store });
   * await payments.start();
   * await store.transaction(async (_transaction, client) => {
   *   await client.query("CREATE TABLE IF NOT EXISTS payments_example.account (balance integer); INSERT INTO payments_example.account VALUES (0)");
   * });
   * await payments.write("shop", 30, { id: "order-1" });
   * const worker = work(payments, "bookkeeper", (message, job) =>
   *   store.transaction(async (transaction, client) => {
   *     await client.query("UPDATE payments_example.account SET balance = balance + $1", [message.content]);
   *     await transaction.settle("payments", "default", "bookkeeper", [{ receipt: job.receipt, action: "acknowledge" }]);
   *   }),
   * );
   * while ((await payments.counts("admin")).groups[0]?.totals.acknowledged !== 1) await new Promise((resolve) => setTimeout(resolve, 5));
   * await worker.close();
   * await store.transaction(async (_transaction, client) => {
   *   const { rows } = await client.query("SELECT sum(balance)::integer AS balance FROM payments_example.account");
   *   if (rows[0].balance !== 30) throw new Error("the payment was booked once");
   *   await client.query("DROP TABLE payments_example.account");
   * });
   * await payments.drain();
   * await store.delete("payments");
   * await store.close();
   * ```
   */
  async transaction<Result>(work: (transaction: StoreTransaction, client: ClientBase) => Promise<Result>): Promise<Result> {
    this.#assertOpen("begin a transaction");
    return this.#explained(async () => {
      await this.#prepare();
      return this.#transactions.with(async (client) => {
        await client.query("BEGIN");
        const transaction = this.within(client);
        const result = await work(transaction, client);
        await commit(client);
        for (const { number, postgres } of transaction.touched) {
          this.#signals.notify(number);
          // Whoever listens at this host need not wait for the notification.
          void postgres.catchUp().catch(() => undefined);
        }
        return result;
      });
    });
  }

  /** @throws SSSNError `store_unavailable`, `store_closed`. */
  async list(): Promise<readonly string[]> {
    this.#assertOpen("list its channels");
    return this.#explained(async () => {
      await this.#prepare();
      return this.#register.list();
    });
  }

  /** @throws SSSNError `store_unavailable`, `store_closed`, `invalid_identifier`. */
  async delete(channelId: string): Promise<boolean> {
    validateIdentifier("channel id", channelId);
    this.#assertOpen(`delete channel ${channelId}`);
    const open = await this.#logs.get(channelId)?.catch(() => undefined);
    return this.#explained(async () => {
      await this.#prepare();
      const existed = await this.#register.delete(channelId);
      if (open) {
        await open.postgres.end(deletedLog(channelId));
        this.#forget(channelId, open);
        this.#signals.notify(open.number);
      }
      return existed;
    });
  }

  #forget(channelId: string, { number }: OpenLog): void {
    this.#logs.delete(channelId);
    this.#open.delete(number);
  }

  /** @throws SSSNError `store_unavailable`, `store_closed`, `invalid_argument`. */
  async hold(name: string, ttlMs: number): Promise<Hold | undefined> {
    this.#assertOpen(`hold ${name}`);
    return this.#explained(async () => {
      await this.#prepare();
      return this.#holds.hold(name, ttlMs);
    });
  }

  async #explained<Result>(call: () => Promise<Result>): Promise<Result> {
    try {
      return await call();
    } catch (error) {
      throw explain(error);
    }
  }

  #send(topic: string, payload: string): Promise<unknown> {
    // It is no loss when the server goes down before it is written: whoever misses it looks.
    return this.#connections.with(async (client) => {
      await client.query("BEGIN; SET LOCAL synchronous_commit = off");
      await client.query("SELECT pg_notify($1, $2)", [topic, payload]);
      await client.query("COMMIT");
    });
  }

  async #wake(channels: readonly string[]): Promise<void> {
    const logs = channels.flatMap((number) => this.#open.get(number) ?? []).filter(({ postgres }) => postgres.isListenedTo);
    // A log that is deleted has told its listeners; the others are looked at again soon.
    await Promise.allSettled(logs.map(({ postgres }) => postgres.catchUp()));
  }

  /** All channels that somebody waits for, in one question. */
  async #look(): Promise<void> {
    const awaited = [...this.#open.values()].filter(({ postgres }) => postgres.isListenedTo);
    if (awaited.length === 0) return;
    await this.#wake(await this.#register.moved(new Map(awaited.map(({ number, postgres }) => [number, postgres.position]))));
  }

  #assertOpen(what: string): void {
    if (this.#closing) throw closedStore(`Can't ${what}`);
  }

  /** Waits for what is under way, then lets go of all connections but those of a pool that was given. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#logs.values());
    await Promise.all(
      [...this.#open.values()].map(({ log, postgres }) => postgres.end(closedStore(`Channel ${log.channelId} can't be used`))),
    );
    await this.#signals.close();
    this.#portable.end();
    await this.#connections.close();
    if (this.#transactions !== this.#connections) await this.#transactions.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function closedStore(what: string): SSSNError {
  return new SSSNError("store_closed", `${what}: the PostgreSQL store is closed.`);
}

/** @throws SSSNError where nothing was committed, or nobody knows. */
async function commit(client: ClientBase): Promise<void> {
  const { command } = await client.query("COMMIT").catch((error: unknown) => {
    throw explain(error, isPassing(error) ? "unknown" : "not_stored");
  });
  if (command === "COMMIT") return;
  throw new SSSNError(
    "invalid_state",
    "A statement of the transaction had failed, so nothing of it was stored. Let the error of that statement pass, instead of going on after it.",
  );
}
