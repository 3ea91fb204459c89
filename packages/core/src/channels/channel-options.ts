import { systemClock, type Clock } from "../clock.js";
import { validateIdentifier, validateInteger } from "../identifiers.js";
import { consoleLogger, type Logger } from "../logger.js";
import { Visibility } from "../message.js";
import type { ChannelSecurity } from "../ports/channel-security.js";
import type { MessageStore, RetentionPolicy } from "../ports/message-store.js";
import { OpenSecurity } from "../security/open-security.js";
import type { StandardSchema } from "./standard-schema.js";

/** What every channel can be told. */
export interface ChannelOptions<Content = unknown> {
  /** 1 to 256 characters out of letters, digits and `. _ ~ : @ + = -`. */
  readonly id: string;
  /** Where the messages live. The one argument to change when the store changes. */
  readonly store: MessageStore;
  /** For people. Default: the id. */
  readonly name?: string;
  readonly description?: string;
  /** Only a public channel is ever published. Default `"private"`. */
  readonly visibility?: Visibility;
  /** Default: {@link OpenSecurity}, which lets everybody in and is refused by `publish()` beyond this machine. */
  readonly security?: ChannelSecurity;
  /** Content must satisfy it; the content type is inferred from it. zod, valibot and arktype schemas fit. */
  readonly schema?: StandardSchema<Content>;
  /** What the log keeps. Default: everything, for ever. */
  readonly retention?: RetentionPolicy;
  /** How often retention is applied, from 10 ms. Default 60 000. */
  readonly maintenanceIntervalMs?: number;
  /** Most bytes of JSON in one message's content, likewise in its metadata. Default 1 048 576. */
  readonly maxContentBytes?: number;
  /** Most writes that wait for the store; beyond it a write is refused with `backpressure`. Default 10 000. */
  readonly maxPendingWrites?: number;
  readonly clock?: Clock;
  /** A pino logger fits. Default: warnings and errors to the console. */
  readonly logger?: Logger;
}

/** Options after defaults and checks. */
export interface ResolvedChannelOptions<Content> {
  readonly id: string;
  readonly store: MessageStore;
  readonly name: string;
  readonly description: string;
  readonly visibility: Visibility;
  readonly security: ChannelSecurity;
  readonly schema: StandardSchema<Content> | undefined;
  readonly retention: RetentionPolicy | undefined;
  readonly maintenanceIntervalMs: number;
  readonly maxContentBytes: number;
  readonly maxPendingWrites: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws SSSNError `invalid_identifier`, `invalid_argument`. */
export function resolveChannelOptions<Content>(options: ChannelOptions<Content>): ResolvedChannelOptions<Content> {
  const { maintenanceIntervalMs = 60_000, maxContentBytes = 1_048_576, maxPendingWrites = 10_000 } = options;
  return {
    id: validateIdentifier("channel id", options.id),
    store: options.store,
    name: options.name ?? options.id,
    description: options.description ?? "",
    visibility: options.visibility ?? Visibility.PRIVATE,
    security: options.security ?? new OpenSecurity(),
    schema: options.schema,
    retention: options.retention && checkRetention(options.retention),
    maintenanceIntervalMs: validateInteger("maintenanceIntervalMs", maintenanceIntervalMs, 10, Number.MAX_SAFE_INTEGER),
    maxContentBytes: validateInteger("maxContentBytes", maxContentBytes, 1, 256 * 1024 * 1024),
    maxPendingWrites: validateInteger("maxPendingWrites", maxPendingWrites, 1, 1_000_000),
    clock: options.clock ?? systemClock,
    logger: options.logger ?? consoleLogger,
  };
}

/** @throws SSSNError `invalid_argument`. */
export function checkRetention(policy: RetentionPolicy): RetentionPolicy {
  for (const bound of ["maxAgeMs", "maxCount", "maxBytes"] as const) {
    const value = policy[bound];
    if (value !== undefined) validateInteger(`retention.${bound}`, value, 0, Number.MAX_SAFE_INTEGER);
  }
  return policy;
}
