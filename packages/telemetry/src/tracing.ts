import {
  SpanKind,
  SpanStatusCode,
  context,
  propagation,
  trace,
  type Attributes,
  type Context,
  type Span,
  type TextMapGetter,
  type Tracer,
} from "@opentelemetry/api";
import {
  ANNOTATIONS,
  NO_METADATA,
  toError,
  type ChannelMessage,
  type ChannelPort,
  type Metadata,
  type WriteCondition,
  type WriteEntry,
  type WriteOptions,
  type WriteReceipt,
} from "@sssn/core";

const SCOPE = "@sssn/telemetry";

const TRACE_CONTEXT = "traceContext";

/**
 * The trace context travels in a message's metadata: under the names that W3C gives its headers, and in `traceContext` what propagators of
 * other kinds inject. All of it is an annotation to the core: it does not count where a repeated write is compared with the first.
 */
const FROM_METADATA: TextMapGetter<Metadata> = {
  keys: (metadata) => Object.keys({ ...metadata, ...othersIn(metadata) }),
  get(metadata, key) {
    const value = othersIn(metadata)[key] ?? metadata[key];
    return typeof value === "string" ? value : undefined;
  },
};

function othersIn({ [TRACE_CONTEXT]: others }: Metadata): Metadata {
  return typeof others === "object" && others !== null ? (others as Metadata) : NO_METADATA;
}

function toMetadata(carrier: Readonly<Record<string, string>>): Metadata {
  const entries = Object.entries(carrier);
  const others = entries.filter(([name]) => !ANNOTATIONS.has(name));
  return {
    ...Object.fromEntries(entries.filter(([name]) => ANNOTATIONS.has(name))),
    ...(others.length === 0 ? {} : { [TRACE_CONTEXT]: Object.fromEntries(others) }),
  };
}

/** With what spans are made. */
export interface TracingOptions {
  /** Default: the global provider's. */
  readonly tracer?: Tracer;
}

/**
 * The same channel, whose writes are spans and carry their trace to whoever handles the messages. A write that is repeated under its id is
 * the first one's duplicate, as without traces.
 *
 * @example
 * ```ts
 * import { MemoryMessageStore, WorkQueueChannel, work } from "@sssn/core";
 * import { traced, tracedHandler } from "@sssn/telemetry/tracing";
 * const jobs = new WorkQueueChannel<string>({ id: "jobs", store: new MemoryMessageStore() });
 * await jobs.start();
 * const worker = work(jobs, "worker", tracedHandler("jobs", ({ content }) => content.toUpperCase()));
 * await traced(jobs).write("writer", "hello");
 * await worker.close();
 * await jobs.drain();
 * ```
 */
export function traced<Content>(channel: ChannelPort<Content>, options: TracingOptions = {}): ChannelPort<Content> {
  const writing = new TracedWrites(channel, options);
  return new Proxy(channel, {
    get(target, name) {
      if (name === "write") return writing.write;
      if (name === "writeBatch") return writing.writeBatch;
      const member: unknown = Reflect.get(target, name, target);
      // A channel's own fields are private to it: its methods have to be called on it.
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}

class TracedWrites<Content> {
  readonly #channel: ChannelPort<Content>;
  readonly #tracer: Tracer;

  constructor(channel: ChannelPort<Content>, { tracer }: TracingOptions) {
    this.#channel = channel;
    this.#tracer = tracer ?? trace.getTracer(SCOPE);
  }

  readonly write = (senderId: string, content: Content, options: WriteOptions & WriteCondition = {}): Promise<WriteReceipt> =>
    this.#send({}, async (span, metadata) => {
      const receipt = await this.#channel.write(senderId, content, { ...options, metadata: { ...options.metadata, ...metadata } });
      span.setAttribute("messaging.message.id", receipt.id);
      return receipt;
    });

  readonly writeBatch = (
    senderId: string,
    entries: readonly WriteEntry<Content>[],
    condition?: WriteCondition,
  ): Promise<readonly WriteReceipt[]> =>
    this.#send({ "messaging.batch.message_count": entries.length }, (_span, metadata) =>
      this.#channel.writeBatch(
        senderId,
        entries.map((entry) => ({ ...entry, metadata: { ...entry.metadata, ...metadata } })),
        condition,
      ),
    );

  #send<Result>(attributes: Attributes, send: (span: Span, metadata: Metadata) => Promise<Result>): Promise<Result> {
    const options = { kind: SpanKind.PRODUCER, attributes: { ...attributesOf(this.#channel.id, "write", "send"), ...attributes } };
    return this.#tracer.startActiveSpan(`write ${this.#channel.id}`, options, (span) => {
      const carrier: Record<string, string> = {};
      propagation.inject(context.active(), carrier);
      return ended(span, () => send(span, toMetadata(carrier)));
    });
  }
}

/**
 * A handler of messages as a span that goes on with the trace of whoever wrote the message: for `work()`, `subscribe()` and `answer()`.
 *
 * @param channelId where the messages come from.
 */
export function tracedHandler<Message extends ChannelMessage<unknown>, More extends readonly unknown[], Result>(
  channelId: string,
  handler: (message: Message, ...more: More) => Result | Promise<Result>,
  options: TracingOptions = {},
): (message: Message, ...more: More) => Promise<Result> {
  return (message, ...more) => {
    const tracer = options.tracer ?? trace.getTracer(SCOPE);
    const attributes = { ...attributesOf(channelId, "process", "process"), "messaging.message.id": message.id };
    return tracer.startActiveSpan(`process ${channelId}`, { kind: SpanKind.CONSUMER, attributes }, contextOf(message), (span) =>
      ended(span, () => handler(message, ...more)),
    );
  };
}

/** The trace context that came with a message; the one at hand where it brought none. */
export function contextOf({ metadata }: ChannelMessage<unknown>): Context {
  return propagation.extract(context.active(), metadata, FROM_METADATA);
}

/** The names of OpenTelemetry's conventions for messaging. */
function attributesOf(channelId: string, name: string, type: "send" | "process"): Attributes {
  return {
    "messaging.system": "sssn",
    "messaging.destination.name": channelId,
    "messaging.operation.name": name,
    "messaging.operation.type": type,
  };
}

async function ended<Result>(span: Span, task: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await task();
  } catch (thrown) {
    const error = toError(thrown);
    const code = (thrown as { code?: unknown } | null)?.code;
    span.recordException(error);
    span.setAttribute("error.type", typeof code === "string" ? code : error.name);
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    throw thrown;
  } finally {
    span.end();
  }
}
