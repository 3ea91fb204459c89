import type { ChannelLog } from "@sssn/core";
import { deletedLog } from "@sssn/core/log-state";
import type { Engine } from "./engine.js";
import type { LevelChannelLog } from "./level-channel-log.js";

/**
 * The log as others see it: what the database throws, such as that it was closed under a read because a write failed meanwhile, comes
 * out as an error of this project, which says whether trying again helps.
 */
export function guardLog(log: LevelChannelLog, engine: Engine): ChannelLog {
  const guard = <Result>(call: () => Promise<Result>): Promise<Result> => {
    if (log.isDeleted) return Promise.reject(deletedLog(log.channelId));
    return call().catch((thrown: unknown) => {
      throw engine.explain(thrown);
    });
  };
  return {
    channelId: log.channelId,
    identity: log.identity,
    predecessors: log.predecessors,
    // Guards itself, where it reads: on this path every promise counts.
    append: (drafts, options) => log.append(drafts, options),
    now: () => log.now(),
    read: (request) => guard(() => log.read(request)),
    readBefore: (request) => guard(() => log.readBefore(request)),
    get: (id) => guard(() => log.get(id)),
    bounds: () => guard(() => log.bounds()),
    cursor: (key) => guard(() => log.cursor(key)),
    moveCursor: (key, sequence, options) => guard(() => log.moveCursor(key, sequence, options)),
    claim: (request) => guard(() => log.claim(request)),
    settle: (group, readerId, settlements) => guard(() => log.work.settle(group, readerId, settlements)),
    setRegime: (group, regime) => guard(() => log.work.setRegime(group, regime)),
    cancel: (group, ids, reason) => guard(() => log.work.cancel(group, ids, reason)),
    reschedule: (group, ids, to) => guard(() => log.work.reschedule(group, ids, to)),
    job: (group, id) => guard(() => log.work.job(group, id)),
    jobs: (group, request) => guard(() => log.work.jobs(group, request)),
    dead: (group, request) => guard(() => log.work.dead(group, request)),
    forwarded: (group, ids) => guard(() => log.work.forwarded(group, ids)),
    requeue: (group, ids) => guard(() => log.work.requeue(group, ids)),
    evict: (policy, options) => guard(() => log.evict(policy, options)),
    remove: (ids) => guard(() => log.remove(ids)),
    stats: () => guard(() => log.stats()),
    counts: () => guard(() => log.counts()),
    cursors: (request) => guard(() => log.cursors(request)),
    untouched: () => guard(() => log.untouched()),
    hasGroup: (group) => log.hasGroup(group),
    get groupCount() {
      return log.groupCount;
    },
    deleteGroup: (group) => guard(() => log.deleteGroup(group)),
    deleteCursor: (key) => guard(() => log.deleteCursor(key)),
    onChange: (listener) => log.onChange(listener),
  };
}
