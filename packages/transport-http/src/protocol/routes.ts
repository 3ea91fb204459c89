import { MAX_BATCH, MAX_CURSORS } from "@sssn/core";
import { existed, type Route } from "./route.js";
import * as schema from "./schemas.js";
import { integer, list, object, position, reference, type Schema } from "./schemas.js";
import { WORK_ROUTES } from "./work-routes.js";

export { type Route } from "./route.js";

const logIdentity: Schema = {
  type: "string",
  maxLength: 64,
  description: "The identity of the log that a position is from; another one is refused.",
};
const moved = object({ position: position("Where the cursor stands now.") }, ["position"]);
const removed = object({ removed: integer(0, Number.MAX_SAFE_INTEGER) }, ["removed"]);

const seekTarget: Schema = {
  description: "The start, the end, a sequence, or a time in ms since the Unix epoch.",
  oneOf: [
    { type: "string", enum: ["start", "end"] },
    object({ sequence: position("A sequence.") }, ["sequence"]),
    object({ timestamp: integer(0, Number.MAX_SAFE_INTEGER) }, ["timestamp"]),
  ],
};

const POSITIONS = {
  first: position("The first kept sequence."),
  last: position("The last one."),
  cursor: position("Where the cursor stands."),
  log: { type: "string", description: "Who the log is: positions mean something in this one only." },
  predecessors: {
    ...list(object({ identity: { type: "string" }, last: position("Up to here it is the same.") }, ["identity", "last"])),
    description: "Who the log was before it lost messages that it had acknowledged; left out: that never happened.",
  },
  now: { type: "integer", description: "What time it is for the log, in ms since the Unix epoch." },
} as const satisfies Readonly<Record<string, Schema>>;

/**
 * Every route of a channel. The server's dispatch and its checks, the OpenAPI description and the table in the documentation come from
 * here: a route that is not here does not exist.
 */
