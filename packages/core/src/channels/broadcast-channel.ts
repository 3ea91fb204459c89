import { SSSNError } from "../errors.js";
import type { ChannelOperation } from "../ports/roles.js";
import { BaseChannel } from "./base-channel.js";
import { supports } from "./unsupported-operations.js";

/** Every reader gets every message: shared reads and push. Exclusive claims are refused. */
export class BroadcastChannel<Content = unknown> extends BaseChannel<Content> {
  static override readonly ownOptions: readonly string[] = [];
  readonly kind = "broadcast";

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
