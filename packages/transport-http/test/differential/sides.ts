// One channel in process and an equal one behind HTTP, which can be restarted and slowed down.
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

/** What one side has been told, so that later calls can speak of it. */
export class Side {
  readonly receipts: string[] = [];
  /** Who the log is, as the last read told it. */
  log: string | undefined;
  readonly followed: { readonly seen: number[]; readonly subscription: Subscription }[] = [];
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

export async function makeSides(kind: Kind): Promise<Sides> {
  const [localLines, remoteLines]: [string[], string[]] = [[], []];
  const [localStore, remoteStore] = [new MemoryMessageStore(), new MemoryMessageStore()];
  const here = makeChannel(kind, localStore, loggerTo(localLines));
  await here.start();
  let delayMs = 0;
  let running = await host(0);
  const { port } = new URL(running.addresses[0] ?? "");

  async function host(at: number): Promise<RunningSystem> {
    const logger = loggerTo(remoteLines);
    const system = new BaseSystem({ id: "host", logger });
    system.addChannel(makeChannel(kind, remoteStore, logger));
    const transport = new HttpTransport({ port: at, logger: loggerTo([]), lameDuckMs: 0 });
    transport.app.use((_request, _response, next) => void setTimeout(next, delayMs));
    return system.publish({ transport });
  }

  const remotes = new Map(
    CALLERS.map((caller) => [
      caller,
      new HttpChannel({ url: `http://127.0.0.1:${port}`, id: "c", token: caller, logger: loggerTo(remoteLines) }),
    ]),
  );
  const local = new Side(() => here, localLines);
  const remote = new Side((caller) => remotes.get(caller) as AnyChannel, remoteLines);
  return {
    local,
    remote,
    async restart() {
      await running.close({ timeoutMs: 5_000 });
      running = await host(Number(port));
    },
    slowDown(ms) {
      delayMs = ms;
    },
    async close() {
      const followed = [...local.followed, ...remote.followed];
      await Promise.all(followed.map(({ subscription }) => subscription.close()));
      await running.close({ timeoutMs: 5_000 });
      await here.drain();
      await Promise.all([localStore.close(), remoteStore.close()]);
    },
  };
}