export const ROUTES = {
  info: { method: "GET", path: "", operation: "info", summary: "what the channel is", status: 200, answer: reference("ChannelInfo") },
  write: {
    method: "POST",
    path: "/messages",
    operation: "write",
    summary: "writes one message",
    body: schema.conditionalEntry,
    status: 201,
    answer: reference("Receipt"),
  },
  writeBatch: {
    method: "POST",
    path: "/messages/batch",
    operation: "write",
    summary: "writes many, all or none",
    body: object({ messages: list(schema.writeEntry, MAX_BATCH), ifLast: schema.ifLast }, ["messages"]),
    status: 201,
    answer: object({ receipts: list(reference("Receipt")) }, ["receipts"]),
  },
  look: {
    method: "GET",
    path: "/messages",
    operation: "read",
    summary: "reads, and changes nothing",
    query: object({
      after: position("Read behind this sequence. Default: behind the cursor."),
      limit: schema.pageLimit,
      cursor: schema.cursorName,
    }),
    status: 200,
    answer: reference("Page"),
  },
  read: {
    method: "POST",
    path: "/read",
    operation: "read",
    summary: "commits what was received, and reads on",
    body: object({
      limit: schema.pageLimit,
      cursor: schema.cursorName,
      after: position("Read behind this sequence; moves no cursor."),
      log: logIdentity,
      commit: {
        description: "The position that was received, to commit before reading on; or on-delivery.",
        oneOf: [position("A sequence."), { type: "string", const: "on-delivery" }],
      },
    }),
    status: 200,
    answer: reference("Page"),
  },
  find: {
    method: "GET",
    path: "/message",
    operation: "read",
    summary: "the message with an id, if it is there",
    query: object({ id: schema.messageId }, ["id"]),
    status: 200,
    answer: object({ message: reference("Message") }),
  },
  positions: {
    method: "GET",
    path: "/positions",
    operation: "read",
    summary: "first and last sequence, and the cursor",
    query: object({ cursor: schema.cursorName }),
    status: 200,
    answer: object(POSITIONS, ["first", "last", "log", "now"]),
  },
  commit: {
    method: "POST",
    path: "/cursor/commit",
    operation: "commit",
    summary: "moves the own cursor forwards",
    body: object({ position: position("Everything up to here is dealt with."), cursor: schema.cursorName, log: logIdentity }, ["position"]),
    status: 200,
    answer: moved,
  },
  seek: {
    method: "POST",
    path: "/cursor/seek",
    operation: "seek",
    summary: "moves the own cursor anywhere",
    body: object({ target: seekTarget, cursor: schema.cursorName }, ["target"]),
    status: 200,
    answer: moved,
  },
  ...WORK_ROUTES,
  ticket: {
    method: "POST",
    path: "/stream/ticket",
    operation: "stream",
    summary: "a ticket that opens a stream within 30 s and carries it over reconnections, for an EventSource",
    body: object({}),
    status: 201,
    answer: object({ ticket: { type: "string" }, expiresAt: { type: "integer", description: "In ms since the Unix epoch." } }, [
      "ticket",
      "expiresAt",
    ]),
  },
  stream: {
    method: "GET",
    path: "/stream",
    operation: "stream",
    summary: "server-sent events, resumed by Last-Event-ID",
    query: object({
      from: { type: "string", enum: ["now", "start"], description: "Where to begin. Default: now." },
      after: position("Begin behind this sequence."),
      cursor: schema.cursorName,
      log: logIdentity,
      ticket: { type: "string", maxLength: 256, description: "In place of the Authorization header; good for one stream." },
    }),
    status: 200,
  },
  history: {
    method: "GET",
    path: "/history",
    operation: "history",
    summary: "any part of the log, whoever it is addressed to",
    query: object({
      after: position("Behind this sequence. Default 0."),
      before: position("In place of after: the last ones before this sequence."),
      limit: schema.pageLimit,
    }),
    status: 200,
    answer: reference("Page"),
  },
  scan: {
    method: "POST",
    path: "/scan",
    operation: "history",
    summary: "messages that satisfy conditions, within bounds",
    body: object({
      after: position("Behind this sequence. Default 0."),
      where: list(schema.scanCondition, 16),
      limit: integer(1, 1_000, "Most messages to find. Default 100."),
      maxScanned: integer(1, 100_000, "Most messages to look at. Default 10000."),
      maxMs: integer(1, 10_000, "How long to look, in ms. Default 1000."),
    }),
    status: 200,
    answer: object(
      {
        messages: list(reference("Message")),
        position: position("Everything up to here has been looked at."),
        scanned: schema.count("How many messages were looked at."),
        isComplete: { type: "boolean", description: "It came to the end of the log." },
        log: { type: "string", description: "Who the log is." },
      },
      ["messages", "position", "scanned", "isComplete", "log"],
    ),
  },
  locate: {
    method: "GET",
    path: "/locate",
    operation: "history",
    summary: "the position just before the first message that is as new as a time; moves nothing",
    query: object({ timestamp: integer(0, Number.MAX_SAFE_INTEGER, "In ms since the Unix epoch.") }, ["timestamp"]),
    status: 200,
    answer: object({ ...POSITIONS, position: position("Where reading would begin.") }, ["first", "last", "log", "now", "position"]),
  },
  stats: {
    method: "GET",
    path: "/stats",
    operation: "stats",
    summary: "counts, groups and cursors, with the age of what waits",
    status: 200,
    answer: reference("Stats"),
  },
  counts: {
    method: "GET",
    path: "/counts",
    operation: "stats",
    summary: "counts and groups, out of memory",
    status: 200,
    answer: reference("Counts"),
  },
  cursors: {
    method: "GET",
    path: "/cursors",
    operation: "stats",
    summary: "the cursors of its readers: how far, moved when, what was removed before them",
    query: object({
      after: { type: "string", maxLength: 600, description: "The next of the page before. Default: from the first." },
      limit: integer(1, MAX_CURSORS, "Most cursors to list. Default 100."),
    }),
    status: 200,
    answer: object(
      {
        cursors: list(reference("CursorInfo")),
        next: { type: "string", description: "Where to go on; left out: there are no more." },
      },
      ["cursors"],
    ),
  },
  clear: {
    method: "POST",
    path: "/clear",
    operation: "clear",
    summary: "removes all messages",
    body: object({}),
    status: 200,
    answer: removed,
  },
  evict: {
    method: "POST",
    path: "/evict",
    operation: "evict",
    summary: "applies a retention policy now; left out: the channel's",
    body: object({
      maxAgeMs: schema.count("In ms."),
      maxCount: schema.count("Messages."),
      maxBytes: schema.count("Bytes."),
      keepUnsettled: { type: "boolean" },
      maxDeadAgeMs: schema.count("How long dead letters are kept, in ms."),
    }),
    status: 200,
    answer: removed,
  },
  remove: {
    method: "POST",
    path: "/remove",
    operation: "remove",
    summary: "removes messages by id",
    body: object({ ids: list(schema.messageId, 10_000) }, ["ids"]),
    status: 200,
    answer: removed,
  },
  deleteCursor: {
    method: "POST",
    path: "/cursors/delete",
    operation: "delete-cursor",
    summary: "deletes a cursor of any reader",
    body: object({ readerId: schema.readerId, cursor: schema.cursorName }, ["readerId"]),
    status: 200,
    answer: existed,
  },
} as const satisfies Record<string, Route>;

/** The name of a route. */
export type RouteName = keyof typeof ROUTES;

/** All routes, by name. */
export const routeNames = Object.keys(ROUTES) as readonly RouteName[];

/** A route, seen as any other. */
export function routeOf(name: RouteName): Route {
  return ROUTES[name];
}
