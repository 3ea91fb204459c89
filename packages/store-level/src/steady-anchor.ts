import { SteadyClock, systemClock, type Clock } from "@sssn/core";
import type { Database } from "./database-folder.js";
import { machineStart } from "./evidence/commit-mark.js";
import { STEADY_KEY } from "./keys.js";

/** Where the steady clock stands against the machine's own, which counts on while no process runs and which nobody sets. */
interface Anchor {
  readonly boot: string;
  readonly offsetMs: number;
}

/**
 * The clock of leases and delays. Goes on from where the last process had it as long as the machine runs, so that a step of the
 * wall clock changes nothing, not even while the store is closed. After a restart of the machine it is taken from the wall clock.
 */
export async function steadyClockOf(database: Database, clock: Clock): Promise<SteadyClock> {
  const boot = machineStart();
  if (clock !== systemClock || boot === "") return new SteadyClock(clock);
  const text = await database.get(STEADY_KEY);
  const stored = text === undefined ? undefined : (JSON.parse(text) as Anchor);
  const offsetMs = stored?.boot === boot ? stored.offsetMs : clock.now() - machineMs();
  if (stored?.boot !== boot) await database.put(STEADY_KEY, JSON.stringify({ boot, offsetMs } satisfies Anchor), { sync: true });
  return new SteadyClock(clock, offsetMs + machineMs() - clock.monotonic());
}

/** All processes of a machine share it. */
function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1_000_000;
}
