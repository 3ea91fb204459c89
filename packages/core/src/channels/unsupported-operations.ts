import type { ChannelInfo, ChannelKind } from "../ports/channel-port.js";
import type { ChannelOperation } from "../ports/roles.js";

const NONE: ReadonlySet<ChannelOperation> = new Set();

/** What a kind of channel does not do, whoever asks. Kinds that are not named do everything, and so does a work queue that is shared. */
export const UNSUPPORTED_OPERATIONS: Readonly<Partial<Record<ChannelKind, ReadonlySet<ChannelOperation>>>> = {
  broadcast: new Set<ChannelOperation>([
    "claim",
    "acknowledge",
    "nack",
    "dead-letter",
    "extend",
    "requeue",
    "regime",
    "cancel",
    "reschedule",
    "jobs",
  ]),
  "work-queue": new Set<ChannelOperation>(["read", "commit", "seek", "stream"]),
};

/** Whether a channel does something at all, by what it says of itself. A work queue that is shared does everything. */
export function supports({ kind, shared = false }: Pick<ChannelInfo, "kind" | "shared">, operation: ChannelOperation): boolean {
  return shared || !(UNSUPPORTED_OPERATIONS[kind] ?? NONE).has(operation);
}
