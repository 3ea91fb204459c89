import { answer } from "../client/requester.js";
import type { ChannelClient } from "../client/channel-client.js";
import { validateContent, type StandardSchema } from "../channels/standard-schema.js";
import type { JobContext } from "../channels/work/job.js";
import type { Worker } from "../channels/work/worker.js";
import type { Clock } from "../clock.js";
import { SSSNError, describe } from "../errors.js";
import { validateInteger } from "../identifiers.js";
import type { JsonValue } from "../json-value.js";
import type { Logger } from "../logger.js";
import type { ChannelMessage } from "../message.js";
import type { Capability } from "../ports/channel-transport.js";

/** Something that a system does for others, who ask for it over channels. */
export interface ExposeOptions<Input, Output> {
  /** What others call it by; 1 to 256 characters. */
  readonly name: string;
  /** For people. Default: none. */
  readonly description?: string;
  /** The channel that it is asked on, a work queue: the system must be connected to it. It is for the requests to this system alone. */
  readonly requests: string;
  /** The channel that answers go to, best a mailbox: the system must be connected to it. */
  readonly replies: string;
  /** What it takes: anything else is answered with `content_rejected`. */
  readonly input?: StandardSchema<unknown, Input>;
  /** What it gives: a result that fails it is an error of the system's own. */
  readonly output?: StandardSchema<unknown, Output>;
  /** How many calls are answered at once, from 1 to 1 000; of those asked on one channel the largest number counts. Default 10. */
  readonly concurrency?: number;
  /** The same as JSON Schema, for callers to read in discovery. */
  readonly inputSchema?: JsonValue;
  /** A JSON Schema of what it answers with, for whoever calls it. Default: none is told. */
  readonly outputSchema?: JsonValue;
}

/** Answers a call. An `SSSNError` that is not retryable is thrown at the caller; after anything else the call is tried again. */
export type CapabilityHandler<Input, Output> = (
  input: Input,
  context: JobContext,
  message: ChannelMessage<unknown>,
) => Output | Promise<Output>;

const DEFAULT_CONCURRENCY = 10;

interface Exposed {
  readonly options: ExposeOptions<unknown, unknown>;
  readonly handler: CapabilityHandler<unknown, unknown>;
}

/** The capabilities of one system: answered while it runs, one worker for each channel that they are asked on. */
export class Capabilities {
  readonly #client: ChannelClient;
  readonly #exposed = new Map<string, Exposed>();
  #workers: Worker[] = [];

  constructor(client: ChannelClient) {
    this.#client = client;
  }

  /** @throws SSSNError `duplicate_id`, `channel_not_connected`. */
  add(options: ExposeOptions<unknown, unknown>, handler: CapabilityHandler<unknown, unknown>): void {
    const { name, requests, replies, concurrency = DEFAULT_CONCURRENCY } = options;
    if (typeof name !== "string" || name.length === 0 || name.length > 256)
      throw new SSSNError("invalid_argument", `A capability's name has 1 to 256 characters, but is ${describe(name)}.`);
    if (this.#exposed.has(name))
      throw new SSSNError("duplicate_id", `${this.#client.systemId} exposes ${describe(name)} already.`, { details: { id: name } });
    validateInteger("concurrency", concurrency, 1, 1_000);
    this.#client.channel(requests);
    this.#client.channel(replies);
    this.#exposed.set(name, { options, handler });
  }

  /** What discovery tells about them. */
  get descriptors(): readonly Capability[] {
    return [...this.#exposed.values()].map(({ options: { name, description = "", requests, replies, inputSchema, outputSchema } }) => ({
      name,
      description,
      requests,
      replies,
      ...(inputSchema === undefined ? {} : { inputSchema }),
      ...(outputSchema === undefined ? {} : { outputSchema }),
    }));
  }

  start(clock: Clock, logger: Logger): void {
    const { systemId } = this.#client;
    const exposed = [...this.#exposed.values()].map(({ options }) => options);
    for (const requests of new Set(exposed.map((options) => options.requests))) {
      const concurrency = Math.max(
        ...exposed.filter((options) => options.requests === requests).map((options) => options.concurrency ?? DEFAULT_CONCURRENCY),
      );
      const channels = { requests: this.#client.channel(requests), replies: (replyTo: string) => this.#replies(requests, replyTo) };
      this.#workers.push(
        answer({ systemId, ...channels, clock, logger, concurrency }, (message, context) => this.#call(requests, message, context)),
      );
    }
  }

  async close(options: { readonly timeoutMs: number }): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close(options)));
    this.#workers = [];
  }

  /** A caller may name no other channel to answer on than those that were exposed for it. */
  #replies(requests: string, replyTo: string): ReturnType<ChannelClient["channel"]> | undefined {
    const isExposed = [...this.#exposed.values()].some(({ options }) => options.requests === requests && options.replies === replyTo);
    return isExposed ? this.#client.channel(replyTo) : undefined;
  }

  async #call(requests: string, message: ChannelMessage<unknown>, context: JobContext): Promise<unknown> {
    const name = message.metadata["capability"];
    const exposed = typeof name === "string" ? this.#exposed.get(name) : undefined;
    if (exposed?.options.requests !== requests) {
      throw new SSSNError(
        "not_found",
        `${this.#client.systemId} exposes no ${describe(name)} on channel ${requests}. It exposes: ${[...this.#exposed.keys()].join(", ")}.`,
      );
    }
    const { options, handler } = exposed;
    const input = options.input ? await validateContent(options.input, message.content, `Capability ${options.name}`) : message.content;
    const output = await handler(input, context, message);
    return options.output ? validateContent(options.output, output, `The result of ${options.name}`) : output;
  }
}
