import type { ChannelKind } from "../ports/channel-port.js";
import type { ChannelOperation } from "../ports/channel-security.js";

const NONE: ReadonlySet<ChannelOperation> = new Set();

/** What a kind of channel does not do, whoever asks. Kinds that are not named do everything. */
export const UNSUPPORTED_OPERATIONS: Readonly<Partial<Record<ChannelKind, ReadonlySet<ChannelOperation>>>> = {
  broadcast: new Set<ChannelOperation>(["claim", "acknowledge", "nack", "dead-letter", "extend", "requeue"]),
  "work-queue": new Set<ChannelOperation>(["read", "commit", "seek", "stream"]),
};

/** Whether a kind of channel does something at all. */
export function supports(kind: ChannelKind, operation: ChannelOperation): boolean {
  return !(UNSUPPORTED_OPERATIONS[kind] ?? NONE).has(operation);
}
