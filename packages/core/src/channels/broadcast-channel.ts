import { SSSNError } from "../errors.js";
import type { ChannelOperation } from "../ports/channel-security.js";
import { BaseChannel } from "./base-channel.js";

const CLAIMS: ReadonlySet<ChannelOperation> = new Set(["claim", "acknowledge", "nack", "dead-letter", "extend", "requeue"]);

/** Every reader gets every message: shared reads and push. Exclusive claims are refused. */
export class BroadcastChannel<Content = unknown> extends BaseChannel<Content> {
  readonly kind = "broadcast";

  protected override refuse(operation: ChannelOperation): void {
    if (!CLAIMS.has(operation)) return;
    throw new SSSNError("unsupported_operation", `Channel ${this.id} is a broadcast channel: exclusive claims don't exist here. Use read(), stream() or subscribe(), or a WorkQueueChannel.`, {
      details: { operation, kind: this.kind },
    });
  }
}
