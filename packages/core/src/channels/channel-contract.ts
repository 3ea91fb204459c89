import { SSSNError, describe } from "../errors.js";
import { validateIdentifier } from "../identifiers.js";
import { refuseUnknownOptions } from "../options.js";
import { CHANNEL_KINDS, type ChannelKind } from "../ports/channel-port.js";
import type { BaseChannel } from "./base-channel.js";
import { BroadcastChannel } from "./kinds/broadcast-channel.js";
import type { ChannelOptions } from "./channel-options.js";
import { MailboxChannel } from "./kinds/mailbox-channel.js";
import { PassthroughChannel } from "./kinds/passthrough-channel.js";
import type { StandardSchema } from "./standard-schema.js";
import { WorkQueueChannel, type WorkQueueOptions } from "./kinds/work-queue-channel.js";

/** The kinds of channels that a contract can be about. */
export type ContractKind = Exclude<ChannelKind, "channel" | "discovery">;

const KINDS: readonly ContractKind[] = CHANNEL_KINDS.filter((kind) => kind !== "channel" && kind !== "discovery");

/** What two sides of a channel agree on. */
export interface ContractDefinition<Content = unknown, Written = Content> {
  /** The channel's id: see {@link ChannelOptions}. */
  readonly id: string;
  readonly kind: ContractKind;
  /** Writers give what it takes, readers get what it makes of that. Left out: nothing is checked, and the types are what you say. */
  readonly schema?: StandardSchema<Written, Content>;
}

const DEFINITION: ReadonlySet<string> = new Set<keyof ContractDefinition>(["id", "kind", "schema"]);

/** What a channel is told where it lives, besides its contract. */
export type ContractChannelOptions<Content, Written> = Omit<WorkQueueOptions<Content, Written>, "id" | "schema">;

/**
 * What everybody who uses a channel knows about it, in any process: its id, its kind, and what it carries. Give it wherever a channel is named:
 * {@link ChannelClient}, `HttpChannel`, `connectFrom()`.
 */
export interface ChannelContract<Content = unknown, Written = Content> extends ContractDefinition<Content, Written> {
  /** Only types: what is read, and what is written. */
  readonly types?: { readonly content: Content; readonly written: Written };
  /**
   * Makes the channel, where it lives. A periodic one is a class of your own instead, given this contract's `id` and `schema`.
   *
   * @throws SSSNError `invalid_argument`.
   */
  create(options: ContractChannelOptions<Content, Written>): BaseChannel<Content, Written>;
}

/** A channel by its contract, or by its id alone. */
export type ChannelReference<Content = unknown> = string | ChannelContract<Content, unknown>;

/** What may be written to a channel: what its contract says; anything, where only its id is known. */
export type WrittenTo<Channel> = Channel extends { readonly types?: { readonly written: infer Written } } ? Written : unknown;

/** The id of what is named by its id or its contract. */
export function idOf(reference: ChannelReference): string {
  return typeof reference === "string" ? reference : reference.id;
}

/**
 * Says once what a channel is and carries, for all processes that use it.
 *
 * @throws SSSNError `invalid_identifier`, `invalid_argument`.
 *
 * @example
 * ```ts
 * import { ChannelClient, MemoryMessageStore, defineChannel } from "@sssn/core";
 * interface Order {
 *   readonly item: string;
 * }
 * export const orders = defineChannel<Order>({ id: "orders", kind: "work-queue" }); // in a file that both sides import
 *
 * const channel = orders.create({ store: new MemoryMessageStore(), maxDeliveries: 5 });
 * await channel.start();
 * const client = new ChannelClient("shop");
 * client.connect(channel);
 * await client.write(orders, { item: "tea" }); // { item: 1 } does not compile
 * const [claim] = await client.claim(orders);
 * if (claim?.message.content.item !== "tea") throw new Error("an order says what is ordered");
 * await channel.drain();
 * ```
 */
export function defineChannel<Content = unknown, Written = Content>(
  definition: ContractDefinition<Content, Written>,
): ChannelContract<Content, Written> {
  refuseUnknownOptions("defineChannel()", definition, DEFINITION);
  const { kind, schema } = definition;
  const id = validateIdentifier("channel id", definition.id);
  if (!KINDS.includes(kind))
    throw new SSSNError("invalid_argument", `The kind of channel ${id} is one of ${KINDS.join(", ")}, but is ${describe(kind)}.`);
  const known = schema === undefined ? { id } : { id, schema };
  return Object.freeze({
    ...known,
    kind,
    create: (options: ContractChannelOptions<Content, Written>) => create(kind, { ...options, ...known }),
  });
}

function create<Content, Written>(kind: ContractKind, options: ChannelOptions<Content, Written>): BaseChannel<Content, Written> {
  switch (kind) {
    case "passthrough":
      return new PassthroughChannel(options);
    case "broadcast":
      return new BroadcastChannel(options);
    case "work-queue":
      return new WorkQueueChannel(options);
    case "mailbox":
      return new MailboxChannel(options);
    default:
      throw new SSSNError(
        "invalid_argument",
        `No channel of the kind ${kind} can be made of a contract: extend PeriodicChannel, and give it the contract's id and schema.`,
      );
  }
}
