import { systemClock, type Clock } from "../clock.js";
import { validateBoolean, validateIdentifier, validateInteger } from "../identifiers.js";
import { consoleLogger, guardLogger, type Logger } from "../logger.js";
import { Visibility } from "../message.js";
import type { ChannelSecurity } from "../ports/channel-security.js";
import type { Backoff, MessageStore, RetentionPolicy } from "../ports/message-store.js";
import type { BackoffOptions, ChannelPort } from "../ports/channel-port.js";
import { SSSNError, describe } from "../errors.js";
import { refuseUnknownOptions } from "../options.js";
import { resolveBackoff } from "./work/backoff.js";
import { validateLease } from "./work/claim-bounds.js";
import { OpenSecurity } from "../security/open-security.js";
import type { StandardSchema } from "./standard-schema.js";

/** What every channel can be told. */
export interface ChannelOptions<Content = unknown, Written = Content> {
  /** 1 to 256 characters out of letters, digits and `. _ ~ : @ + = -`. */
  readonly id: string;
  /** Where the messages live. The one argument to change when the store changes. */
  readonly store: MessageStore;
  /** For people. Default: the id. */
  readonly name?: string;
  /** For people. Default: none. */
  readonly description?: string;
  /** Only a public channel is ever published. Default `"private"`. */
  readonly visibility?: Visibility;
  /** Default: {@link OpenSecurity}, which lets everybody in and is refused by `publish()` beyond this machine. */
  readonly security?: ChannelSecurity;
  /** Content must satisfy it: writers give what it takes, readers get what it makes of that. zod, valibot and arktype schemas fit. */
  readonly schema?: StandardSchema<Written, Content>;
  /** What the log keeps. Default: everything, for ever. */
  readonly retention?: RetentionPolicy;
  /** How often retention is applied, from 10 ms. Default 60 000. */
  readonly maintenanceIntervalMs?: number;
  /** Most bytes of JSON in one message's content, likewise in its metadata. Default 1 048 576. */
  readonly maxContentBytes?: number;
  /** Most writes that wait for the store; beyond it a write is refused with `backpressure`. Default 10 000. */
  readonly maxPendingWrites?: number;
  /** How long a claim runs that does not say, in ms, from 10 to a week. Default 300 000. Workers that extend their leases want far less. */
  readonly claimTimeoutMs?: number;
  /** After so many deliveries without an acknowledgement a message becomes a dead letter. Default: never. */
  readonly maxDeliveries?: number;
  /** How long a message rests after a nack that does not say, and after a handler of `work()` failed. Default: not at all. */
  readonly backoff?: BackoffOptions;
  /** Where dead letters are copied to, each once. Left out: they stay here, marked as dead, and can be listed and requeued. */
  readonly deadLetter?: ChannelPort;
  /** Never remove unfinished work, whatever the retention policy says. Default: true for a work queue, false for all others. */
  readonly keepUnsettled?: boolean;
  /** The groups that may claim. Left out: any, up to `maxGroups`. */
  readonly groups?: readonly string[];
  /** How many groups claims may make, from 1 to 10 000. Default 100. */
  readonly maxGroups?: number;
  /** Most bytes of one page of messages or of one call's claims, from 1; one message is handed out in any case. Default 16 777 216. */
  readonly maxPageBytes?: number;
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock?: Clock;
  /** A pino logger fits. Default: warnings and errors to the console. */
  readonly logger?: Logger;
}

/** Options after defaults and checks. */
export interface ResolvedChannelOptions<Content, Written = Content> {
  readonly id: string;
  readonly store: MessageStore;
  readonly name: string;
  /** For people. Default: none. */
  readonly description: string;
  readonly visibility: Visibility;
  readonly security: ChannelSecurity;
  readonly schema: StandardSchema<Written, Content> | undefined;
  readonly retention: RetentionPolicy | undefined;
  readonly maintenanceIntervalMs: number;
  readonly maxContentBytes: number;
  readonly maxPendingWrites: number;
  readonly claimTimeoutMs: number;
  readonly maxDeliveries: number | undefined;
  readonly backoff: Backoff | undefined;
  readonly deadLetter: ChannelPort | undefined;
  readonly keepUnsettled: boolean | undefined;
  readonly groups: ReadonlySet<string> | undefined;
  readonly maxGroups: number;
  readonly maxPageBytes: number;
  /** Given, and not the default. */
  readonly ownClock: Clock | undefined;
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock: Clock;
  /** A pino logger fits. Default: warnings and errors to the console. */
  readonly logger: Logger;
}

/** What every kind of channel can be told. */
export const CHANNEL_OPTIONS: readonly (keyof ChannelOptions)[] = [
  "id",
  "store",
  "name",
  "description",
  "visibility",
  "security",
  "schema",
  "retention",
  "maintenanceIntervalMs",
  "maxContentBytes",
  "maxPendingWrites",
  "claimTimeoutMs",
  "maxDeliveries",
  "backoff",
  "deadLetter",
  "keepUnsettled",
  "groups",
  "maxGroups",
  "maxPageBytes",
  "clock",
  "logger",
];

