import type { ChannelMessage } from "../../message.js";
import type { WorkLane } from "../work-lane.js";

/** A message, and how much room it takes. */
export interface SizedMessage {
  readonly message: ChannelMessage;
  readonly bytes: number;
}

/** A message of a lane, as far as it matters when it may be handed out. */
export interface WaitingMessage {
  readonly sequence: number;
  /** When it may be handed out, in steady ms; left out: at once. */
  readonly availableAt?: number | undefined;
  /** Of one key, one message at a time is handed out. */
  readonly key?: string | undefined;
  /** The message of its key that was the last one when it was written; left out: there was none. */
  readonly previous?: number | undefined;
  /** The message itself, where it had to be read anyway. */
  readonly found?: SizedMessage;
}

/** Where a dispatcher finds messages. */
export interface LaneSource {
  /** The last stored sequence. */
  last(): number;
  /** The priorities that any message has or had, the highest first. */
  priorities(): readonly number[];
  /** Messages of one lane behind a sequence, in order, and up to where the lane has been looked at; those behind another one of their key may be left out. */
  readLane(
    lane: WorkLane,
    after: number,
    limit: number,
  ): Promise<{ readonly messages: readonly WaitingMessage[]; readonly position: number }>;
  /** Messages by sequence; removed ones are missing. */
  load(sequences: readonly number[]): Promise<ReadonlyMap<number, SizedMessage>>;
  /** The lane of a message. */
  laneOf(message: ChannelMessage): WorkLane;
  /** The first message of a key behind a sequence. Those that are removed, or that no group has to do with any more, are left out. */
  nextOfKey(key: string, after: number): Promise<number | undefined>;
  /** The last message of a key before a sequence, likewise. */
  previousOfKey(key: string, before: number): Promise<number | undefined>;
  /** Whether a message is left out of a key's order, because it is removed or no group has to do with it any more. */
  isOutOfOrder(sequence: number): boolean;
  /** In how many ms the next time to live of any message ends; `Infinity`: none does. */
  nextExpiryInMs(): number;
  /** Makes the ledger's changes durable. */
  persist(): Promise<void>;
}
