import type { ClaimLedger } from "../log-state/ledger/claim-ledger.js";
import type { GroupLog } from "../log-state/work/work-groups.js";
import type { Step } from "../log-state/ledger/step.js";
import { laneOf, type WorkLane } from "../log-state/work-lane.js";
import type { ChannelMessage } from "../message.js";
import type { MemoryMessages } from "./memory-messages.js";

interface MemoryGroupParts {
  readonly messages: MemoryMessages;
  readonly ledgers: Map<string, ClaimLedger>;
  readonly step: () => Step;
  readonly newLedger: () => ClaimLedger;
  readonly nextExpiryInMs: () => number;
  readonly expire: () => undefined;
  readonly announce: () => void;
}

/** A log in memory, as its groups need it: what a ledger has changed need not be written anywhere. */
export function memoryGroupLog({ messages, ledgers, step, newLedger, nextExpiryInMs, expire, announce }: MemoryGroupParts): GroupLog {
  const laneOfMessage = (message: ChannelMessage): WorkLane => laneOf(message, messages.addressed);
  const load: GroupLog["load"] = (sequences) => {
    const found = sequences.flatMap((sequence) => messages.sized(sequence) ?? []);
    return Promise.resolve(new Map(found.map((sized) => [sized.message.sequence, sized])));
  };
  const forgetChanges = (ledger: ClaimLedger): Promise<void> => {
    ledger.takeChanges();
    return Promise.resolve();
  };
  return {
    step,
    ledgers,
    newLedger,
    sourceOf: (_group, ledger) => ({
      last: () => messages.last,
      priorities: () => messages.priorities,
      readLane: (lane, after, limit) => Promise.resolve(messages.readLane(lane, after, limit)),
      load,
      laneOf: laneOfMessage,
      nextOfKey: (key, after) => Promise.resolve(messages.nextOfKey(key, after)),
      previousOfKey: (key, before) => Promise.resolve(messages.previousOfKey(key, before)),
      isOutOfOrder: (sequence) => messages.isRetired(sequence),
      nextExpiryInMs,
      persist: () => forgetChanges(ledger),
    }),
    extent: messages,
    writable: () => undefined,
    expire,
    isRetired: (sequence) => messages.isRetired(sequence),
    find: (ids) => {
      const found = ids.flatMap((id) => messages.get(messages.sequenceOf(id) ?? 0) ?? []);
      return Promise.resolve(new Map(found.map((message) => [message.id, message])));
    },
    load,
    laneOf: laneOfMessage,
    persist: (_group, ledger) => forgetChanges(ledger),
    announce,
  };
}
