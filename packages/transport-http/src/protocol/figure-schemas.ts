import { count, integer, list, object, type ObjectSchema, type Schema } from "./schema-forms.js";

/** What a group is bounded by. */
const regimeFields: Readonly<Record<string, Schema>> = {
  paused: { type: "boolean", description: "Nothing is handed out." },
  maxInFlight: integer(1, 1_000_000, "How many messages may be out at once."),
  rate: object(
    { count: integer(1, 1_000_000, "So many messages."), perMs: integer(1, 604_800_000, "In any so many ms.") },
    ["count", "perMs"],
    "How many are handed out in a time.",
  ),
};
const totals: ObjectSchema = object(
  {
    since: { type: "integer", description: "When counting began, in ms since the Unix epoch." },
    delivered: count("Messages that were handed out, each time counted."),
    acknowledged: count("Worked off."),
    released: count("Given back."),
    lapsed: count("Leases that ended by themselves."),
    deadLettered: count("Became dead letters."),
    cancelled: count("Cancelled."),
    expired: count("Past their time to live before they were worked off."),
    superseded: count("Replaced by later messages."),
    removed: count("Removed from the log before they were worked off."),
  },
  ["since", "delivered", "acknowledged", "released", "lapsed", "deadLettered", "cancelled", "expired", "superseded", "removed"],
  "Counted upwards only, since the log was opened.",
);
export const regime: ObjectSchema = object(regimeFields, [], "What bounds the group's work; what is left out does not.");

/** A log in numbers. */
const counted: Readonly<Record<string, Schema>> = {
  count: count("Messages that are kept."),
  bytes: count("Their size, as the store counts it."),
  first: count("The first kept sequence."),
  last: count("The last sequence given out."),
  expired: count("Kept messages that are past their time to live."),
};
const groupFields: Readonly<Record<string, Schema>> = {
  group: { type: "string" },
  ready: count("Can be claimed."),
  claimed: count("Under a lease."),
  delayed: count("Wait for their time."),
  dead: count("Dead letters."),
  totals,
  regime,
};
const groupNames = ["group", "ready", "claimed", "delayed", "dead", "totals"];
const cursorFields: Readonly<Record<string, Schema>> = {
  owner: { type: "string" },
  name: { type: "string" },
  sequence: count("Where it stands."),
  lag: count("Messages behind it."),
  distanceToRetention: { type: "integer", description: "How many messages may be removed from the front before it misses one." },
  movedAt: { type: "integer", description: "When it was moved last, by the log's clock, in ms since the Unix epoch. Left out: not known." },
  lost: count("How many messages were removed while it stood before them."),
};
const cursorNames = ["owner", "name", "sequence", "lag", "distanceToRetention", "lost"];

export const stats: ObjectSchema = object(
  {
    ...counted,
    groups: list(object({ ...groupFields, oldestUnfinishedMs: { type: "number" } }, groupNames)),
    cursors: list(object({ ...cursorFields, lagMs: { type: "number" } }, [...cursorNames, "lagMs"])),
  },
  [...Object.keys(counted), "groups", "cursors"],
);
export const counts: ObjectSchema = object({ ...counted, groups: list(object(groupFields, groupNames)) }, [
  ...Object.keys(counted),
  "groups",
]);
export const cursorInfo: ObjectSchema = object(cursorFields, cursorNames);
