import type { ChannelLog } from "@sssn/core";
import type { Engine } from "./engine.js";
import type { LevelChannelLog } from "./level-channel-log.js";

/**
 * The log as others see it: what the database throws, such as that it was closed under a read because a write failed meanwhile, comes
 * out as an error of this project, which says whether trying again helps.
 */
export function guardLog(log: LevelChannelLog, engine: Engine): ChannelLog {
  const guard = <Result>(result: Promise<Result>): Promise<Result> =>
    result.catch((thrown: unknown) => {
      throw engine.explain(thrown);
    });
  return {
    channelId: log.channelId,
    // Guards itself, where it reads: on this path every promise counts.
    append: (drafts) => log.append(drafts),
    read: (request) => guard(log.read(request)),
    get: (id) => guard(log.get(id)),
    bounds: () => guard(log.bounds()),
    cursor: (key) => guard(log.cursor(key)),
    moveCursor: (key, sequence, options) => guard(log.moveCursor(key, sequence, options)),
    claim: (request) => guard(log.claim(request)),
    settle: (group, readerId, settlements) => guard(log.settle(group, readerId, settlements)),
    dead: (group, limit) => guard(log.dead(group, limit)),
    requeue: (group, ids) => guard(log.requeue(group, ids)),
    evict: (policy) => guard(log.evict(policy)),
    remove: (ids) => guard(log.remove(ids)),
    stats: () => guard(log.stats()),
    onChange: (listener) => log.onChange(listener),
  };
}
