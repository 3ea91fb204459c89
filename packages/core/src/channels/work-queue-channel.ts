import { SSSNError } from "../errors.js";
import { validateInteger } from "../identifiers.js";
import type { ChannelPort, Claim } from "../ports/channel-port.js";
import type { ChannelOperation } from "../ports/channel-security.js";
import type { Backoff, RetentionPolicy } from "../ports/message-store.js";
import { BaseChannel } from "./base-channel.js";
import { resolveBackoff, type BackoffOptions } from "./backoff.js";
import { validateLease } from "./claiming.js";
import { supports } from "./unsupported-operations.js";
import type { ChannelOptions } from "./channel-options.js";

/** A dead letter's id carries this channel's id and has to stay an identifier. */
const MAX_ID_WITH_DEAD_LETTERS = 128;

/** What a {@link WorkQueueChannel} is told besides what every channel is. */
export interface WorkQueueOptions<Content = unknown> extends ChannelOptions<Content> {
  /** How long a claim runs that does not say, in ms. Default 300 000. Workers that extend their leases want far less. */
  readonly claimTimeoutMs?: number;
  /** After so many deliveries without an acknowledgement a message becomes a dead letter. Default: never. */
  readonly maxDeliveries?: number;
  /** How long a message rests after a nack. Default: not at all. */
  readonly backoff?: BackoffOptions;
  /** Where dead letters are copied to. Left out: they stay here, marked as dead, and can be listed and requeued. */
  readonly deadLetter?: ChannelPort;
  /** Never remove unfinished work, whatever the retention policy says. Default true. */
  readonly keepUnsettled?: boolean;
}

/**
 * Competing workers claim messages, each message goes to one of them at a time, and comes back when its worker gives it back or
 * disappears. Shared reads are refused.
 */
export class WorkQueueChannel<Content = unknown> extends BaseChannel<Content> {
  readonly kind = "work-queue";
  readonly #claimTimeoutMs: number;
  readonly #maxDeliveries: number;
  readonly #backoff: Backoff | undefined;
  readonly #deadLetter: ChannelPort | undefined;
  readonly #keepUnsettled: boolean;

  constructor(options: WorkQueueOptions<Content>) {
    super(options);
    this.#claimTimeoutMs = validateLease(options.claimTimeoutMs ?? 300_000);
    this.#maxDeliveries =
      options.maxDeliveries === undefined ? Infinity : validateInteger("maxDeliveries", options.maxDeliveries, 1, 1_000_000);
    this.#backoff = options.backoff && resolveBackoff(options.backoff);
    this.#deadLetter = options.deadLetter;
    this.#keepUnsettled = options.keepUnsettled ?? true;
    if (this.#deadLetter && this.id.length > MAX_ID_WITH_DEAD_LETTERS) {
      throw new SSSNError(
        "invalid_identifier",
        `The id of a work queue with a dead-letter channel has at most ${MAX_ID_WITH_DEAD_LETTERS} characters; this one has ${this.id.length}.`,
      );
    }
  }

  protected override refuse(operation: ChannelOperation): void {
    if (supports(this.kind, operation)) return;
    throw new SSSNError(
      "unsupported_operation",
      `Channel ${this.id} is a work queue: use claim() or work(). Shared reads don't exist here; an admin sees everything with history().`,
      {
        details: { operation, kind: this.kind },
      },
    );
  }

  protected override retention(policy: RetentionPolicy): RetentionPolicy {
    return { keepUnsettled: this.#keepUnsettled, ...policy };
  }

  protected override defaultLeaseMs(): number {
    return this.#claimTimeoutMs;
  }

  protected override defaultNackDelay(): number | Backoff {
    return this.#backoff ?? 0;
  }

  /** Takes out what was delivered too often. It stays leased until it is safely among the dead letters. */
  protected override async vetClaims(
    group: string,
    readerId: string,
    claims: readonly Claim<unknown>[],
  ): Promise<readonly Claim<unknown>[]> {
    const exhausted = claims.filter(({ deliveries }) => deliveries > this.#maxDeliveries);
    if (exhausted.length === 0) return claims;
    for (const claim of exhausted) await this.guarded("dead-letter", () => this.#bury(group, readerId, claim));
    return claims.filter(({ deliveries }) => deliveries <= this.#maxDeliveries);
  }

  async #bury(group: string, readerId: string, { message, receipt, deliveries }: Claim<unknown>): Promise<void> {
    const reason = `delivered ${deliveries - 1} times without an acknowledgement`;
    await this.#deadLetter?.write(this.id, message.content, {
      id: `${message.sequence}.${group}@${this.id}`,
      metadata: {
        ...message.metadata,
        deadLetter: {
          channel: this.id,
          group,
          id: message.id,
          sequence: message.sequence,
          senderId: message.senderId,
          deliveries: deliveries - 1,
          reason,
        },
      },
      ...(message.correlationId === undefined ? {} : { correlationId: message.correlationId }),
    });
    await this.log.settle(group, readerId, [{ receipt, action: "dead-letter", reason }]);
  }
}
