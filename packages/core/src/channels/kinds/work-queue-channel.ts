import { SSSNError } from "../../errors.js";
import { validateBoolean } from "../../identifiers.js";
import type { ChannelInfo } from "../../ports/channel-port.js";
import type { ChannelOperation } from "../../ports/roles.js";
import type { RetentionPolicy } from "../../ports/message-store.js";
import { BaseChannel } from "../base-channel.js";
import type { ChannelOptions } from "../channel-options.js";
import { DEFAULT_GROUP } from "../work/claim-bounds.js";
import { supports } from "../unsupported-operations.js";

/** What a {@link WorkQueueChannel} is told besides what every channel is. */
export interface WorkQueueOptions<Content = unknown, Written = Content> extends ChannelOptions<Content, Written> {
  /** Whether it may also be read, streamed and subscribed to, like any other channel. Default false. */
  readonly shared?: boolean;
}

/**
 * Competing workers claim messages, each message goes to one of them at a time, and comes back when its worker gives it back or
 * disappears. Shared reads are refused, unless it is made with `shared: true`. Unfinished work outlives its retention policy.
 */
export class WorkQueueChannel<Content = unknown, Written = Content> extends BaseChannel<Content, Written> {
  static override readonly ownOptions: readonly string[] = ["shared"];
  readonly kind = "work-queue";
  /** Whether it may also be read, streamed and subscribed to. */
  readonly shared: boolean;

  constructor(options: WorkQueueOptions<Content, Written>) {
    super(options);
    this.shared = validateBoolean("shared", options.shared ?? false);
  }

  override describe(): ChannelInfo {
    return { ...super.describe(), ...(this.shared ? { shared: true } : {}) };
  }

  protected override refuse(operation: ChannelOperation): void {
    if (supports(this, operation)) return;
    throw new SSSNError(
      "unsupported_operation",
      `Channel ${this.id} is a work queue: use claim() or work(). Shared reads don't exist here, unless it is made with shared: true; an admin sees everything with history().`,
      { details: { operation, kind: this.kind } },
    );
  }

  protected override expectedGroups(): readonly string[] {
    return this.options.groups ? super.expectedGroups() : [DEFAULT_GROUP];
  }

  protected override retention(policy: RetentionPolicy): RetentionPolicy {
    return { keepUnsettled: this.options.keepUnsettled ?? true, ...policy };
  }
}
