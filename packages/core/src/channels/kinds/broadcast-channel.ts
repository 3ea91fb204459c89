import { SSSNError } from "../../errors.js";
import type { ChannelOperation } from "../../ports/roles.js";
import { BaseChannel } from "../base-channel.js";
import type { ChannelOptions } from "../channel-options.js";
import { supports } from "../unsupported-operations.js";

/** What is said of claims, which there are none of. */
const WORK_OPTIONS = ["claimTimeoutMs", "maxDeliveries", "backoff", "deadLetter", "groups", "maxGroups"] as const;

/** What a {@link BroadcastChannel} is told: nothing about work. */
export type BroadcastOptions<Content = unknown, Written = Content> = Omit<ChannelOptions<Content, Written>, (typeof WORK_OPTIONS)[number]>;

/** Every reader gets every message: shared reads and push. Exclusive claims are refused. */
export class BroadcastChannel<Content = unknown, Written = Content> extends BaseChannel<Content, Written> {
  static override readonly ownOptions: readonly string[] = [];
  static override readonly foreignOptions: readonly string[] = WORK_OPTIONS;
  readonly kind = "broadcast";

  // eslint-disable-next-line @typescript-eslint/no-useless-constructor -- it takes fewer options than every channel does
  constructor(options: BroadcastOptions<Content, Written>) {
    super(options);
  }

  protected override refuse(operation: ChannelOperation): void {
    if (supports(this, operation)) return;
    throw new SSSNError(
      "unsupported_operation",
      `Channel ${this.id} is a broadcast channel: exclusive claims don't exist here. Use read(), stream() or subscribe(), or a WorkQueueChannel.`,
      {
        details: { operation, kind: this.kind },
      },
    );
  }
}
