// One channel in process and an equal one behind HTTP, whose host can be restarted, slow, away, and back with another log.
import {
  BaseSystem,
  BroadcastChannel,
  MailboxChannel,
  MemoryMessageStore,
  PassthroughChannel,
  WorkQueueChannel,
  type BaseChannel,
  type ChannelHostPort,
  type ChannelMessage,
  type ChannelPort,
  type Logger,
  type RunningSystem,
  type Subscription,
} from "@sssn/core";
import { HttpTransport } from "../../src/index.js";
import { HttpChannel } from "../../src/client.js";

export const KINDS = ["passthrough", "broadcast", "work-queue", "shared work-queue", "mailbox"] as const;
export type Kind = (typeof KINDS)[number];
export const CALLERS = ["ann", "bob"] as const;
export type Caller = (typeof CALLERS)[number];

export type AnyChannel = ChannelPort<unknown> & ChannelHostPort<unknown>;

/** A subscription, and the sequences that it was told of. */
export interface Followed {
  readonly seen: number[];
  readonly subscription: Subscription;
}

/** What one side has been told, so that later calls can speak of it. */
export class Side {
  readonly receipts: string[] = [];
  /** Who the log is, as the last read told it. */
  log: string | undefined;
  readonly followed: Followed[] = [];
  /** Warnings and errors of the log. */
  readonly lines: readonly string[];
  readonly #channelOf: (caller: Caller) => AnyChannel;

  constructor(channelOf: (caller: Caller) => AnyChannel, lines: readonly string[]) {
    this.#channelOf = channelOf;
    this.lines = lines;
  }

  channel(caller: Caller): AnyChannel {
    return this.#channelOf(caller);
  }

  async follow(subscribe: (callback: (message: ChannelMessage) => void) => Promise<Subscription>): Promise<void> {
    const seen: number[] = [];
    const subscription = await subscribe(({ sequence }) => void seen.push(sequence));
    // How it ends is compared when all is over.
    subscription.closed.catch(() => {});
    this.followed.push({ seen, subscription });
  }
}

export interface Sides {
  readonly local: Side;
  readonly remote: Side;
  /** Stops the host and starts it again: same address, same store. */
  restart(): Promise<void>;
  /** Stops the host. What is called next finds nobody; it is back a moment after {@link comesBack}. */
  leave(): Promise<void>;
  /** Starts the host again if it is away, so late that what was called before has found nobody. */
  comesBack(): Promise<void>;
  /** At both sides another log stands where the one was, with so many messages. What followed the old one is forgotten here, once it has ended. */
  replaceLog(messages: number): Promise<void>;
  /** Every answer takes so long from now on, in ms. */
  slowDown(ms: number): void;
  close(): Promise<void>;
}

function makeChannel(kind: Kind, store: MemoryMessageStore, logger: Logger): BaseChannel {
  const common = { id: "c", store, logger, visibility: "public" } as const;
  if (kind === "broadcast") return new BroadcastChannel(common);
  const working = { ...common, claimTimeoutMs: 3_600_000, maxDeliveries: 3 };
  if (kind === "passthrough") return new PassthroughChannel(working);
  if (kind === "mailbox") return new MailboxChannel(working);
  return new WorkQueueChannel({ ...working, shared: kind === "shared work-queue" });
}

function loggerTo(lines: string[]): Logger {
  const keep = (_fields: object, message: string): void => void lines.push(message);
  return { debug: () => {}, info: () => {}, warn: keep, error: keep };
}

/** Long enough for a call to have found nobody, and short of what a client has patience for. */
const AWAY_MS = 30;

export async function makeSides(kind: Kind): Promise<Sides> {
  const [localLines, remoteLines]: [string[], string[]] = [[], []];
  let [localStore, remoteStore] = [new MemoryMessageStore(), new MemoryMessageStore()];
  let here = makeChannel(kind, localStore, loggerTo(localLines));
  await here.start();
  let delayMs = 0;
  let running: RunningSystem | undefined = await host(0);
  const { port } = new URL(running.addresses[0] ?? "");

  async function host(at: number): Promise<RunningSystem> {
    const logger = loggerTo(remoteLines);
    const system = new BaseSystem({ id: "host", logger });
    system.addChannel(makeChannel(kind, remoteStore, logger));
    const transport = new HttpTransport({ port: at, logger: loggerTo([]), lameDuckMs: 0 });
    transport.app.use((_request, _response, next) => void setTimeout(next, delayMs));
    return system.publish({ transport });
  }

  async function leave(): Promise<void> {
    await running?.close({ timeoutMs: 5_000 });
    running = undefined;
  }

  const remotes = new Map(
    CALLERS.map((caller) => [
      caller,
      new HttpChannel({ url: `http://127.0.0.1:${port}`, id: "c", token: caller, logger: loggerTo(remoteLines) }),
    ]),
  );
  const local = new Side(() => here, localLines);
  const remote = new Side((caller) => remotes.get(caller) as AnyChannel, remoteLines);

  async function replaceLog(messages: number): Promise<void> {
    const told = [localLines.length, remoteLines.length] as const;
    await Promise.all([here.drain(), leave()]);
    await Promise.all([localStore.close(), remoteStore.close()]);
    [localStore, remoteStore] = [new MemoryMessageStore(), new MemoryMessageStore()];
    here = makeChannel(kind, localStore, loggerTo(localLines));
    await here.start();
    running = await host(Number(port));
    for (const side of [local, remote])
      for (let number = 1; number <= messages; number++) await side.channel("ann").write("ann", `moved ${number}`);
    const before = [local, remote].flatMap(({ followed }) => followed.splice(0));
    // Nobody waits for a log that is gone: not in silence, and not for ever.
    await Promise.all(before.map(({ subscription }) => subscription.closed.catch(() => {})));
    // That they have ended is told where they were remote: in process the channel itself has ended, with all that it had.
    [localLines.length, remoteLines.length] = told;
  }

  return {
    local,
    remote,
    leave,
    replaceLog,
    async comesBack() {
      if (running) return;
      await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
      running = await host(Number(port));
    },
    async restart() {
      await leave();
      running = await host(Number(port));
    },
    slowDown(ms) {
      delayMs = ms;
    },
    async close() {
      const followed = [...local.followed, ...remote.followed];
      await Promise.all(followed.map(({ subscription }) => subscription.close()));
      await leave();
      await here.drain();
      await Promise.all([localStore.close(), remoteStore.close()]);
    },
  };
}
