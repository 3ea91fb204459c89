import {
  ChannelClient,
  Requester,
  answer,
  defineSystem,
  work,
  type BaseSystem,
  type ChannelPort,
  type Clock,
  type Logger,
  type RunningSystem,
} from "@sssn/core";
import { CapabilityCaller, Directory } from "@sssn/discovery";

/** Something that waits for a message, and is told one by and by. */
export interface Party {
  readonly name: string;
  /** Gives it one message. */
  wake(): Promise<void>;
  /** What came: the delivery's number where there is one, else 1. */
  readonly came: number[];
  close(): Promise<unknown>;
}

/** The channels that the parties use, in this process or behind a transport. */
export interface Channels {
  readonly jobs: ChannelPort<number>;
  readonly news: ChannelPort<number>;
  readonly asked: ChannelPort<number>;
  readonly answers: ChannelPort<number>;
  readonly discovery: ChannelPort;
}

export interface Day {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Who writes: the host itself, so that only the waiting is remote. */
  readonly writer: Channels;
}

/** One of each kind that waits on channels. */
export async function partiesOn(where: string, channels: Channels, day: Day): Promise<Party[]> {
  return [
    worker(`${where}: worker`, channels, day),
    await subscriber(`${where}: subscriber`, channels, day),
    await subscriber(`${where}: durable subscriber`, channels, day, `cursor-${where}`),
    follower(`${where}: follower`, channels, day),
    await requester(`${where}: requester`, channels, day),
    await watcher(`${where}: directory watch`, channels, day),
  ];
}

function worker(name: string, { jobs }: Channels, { clock, logger, writer }: Day): Party {
  const came: number[] = [];
  // With all defaults, in a group of its own, so that each worker gets the message.
  const running = work(jobs, "worker", (_message, { deliveries }) => void came.push(deliveries), { group: groupOf(name), clock, logger });
  return { name, came, wake: () => writer.jobs.write("host", 1).then(() => undefined), close: () => running.close({ timeoutMs: 1_000 }) };
}

async function subscriber(name: string, { news }: Channels, { writer }: Day, cursor?: string): Promise<Party> {
  const came: number[] = [];
  const subscription = await news.subscribe("subscriber", () => void came.push(1), cursor === undefined ? {} : { cursor });
  return { name, came, wake: () => writer.news.write("host", 1).then(() => undefined), close: () => subscription.close() };
}

function follower(name: string, { news }: Channels, { writer }: Day): Party {
  const came: number[] = [];
  const ending = new AbortController();
  const following = (async () => {
    for await (const _message of news.stream("follower", { signal: ending.signal })) came.push(1);
  })();
  const close = (): Promise<void> => {
    ending.abort();
    return following;
  };
  return { name, came, wake: () => writer.news.write("host", 1).then(() => undefined), close };
}

/** An answerer that idles, and a requester that asks it once. */
async function requester(name: string, { asked, answers }: Channels, { clock, logger }: Day): Promise<Party> {
  const came: number[] = [];
  const systemId = groupOf(name);
  const answering = answer({ systemId: "answerer", requests: asked, replies: answers, clock, logger }, ({ content }) => content + 1);
  const asking = await Requester.open({ systemId, requests: asked, replies: answers, clock });
  const wake = async (): Promise<void> => {
    if ((await asking.request(1, { timeoutMs: 10_000 })).content === 2) came.push(1);
  };
  return { name, came, wake, close: () => Promise.all([asking.close(), answering.close({ timeoutMs: 1_000 })]) };
}

/** Hears of a system that is registered after all the idling. */
async function watcher(name: string, { discovery }: Channels, { clock, writer }: Day): Promise<Party> {
  const came: number[] = [];
  const id = groupOf(name);
  const watching = await new Directory(discovery, "watcher", { clock }).watch(({ type, entry }) => {
    if (type === "live" && entry.id === id) came.push(1);
  });
  const system = { id, name: id, description: "", capabilities: [], channels: [] };
  const wake = (): Promise<void> => writer.discovery.write("host", { type: "system", id, ttlMs: 60_000, system }).then(() => undefined);
  return { name, came, wake, close: () => watching.close() };
}

/** Calls a capability by name, after all the idling. */
export function capabilityCaller(name: string, discovery: ChannelPort, connect: (id: string) => ChannelPort): Party {
  const came: number[] = [];
  const caller = new CapabilityCaller(new Directory(discovery, "caller", { connect: (_endpoint, { id }) => connect(id) }), "caller");
  const wake = async (): Promise<void> => {
    if ((await caller.call<number>("double", 4, { timeoutMs: 10_000 })) === 8) came.push(1);
  };
  return { name, came, wake, close: () => caller.close() };
}

/** A system whose loop has nothing to do for long, and then something. */
export async function steppingSystem(name: string, { logger, clock }: Day): Promise<Party> {
  const came: number[] = [];
  let due = false;
  const system: BaseSystem = defineSystem({
    id: "stepper",
    clock,
    logger,
    tickRate: 10,
    step: () => {
      if (due) came.push(1);
      due = false;
    },
  });
  const running: RunningSystem = await system.launch();
  const wake = (): Promise<void> => {
    due = true;
    return Promise.resolve();
  };
  return { name, came, wake, close: () => running.close({ timeoutMs: 1_000 }) };
}

function groupOf(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9]+/g, "-");
}

/** A client's view, so that what a system begins is tried as well. */
export function clientWorker(name: string, { jobs }: Channels, { clock, logger, writer }: Day): Party {
  const came: number[] = [];
  const client = new ChannelClient("client");
  client.connect(jobs);
  client.work("jobs", (_message, { deliveries }) => void came.push(deliveries), { group: groupOf(name), clock, logger });
  return { name, came, wake: () => writer.jobs.write("host", 1).then(() => undefined), close: () => client.end({ timeoutMs: 1_000 }) };
}