const RETENTION: ReadonlySet<string> = new Set<keyof RetentionPolicy>([
  "maxAgeMs",
  "maxCount",
  "maxBytes",
  "keepUnsettled",
  "maxDeadAgeMs",
]);

/** @throws SSSNError `invalid_identifier`, `invalid_argument`. */
export function resolveChannelOptions<Content, Written>(
  options: ChannelOptions<Content, Written>,
): ResolvedChannelOptions<Content, Written> {
  if (typeof (options as unknown) !== "object")
    throw new SSSNError("invalid_argument", `A channel takes an object of options, such as { id, store }, but got ${describe(options)}.`);
  const { maintenanceIntervalMs = 60_000, maxContentBytes = 1_048_576, maxPendingWrites = 10_000 } = options;
  const { claimTimeoutMs = 300_000, maxDeliveries, groups, maxGroups = 100, maxPageBytes = 16 * 1024 * 1024 } = options;
  return {
    id: validateIdentifier("channel id", options.id),
    store: checkStore(options.store),
    name: options.name ?? options.id,
    description: options.description ?? "",
    visibility: checkVisibility(options.visibility ?? Visibility.PRIVATE),
    security: checkSecurity(options.security ?? new OpenSecurity()),
    schema: options.schema,
    retention: options.retention && checkRetention(options.retention),
    maintenanceIntervalMs: validateInteger("maintenanceIntervalMs", maintenanceIntervalMs, 10, Number.MAX_SAFE_INTEGER),
    maxContentBytes: validateInteger("maxContentBytes", maxContentBytes, 1, 256 * 1024 * 1024),
    maxPendingWrites: validateInteger("maxPendingWrites", maxPendingWrites, 1, 1_000_000),
    claimTimeoutMs: validateLease(claimTimeoutMs, "claimTimeoutMs"),
    maxDeliveries: maxDeliveries === undefined ? undefined : validateInteger("maxDeliveries", maxDeliveries, 1, 1_000_000),
    backoff: options.backoff && resolveBackoff(options.backoff),
    deadLetter: options.deadLetter && checkDeadLetter(options.id, options.deadLetter),
    keepUnsettled: options.keepUnsettled === undefined ? undefined : validateBoolean("keepUnsettled", options.keepUnsettled),
    groups: groups && checkGroups(groups),
    maxGroups: validateInteger("maxGroups", maxGroups, 1, 10_000),
    maxPageBytes: validateInteger("maxPageBytes", maxPageBytes, 1, Number.MAX_SAFE_INTEGER),
    ownClock: options.clock,
    clock: options.clock ?? systemClock,
    logger: guardLogger(options.logger ?? consoleLogger),
  };
}

/** What is mistyped would be private: never published, without a word. */
function checkVisibility(visibility: unknown): Visibility {
  if (visibility === Visibility.PUBLIC || visibility === Visibility.PRIVATE) return visibility;
  throw new SSSNError("invalid_argument", `visibility is "public" or "private", but is ${describe(visibility)}.`, {
    details: { argument: "visibility" },
  });
}

function checkSecurity(security: unknown): ChannelSecurity {
  if (typeof security === "object" && security !== null && "authorizeRequest" in security) return security as ChannelSecurity;
  throw new SSSNError(
    "invalid_argument",
    `security takes an object that authorizes, such as a JWTChannelSecurity, but is ${describe(security)}.`,
    { details: { argument: "security" } },
  );
}

function checkStore(store: unknown): MessageStore {
  if (typeof store === "object" && store !== null && "open" in store) return store as MessageStore;
  throw new SSSNError(
    "invalid_argument",
    `A channel needs a store, such as { store: new MemoryMessageStore() }, but got ${describe(store)}.`,
  );
}

function checkDeadLetter(id: string, channel: ChannelPort): ChannelPort {
  // In JavaScript it may be anything.
  const { write, id: target } = channel as Partial<ChannelPort>;
  if (typeof write !== "function" || typeof target !== "string")
    throw new SSSNError(
      "invalid_argument",
      `deadLetter of channel ${id} must be the channel that dead letters are copied to, but is ${describe(channel)}.`,
      { details: { argument: "deadLetter" } },
    );
  return channel;
}

function checkGroups(groups: readonly string[]): ReadonlySet<string> {
  if (!Array.isArray(groups))
    throw new SSSNError("invalid_argument", `groups must be a list of group names, but is ${describe(groups)}.`, {
      details: { argument: "groups" },
    });
  return new Set(groups.map((group) => validateIdentifier("group name", group)));
}

/** @throws SSSNError `invalid_argument`. */
export function checkRetention(policy: RetentionPolicy): RetentionPolicy {
  refuseUnknownOptions("A retention policy", policy, RETENTION);
  for (const bound of ["maxAgeMs", "maxCount", "maxBytes", "maxDeadAgeMs"] as const) {
    const value = policy[bound];
    if (value !== undefined) validateInteger(`retention.${bound}`, value, 0, Number.MAX_SAFE_INTEGER);
  }
  return policy;
}
