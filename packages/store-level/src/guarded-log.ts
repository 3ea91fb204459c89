import type { ChannelLog } from "@sssn/core";
import { deletedLog, guardLog } from "@sssn/core/log-state";
import type { Engine } from "./engine.js";
import type { LevelChannelLog } from "./level-channel-log.js";

/**
 * The log as others see it: what the database throws, such as that it was closed under a read because a write failed meanwhile, comes
 * out as an error of this project, which says whether trying again helps.
 */
export function guardLevelLog(log: LevelChannelLog, engine: Engine): ChannelLog {
  return guardLog(log, {
    call: (call) => {
      if (log.isDeleted) return Promise.reject(deletedLog(log.channelId));
      return call().catch((thrown: unknown) => {
        throw engine.explain(thrown);
      });
    },
    // Guards itself, where it reads: on this path every promise counts.
    append: (drafts, options) => log.append(drafts, options),
  });
}
