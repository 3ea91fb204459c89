import type { Cancel } from "../clock.js";
import type { ChannelLog } from "../ports/message-store.js";
import type { WorkGroups } from "./work/work-groups.js";

/** What {@link WorkGroups} does for every log. */
type WorkMember = "settle" | "setRegime" | "cancel" | "reschedule" | "job" | "jobs" | "dead" | "forwarded" | "requeue";

/** A log as a store makes it: what is done with the work of its groups stands once for all stores. */
export type LogWithWork = Omit<ChannelLog, WorkMember> & { readonly work: Pick<WorkGroups, WorkMember> };

/** How a log is shown to those who use it. */
export interface LogGuard {
  /** Every call passes here: it may be refused, or fail with another error. */
  call<Result>(call: () => Promise<Result>): Promise<Result>;
  /** Left out: as any other call. At this place a promise may cost as much as a message. */
  readonly append?: ChannelLog["append"];
  /** Left out: the log's own. */
  onChange?(listener: () => void): Cancel;
}

/** The log as others see it. A member that a log gets is added here once, for all stores. */
export function guardLog(log: LogWithWork, guard: LogGuard): ChannelLog {
  return {
    channelId: log.channelId,
    get identity() {
      return log.identity;
    },
    get predecessors() {
      return log.predecessors;
    },
    now: () => log.now(),
    append: guard.append ?? ((drafts, options) => guard.call(() => log.append(drafts, options))),
    read: (request) => guard.call(() => log.read(request)),
    readBefore: (request) => guard.call(() => log.readBefore(request)),
    get: (id) => guard.call(() => log.get(id)),
    bounds: () => guard.call(() => log.bounds()),
    cursor: (key) => guard.call(() => log.cursor(key)),
    moveCursor: (key, sequence, options) => guard.call(() => log.moveCursor(key, sequence, options)),
    deleteCursor: (key) => guard.call(() => log.deleteCursor(key)),
    cursors: (request) => guard.call(() => log.cursors(request)),
    claim: (request) => guard.call(() => log.claim(request)),
    settle: (group, readerId, settlements) => guard.call(() => log.work.settle(group, readerId, settlements)),
    setRegime: (group, regime) => guard.call(() => log.work.setRegime(group, regime)),
    cancel: (group, ids, reason) => guard.call(() => log.work.cancel(group, ids, reason)),
    reschedule: (group, ids, to) => guard.call(() => log.work.reschedule(group, ids, to)),
    job: (group, id) => guard.call(() => log.work.job(group, id)),
    jobs: (group, request) => guard.call(() => log.work.jobs(group, request)),
    dead: (group, request) => guard.call(() => log.work.dead(group, request)),
    forwarded: (group, ids) => guard.call(() => log.work.forwarded(group, ids)),
    requeue: (group, ids) => guard.call(() => log.work.requeue(group, ids)),
    evict: (policy, options) => guard.call(() => log.evict(policy, options)),
    remove: (ids) => guard.call(() => log.remove(ids)),
    stats: () => guard.call(() => log.stats()),
    counts: () => guard.call(() => log.counts()),
    untouched: () => guard.call(() => log.untouched()),
    hasGroup: (group) => log.hasGroup(group),
    get groupCount() {
      return log.groupCount;
    },
    deleteGroup: (group) => guard.call(() => log.deleteGroup(group)),
    onChange: (listener) => (guard.onChange ? guard.onChange(listener) : log.onChange(listener)),
  };
}
