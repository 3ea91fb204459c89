import { FreshStep, WorkGroups, laneOf, type ClaimLedger, type GroupLog, type LaneSource, type LogWithWork } from "@sssn/core/log-state";
import type { ChannelTurns } from "../log/channel-turns.js";
import type { MessageTable } from "../log/message-table.js";
import type { KeyReader } from "./key-reader.js";

/** What the groups of a log stand on. */
export interface GroupParts {
  readonly turns: ChannelTurns;
  readonly table: MessageTable;
  readonly keys: KeyReader;
  readonly addressed: boolean;
  /** Tells whoever waits that there may be something, once it is stored. */
  readonly announce: () => void;
}

/** The groups of one log: they find messages in the database, and what they decide is written with the turn that it is decided in. */
export function groupsOf({ turns, table, keys, addressed, announce }: GroupParts): WorkGroups {
  const persisted = (ledger: ClaimLedger): Promise<void> => {
    ledger.takeChanges();
    return Promise.resolve();
  };
  const step: GroupLog["step"] = () => new FreshStep(turns.now());
  const laneOfMessage: LaneSource["laneOf"] = (message) => laneOf(message, addressed);
  const load: GroupLog["load"] = (sequences) => table.load(sequences);
  return new WorkGroups({
    step,
    get ledgers() {
      return turns.state.ledgers;
    },
    newLedger: () => turns.state.newLedger(step()),
    sourceOf: (_group, ledger) => ({
      last: () => turns.state.stored,
      priorities: () => turns.state.priorities,
      readLane: (lane, after, limit) => table.readLane(lane, addressed, after, turns.state.stored, limit),
      load,
      laneOf: laneOfMessage,
      nextOfKey: (key, after) => keys.next(key, after),
      previousOfKey: (key, before) => keys.previous(key, before),
      isOutOfOrder: (sequence) => turns.state.isRetired(sequence),
      nextExpiryInMs: () => Math.max(0, turns.state.expiring.nextAt - turns.now()),
      persist: () => persisted(ledger),
    }),
    get extent() {
      const { first, stored: last, delayed } = turns.state;
      return { first, last, delayed };
    },
    writable: () => undefined,
    expire: () => undefined,
    isRetired: (sequence) => turns.state.isRetired(sequence),
    find: async (ids) => {
      const found = await table.find(ids);
      return new Map([...found].flatMap(([id, { message }]) => (message ? [[id, message] as const] : [])));
    },
    load,
    laneOf: laneOfMessage,
    persist: (_group, ledger) => persisted(ledger),
    announce,
  });
}

/** What is done with the work of groups, each in a turn of this host. */
export function workInTurns(groups: WorkGroups, turns: ChannelTurns): LogWithWork["work"] {
  return {
    settle: (group, readerId, settlements) => turns.run(() => groups.settle(group, readerId, settlements)),
    setRegime: (group, regime) => turns.run(() => groups.setRegime(group, regime)),
    cancel: (group, ids, reason) => turns.run(() => groups.cancel(group, ids, reason)),
    reschedule: (group, ids, to) => turns.run(() => groups.reschedule(group, ids, to)),
    job: (group, id) => turns.run(() => groups.job(group, id)),
    jobs: (group, request) => turns.run(() => groups.jobs(group, request)),
    dead: (group, request) => turns.run(() => groups.dead(group, request)),
    forwarded: (group, ids) => turns.run(() => groups.forwarded(group, ids)),
    requeue: (group, ids) => turns.run(() => groups.requeue(group, ids)),
  };
}
