import { existed, type Route } from "./route.js";
import * as schema from "./schemas.js";
import { integer, list, object, position, reference, type ObjectSchema, type Schema } from "./schemas.js";

const settling = (more: Readonly<Record<string, Schema>> = {}): ObjectSchema =>
  object({ receipts: schema.receipts, group: schema.groupName, ...more }, ["receipts"]);
const settled = object({ results: list(reference("SettleResult")) }, ["results"]);
const ordered = object({ results: list(reference("OrderResult")) }, ["results"]);

/** Claims, settlements, and orders about work. */
export const WORK_ROUTES = {
  claim: {
    method: "POST",
    path: "/claims",
    operation: "claim",
    summary: "claims the oldest available messages, waiting for some if asked to",
    body: object({
      group: schema.groupName,
      limit: schema.claimLimit,
      leaseMs: schema.leaseMs,
      waitMs: schema.waitMs,
      working: schema.working,
      workerId: schema.workerId,
      callId: schema.callId,
    }),
    status: 200,
    answer: object(
      {
        claims: list(reference("Claim")),
        waitedMs: { type: "number", description: "How long the host had the request before it answered, in ms." },
      },
      ["claims", "waitedMs"],
    ),
  },
  acknowledge: {
    method: "POST",
    path: "/claims/acknowledge",
    operation: "acknowledge",
    summary: "settles own claims: done",
    body: settling(),
    status: 200,
    answer: settled,
  },
  nack: {
    method: "POST",
    path: "/claims/nack",
    operation: "nack",
    summary: "gives own claims back, now or after a delay",
    body: settling({
      delayMs: schema.delayMs,
      reason: schema.reason,
      uncounted: { type: "boolean", description: "Nobody worked on it: the delivery does not count." },
    }),
    status: 200,
    answer: settled,
  },
  deadLetter: {
    method: "POST",
    path: "/claims/dead-letter",
    operation: "dead-letter",
    summary: "puts own claims among the dead letters",
    body: settling({ reason: schema.reason }),
    status: 200,
    answer: settled,
  },
  extend: {
    method: "POST",
    path: "/claims/extend",
    operation: "extend",
    summary: "keeps own claims alive",
    body: settling({ leaseMs: schema.leaseMs, progress: schema.progress }),
    status: 200,
    answer: settled,
  },
  deadLetters: {
    method: "GET",
    path: "/dead-letters",
    operation: "history",
    summary: "the dead letters of a group",
    query: object({ group: schema.groupName, after: position("Behind this sequence. Default 0."), limit: integer(1, 10_000) }),
    status: 200,
    answer: object({ messages: list(reference("DeadMessage")) }, ["messages"]),
  },
  requeue: {
    method: "POST",
    path: "/requeue",
    operation: "requeue",
    summary: "makes dead letters, or what was cancelled, available again",
    body: object({
      group: schema.groupName,
      ids: schema.messageIds,
      state: { type: "string", enum: ["dead", "cancelled"], description: "Chooses by state, in place of ids." },
      limit: schema.orderLimit,
    }),
    status: 200,
    answer: object({ requeued: integer(0, Number.MAX_SAFE_INTEGER) }, ["requeued"]),
  },
  setRegime: {
    method: "POST",
    path: "/groups/regime",
    operation: "regime",
    summary: "bounds a group's work: paused, messages out at once, messages in a time",
    body: object({ group: schema.groupName, regime: schema.regime }, ["regime"]),
    status: 200,
    answer: object({}),
  },
  cancel: {
    method: "POST",
    path: "/jobs/cancel",
    operation: "cancel",
    summary: "settles messages as cancelled, and takes them from whoever has them",
    body: object({
      group: schema.groupName,
      ids: schema.messageIds,
      state: schema.jobState,
      limit: schema.orderLimit,
      reason: schema.reason,
    }),
    status: 200,
    answer: ordered,
  },
  reschedule: {
    method: "POST",
    path: "/jobs/reschedule",
    operation: "reschedule",
    summary: "moves messages that nobody has to another time or priority",
    body: object(
      {
        group: schema.groupName,
        ids: schema.messageIds,
        at: integer(0, Number.MAX_SAFE_INTEGER, "When they may be handed out, in ms since the Unix epoch. Default: now."),
        delayMs: schema.delayMs,
        priority: schema.priority("From now on. Default: the one with which they were written."),
      },
      ["ids"],
    ),
    status: 200,
    answer: ordered,
  },
  job: {
    method: "GET",
    path: "/job",
    operation: "jobs",
    summary: "the whole state of a message in a group",
    query: object({ id: schema.messageId, group: schema.groupName }, ["id"]),
    status: 200,
    answer: reference("Job"),
  },
  jobs: {
    method: "GET",
    path: "/jobs",
    operation: "jobs",
    summary: "the messages of a group that are in a state",
    query: object(
      { state: schema.jobState, group: schema.groupName, after: position("Behind this sequence. Default 0."), limit: schema.jobsLimit },
      ["state"],
    ),
    status: 200,
    answer: object(
      { jobs: list(reference("Job")), position: position("Everything up to here was looked at; left out: there is no more.") },
      ["jobs"],
    ),
  },
  deleteGroup: {
    method: "POST",
    path: "/groups/delete",
    operation: "delete-group",
    summary: "deletes a group: its claims, its dead letters, what it has settled",
    body: object({ group: schema.groupName }, ["group"]),
    status: 200,
    answer: existed,
  },
} as const satisfies Record<string, Route>;
