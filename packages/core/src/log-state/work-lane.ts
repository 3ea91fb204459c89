/** The priority of a message that states none; 9 comes first, 0 last. */
export const DEFAULT_PRIORITY = 4;
/** The highest priority. */
export const MAX_PRIORITY = 9;

/** The recipient of messages for nobody in particular, and of every message of an unaddressed log. */
export const COMMON_LANE = "";

/** Messages of one priority for one recipient: within a lane the oldest comes first. */
export interface WorkLane {
  readonly recipient: string;
  readonly priority: number;
}

/** A lane's name, as stores keep it. `!` is in no identifier, and messages of the default priority have the names that they had before there were others. */
export function laneName({ recipient, priority }: WorkLane): string {
  return priority === DEFAULT_PRIORITY ? recipient : `${recipient}!${priority}`;
}

/** The priority in the name of a lane. */
export function priorityOf(name: string): number {
  const [, priority] = name.split("!");
  return priority === undefined ? DEFAULT_PRIORITY : Number(priority);
}

/** The lane in which a message waits. */
export function laneOf(
  { recipientId, priority }: { readonly recipientId?: string; readonly priority?: number },
  addressed: boolean,
): WorkLane {
  return { recipient: (addressed ? recipientId : undefined) ?? COMMON_LANE, priority: priority ?? DEFAULT_PRIORITY };
}
