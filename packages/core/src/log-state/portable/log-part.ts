import type { ChannelMessage } from "../../message.js";
import type { CursorKey, LogPredecessor, MessageStore } from "../../ports/message-store.js";
import type { CursorTrace } from "../cursor-trace.js";
import type { Interval } from "../interval-set.js";
import type { KeptLedger } from "../ledger/kept-ledger.js";

/** What a log is besides its messages, cursors and groups. */
export interface LogHeader {
  /** The copy is the same log: positions in the one are good in the other. */
  readonly identity: string;
  readonly predecessors: readonly LogPredecessor[];
  readonly addressed: boolean;
  /** The last sequence ever given out; 0 before the first. */
  readonly last: number;
  /** The newest timestamp ever given out, whether its message is still there or not; 0 before the first. */
  readonly newestTimestamp: number;
  readonly removed: readonly Interval[];
  /** Kept messages whose time to live is over. */
  readonly expired: readonly Interval[];
  /** Kept messages that were replaced before anybody had them. */
  readonly superseded: readonly Interval[];
}

/** A message as it lies in a log. */
export interface PortableMessage {
  readonly message: ChannelMessage;
  /** The next message with its `supersede` name replaces it. Not the last kept one where the one that had replaced that is removed. */
  readonly isLastOfName?: true;
}

/** The id of a removed message, which is known for a while. */
export interface RememberedId {
  readonly id: string;
  readonly sequence: number;
  /** By the log's clock, in ms since the Unix epoch. */
  readonly until: number;
}

/**
 * A piece of a log on its way from one store to another, as JSON. They come in this order: `log` once, then `messages` in the order of their sequences, `ids` in
 * the order of their times, `cursors` in that of their owners and names, each `group` in that of their names, and `end` once, without which it was cut off.
 */
export type LogPart =
  | { readonly part: "log"; readonly header: LogHeader }
  | { readonly part: "messages"; readonly messages: readonly PortableMessage[] }
  | { readonly part: "ids"; readonly ids: readonly RememberedId[] }
  | { readonly part: "cursors"; readonly cursors: readonly (CursorKey & CursorTrace)[] }
  | { readonly part: "group"; readonly group: string; readonly kept: KeptLedger }
  | { readonly part: "end" };

/** The last number that was given out under the name of a right. */
export interface RightNumber {
  readonly name: string;
  readonly fence: number;
}

/** How the logs of a store are taken out and put in, with everything that outlives a restart. */
export interface PortableLogs {
  /** What time it is by the clock of leases and delays, in ms since the Unix epoch. */
  steadyNow(): Promise<number>;
  /**
   * A log as it is, taken apart. Nothing in it is changed by that, and nothing looked at that time has brought: the same log has the same parts, but for how many come at once.
   *
   * @throws SSSNError while it is read: `channel_not_found`, and what a read throws.
   */
  exportLog(channelId: string): AsyncIterable<LogPart>;
  /**
   * Makes a log of the parts of another one, whose steady times are by the clock of this store already. It is there under its id when all of it is, and not before, whatever ends this
   * store's process meanwhile; what a failure left of it takes no room for ever.
   *
   * @throws SSSNError `invalid_state` where there is a log of this id; `invalid_argument` for parts that are no whole log; and whatever reading them throws.
   */
  importLog(channelId: string, parts: AsyncIterable<LogPart>): Promise<void>;
  /** The last number of each right: see {@link MessageStore.hold}. */
  rightNumbers(): Promise<readonly RightNumber[]>;
  /** From now on these rights have higher numbers than these. */
  raiseRightNumbers(numbers: readonly RightNumber[]): Promise<void>;
}

/** A store whose logs can be moved to another one. */
export interface PortableStore extends MessageStore {
  readonly portable: PortableLogs;
}

/** Whether the logs of a store can be moved. */
export function isPortable(store: MessageStore): store is PortableStore {
  return "portable" in store && typeof store.portable === "object" && store.portable !== null;
}
