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
  return new SteadyClock(clock, offsetMs + machineAhead(clock));
}

/** Good to a fraction of what a lease is. */
const CLOSE_ENOUGH_MS = 0.2;
const MOST_TRIES = 100;

/**
 * How far the machine's clock is ahead of the process's. Two clocks can't be read at once, and a process that is held up between the
 * one and the other would take the pause for a difference, which would end the leases of the process after it early: so the one is
 * read between two readings of the other, until these are close together.
 */
function machineAhead(clock: Clock): number {
  let best = { ahead: 0, spread: Infinity };
  for (let tries = 0; tries < MOST_TRIES && best.spread > CLOSE_ENOUGH_MS; tries++) {
    const before = clock.monotonic();
    const machine = machineMs();
    const after = clock.monotonic();
    if (after - before < best.spread) best = { ahead: machine - (before + after) / 2, spread: after - before };
  }
  return best.ahead;
}

/** All processes of a machine share it. */
function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1_000_000;
}
