import { expectTypeOf, it } from "vitest";
import {
  ChannelClient,
  MemoryMessageStore,
  PassthroughChannel,
  WorkQueueChannel,
  defineSystem,
  work,
  type ChannelMessage,
  type ChannelPort,
  type StandardSchema,
} from "../src/index.js";

interface Reading {
  readonly celsius: number;
}

const store = new MemoryMessageStore();

// Types are checked by `npm run check`; nothing here has to run.
it("a channel's content type follows from its schema, and is the same through every door", () => {
  const schema = {} as StandardSchema<Reading>;
  const build = (): PassthroughChannel<Reading> => new PassthroughChannel({ id: "c", store, schema });
  expectTypeOf(build).returns.toEqualTypeOf<PassthroughChannel<Reading>>();
  expectTypeOf<PassthroughChannel<Reading>["write"]>().parameter(1).toEqualTypeOf<Reading>();
  expectTypeOf<Awaited<ReturnType<PassthroughChannel<Reading>["read"]>>["messages"][number]>().toEqualTypeOf<ChannelMessage<Reading>>();
  expectTypeOf<Awaited<ReturnType<WorkQueueChannel<Reading>["claim"]>>[number]["message"]["content"]>().toEqualTypeOf<Reading>();
});

it("content without a schema is unknown, and never any", () => {
  const channel = new PassthroughChannel({ id: "c", store });
  expectTypeOf(channel).toEqualTypeOf<PassthroughChannel>();
  expectTypeOf<Awaited<ReturnType<typeof channel.read>>["messages"][number]["content"]>().toBeUnknown();
  expectTypeOf<Awaited<ReturnType<typeof channel.read>>["messages"][number]["content"]>().not.toBeAny();
});

it("every channel is a port, whatever it carries, and fits a client and a system", () => {
  const channel = new PassthroughChannel<Reading>({ id: "c", store });
  expectTypeOf(channel).toExtend<ChannelPort<Reading>>();
  new ChannelClient("s").connect(channel);
  defineSystem({ id: "s" }).addChannel(channel);
  const worker = work(channel, "w", (message) => expectTypeOf(message).toEqualTypeOf<ChannelMessage<Reading>>());
  const batches = work(channel, "w", ([first]) => expectTypeOf(first?.message).toEqualTypeOf<ChannelMessage<Reading> | undefined>(), {
    batch: 10,
  });
  return Promise.all([worker.close(), batches.close()]);
});

it("a message and its content are read-only", () => {
  expectTypeOf<ChannelMessage<Reading>>().toEqualTypeOf<Readonly<ChannelMessage<Reading>>>();
});
