import type { ChannelHostPort, ChannelMessage, ChannelPort, WorkQueueOptions } from "@sssn/core";

/** The kinds of channel that the suite asks for. */
export type TestedKind = "passthrough" | "broadcast" | "work-queue" | "mailbox";

/** What a channel under test is told besides its id and its store. `shared` comes for work queues only. */
export type TestedOptions = Pick<
  WorkQueueOptions,
  "maxDeliveries" | "backoff" | "claimTimeoutMs" | "shared" | "retention" | "maintenanceIntervalMs"
>;

/** How one system reaches a channel. */
export type ReachedChannel = ChannelPort & ChannelHostPort;

/** A new, empty, running channel. */
export interface ChannelUnderTest extends AsyncDisposable {
  /** The port through which a system reaches it, with the role admin. */
  as(systemId: string): Promise<ReachedChannel> | ReachedChannel;
}

/** A promise of every channel port, here or behind a transport, with its proof. */
export interface ChannelGuarantee {
  readonly id: `channel/${string}`;
  readonly says: string;
  readonly kind: TestedKind;
  readonly options?: TestedOptions;
  readonly prove: (channel: ChannelUnderTest) => Promise<void>;
}

export const WRITER = "writer";
export const READER = "reader";

export async function fill(channel: ReachedChannel, contents: readonly unknown[]): Promise<void> {
  await channel.writeBatch(
    WRITER,
    contents.map((content) => ({ content })),
  );
}

export const contentsOf = (messages: readonly ChannelMessage<unknown>[]): unknown[] => messages.map(({ content }) => content);

/** Waits until something holds, and gives up after five seconds. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`It did not come to this within five seconds: ${what}`);
}
