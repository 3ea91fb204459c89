import { Router, type Request, type Response } from "express";
import {
  SSSNError,
  describe,
  type ChannelOperation,
  type ClaimOptions,
  type Clock,
  type RetentionPolicy,
  type SeekTarget,
  type StartPosition,
  type WriteEntry,
  type WriteOptions,
} from "@sssn/core";
import type { Access, PublishedChannels } from "./access.js";
import { sendEvents } from "./event-stream.js";
import { bodyOf, integerIn, listOf, objectOf, only, queryOf, type Unchecked } from "./request-values.js";

/** What the routes need of the server. */
export interface RouteContext {
  readonly channels: PublishedChannels;
  readonly clock: Clock;
  /** Aborts when the server stops: waiting claims and streams end. */
  readonly stopping: AbortSignal;
}

type Handler = (access: Access, request: Request, response: Response) => Promise<unknown>;

const WRITE_OPTIONS = ["id", "correlationId", "replyTo", "recipientId", "metadata", "delayMs"] as const;

/**
 * The routes of channels. Each names the operation that it is, and runs only for a principal that may do it.
 *
 * Values from outside go to the channel as they came: the channel checks every one of them, in process or not.
 */
export function channelRoutes(context: RouteContext): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const route = (method: "get" | "post" | "put", path: string, operation: ChannelOperation, handle: Handler, status = 200): void => {
    router[method](path, async (request, response) => {
      const access = await context.channels.open(request, operation);
      const result = await handle(access, request, response);
      if (result !== undefined) response.status(status).json(result);
    });
  };

  router.get("/", async (request, response) => {
    const visible = await context.channels.visible(request);
    response.json({ channels: visible.map((channel) => channel.describe()) });
  });
  route("get", "/:id", "info", ({ channel }) => Promise.resolve(channel.describe()));

  route("post", "/:id/messages", "write", ({ channel, principal }, request) => {
    const { content, ...options } = withContent("body", bodyOf(request, ["content", ...WRITE_OPTIONS]));
    return channel.write(principal.systemId, content, only(options, WRITE_OPTIONS));
  }, 201);
  route("post", "/:id/messages/batch", "write", async ({ channel, principal }, request) => {
    const { messages } = bodyOf(request, ["messages"]);
    const entries = listOf("messages", messages).map((entry, index) => writeEntry(`messages[${index}]`, entry));
    return { receipts: await channel.writeBatch(principal.systemId, entries) };
  }, 201);

  route("get", "/:id/messages", "read", ({ channel, principal }, request) => {
    const query = queryOf(request, ["after", "limit", "cursor"]);
    const options = only({ after: integerIn(query, "after"), limit: integerIn(query, "limit"), cursor: query["cursor"] }, ["after", "limit", "cursor"]);
    return channel.read(principal.systemId, options);
  });
  route("post", "/:id/read", "read", ({ channel, principal }, request) => {
    const names = ["limit", "cursor", "after", "commit"];
    return channel.read(principal.systemId, only(bodyOf(request, names), names));
  });
  route("get", "/:id/positions", "read", ({ channel, principal }, request) => channel.positions(principal.systemId, only(queryOf(request, ["cursor"]), ["cursor"])));
  route("post", "/:id/cursor/commit", "commit", async ({ channel, principal }, request) => {
    const body = bodyOf(request, ["position", "cursor"]);
    return { position: await channel.commit(principal.systemId, body["position"] as number, only(body, ["cursor"])) };
  });
  route("post", "/:id/cursor/seek", "seek", async ({ channel, principal }, request) => {
    const body = bodyOf(request, ["target", "cursor"]);
    return { position: await channel.seek(principal.systemId, body["target"] as SeekTarget, only(body, ["cursor"])) };
  });

  route("post", "/:id/claims", "claim", async ({ channel, principal }, request, response) => {
    const names = ["group", "limit", "leaseMs", "waitMs"];
    const gone = whenGone(response);
    try {
      const options = only(bodyOf(request, names), names) as ClaimOptions;
      const claims = await channel.claim(principal.systemId, { ...options, signal: AbortSignal.any([gone.signal, context.stopping]) });
      if (!gone.signal.aborted) return { claims };
      // Nobody is there to work on them: give them back at once instead of after their lease.
      await channel.nack(principal.systemId, claims.map(({ receipt }) => receipt), { ...(options.group === undefined ? {} : { group: options.group }), delayMs: 0 });
      return undefined;
    } finally {
      gone.forget();
    }
  });
  route("post", "/:id/claims/acknowledge", "acknowledge", async ({ channel, principal }, request) => {
    const body = bodyOf(request, ["receipts", "group"]);
    return { results: await channel.acknowledge(principal.systemId, receiptsIn(body), only(body, ["group"])) };
  });
  route("post", "/:id/claims/nack", "nack", async ({ channel, principal }, request) => {
    const body = bodyOf(request, ["receipts", "group", "delayMs", "reason", "uncounted"]);
    return { results: await channel.nack(principal.systemId, receiptsIn(body), only(body, ["group", "delayMs", "reason", "uncounted"])) };
  });
  route("post", "/:id/claims/dead-letter", "dead-letter", async ({ channel, principal }, request) => {
    const body = bodyOf(request, ["receipts", "group", "reason"]);
    return { results: await channel.deadLetter(principal.systemId, receiptsIn(body), only(body, ["group", "reason"])) };
  });
  route("post", "/:id/claims/extend", "extend", async ({ channel, principal }, request) => {
    const body = bodyOf(request, ["receipts", "group", "leaseMs"]);
    return { results: await channel.extend(principal.systemId, receiptsIn(body), only(body, ["group", "leaseMs"])) };
  });

  route("get", "/:id/stream", "stream", (access, request, response) => streamTo(context, access, request, response));

  route("get", "/:id/history", "history", ({ channel, principal }, request) => {
    const query = queryOf(request, ["after", "limit"]);
    return channel.history(principal.systemId, only({ after: integerIn(query, "after"), limit: integerIn(query, "limit") }, ["after", "limit"]));
  });
  route("get", "/:id/stats", "stats", ({ channel, principal }) => channel.stats(principal.systemId));
  route("get", "/:id/dead-letters", "history", async ({ channel, principal }, request) => {
    const query = queryOf(request, ["group", "limit"]);
    return { messages: await channel.deadLetters(principal.systemId, only({ group: query["group"], limit: integerIn(query, "limit") }, ["group", "limit"])) };
  });
  route("post", "/:id/clear", "clear", async ({ channel, principal }, request) => {
    bodyOf(request, []);
    return { removed: await channel.clear(principal.systemId) };
  });
  route("post", "/:id/evict", "evict", async ({ channel, principal }, request) => {
    const names = ["maxAgeMs", "maxCount", "maxBytes", "keepUnsettled"];
    const policy = only(bodyOf(request, names), names) as RetentionPolicy;
    return { removed: await (Object.keys(policy).length === 0 ? channel.evict(principal.systemId) : channel.evict(principal.systemId, policy)) };
  });
  route("post", "/:id/remove", "remove", async ({ channel, principal }, request) => {
    const { ids } = bodyOf(request, ["ids"]);
    return { removed: await channel.remove(principal.systemId, listOf("ids", ids) as readonly string[]) };
  });
  route("post", "/:id/requeue", "requeue", async ({ channel, principal }, request) => {
    const body = bodyOf(request, ["group", "ids"]);
    if (body["ids"] !== undefined) listOf("ids", body["ids"]);
    return { requeued: await channel.requeue(principal.systemId, only(body, ["group", "ids"])) };
  });
  return router;
}

function withContent(what: string, value: Unchecked): Unchecked & { readonly content: unknown } {
  if (Object.hasOwn(value, "content")) return value as Unchecked & { readonly content: unknown };
  throw new SSSNError("invalid_content", `${what} has no content: send { "content": … }.`, { details: { path: `${what}.content` } });
}

function writeEntry(what: string, value: unknown): WriteEntry<unknown> {
  const { content, ...options } = withContent(what, objectOf(what, value, ["content", ...WRITE_OPTIONS]));
  return { content, ...(only(options, WRITE_OPTIONS) as WriteOptions) };
}

function receiptsIn(body: Unchecked): readonly string[] {
  return listOf("receipts", body["receipts"]) as readonly string[];
}

/** Aborts when the client hangs up. */
function whenGone(response: Response): { readonly signal: AbortSignal; forget(): void } {
  const gone = new AbortController();
  const abort = (): void => gone.abort();
  response.once("close", abort);
  return { signal: gone.signal, forget: () => response.off("close", abort) };
}

async function streamTo(context: RouteContext, { channel, principal }: Access, request: Request, response: Response): Promise<undefined> {
  const query = queryOf(request, ["from", "after", "cursor"]);
  const { first, last, cursor } = await channel.positions(principal.systemId, only(query, ["cursor"]));
  const after = resumeAt(request, query) ?? (query["cursor"] === undefined ? undefined : cursor) ?? (query["from"] === "start" ? first - 1 : last);
  if (query["from"] !== undefined && query["from"] !== "now" && query["from"] !== "start") throw new SSSNError("invalid_argument", `from is "now" or "start", but is ${describe(query["from"])}.`);
  if (after > last) throw new SSSNError("position_ahead", `Position ${after} is ahead of channel ${channel.id}, whose last message is ${last}.`, { details: { position: after, last } });
  const gone = whenGone(response);
  const expired = new AbortController();
  const cancel = principal.expiresAt === undefined ? undefined : context.clock.schedule(() => expired.abort(), principal.expiresAt - context.clock.now(), { background: true });
  const signal = AbortSignal.any([gone.signal, expired.signal, context.stopping]);
  try {
    const from: StartPosition = { after };
    await sendEvents(response, channel.stream(principal.systemId, { from, signal }), after, context.clock, signal);
  } finally {
    cancel?.();
    gone.forget();
  }
  return undefined;
}

/** Where the client says that it is: by the header that an EventSource sends when it comes back, or in the query. */
function resumeAt(request: Request, query: Readonly<Record<string, string>>): number | undefined {
  const header = request.headers["last-event-id"];
  const position = typeof header === "string" && header !== "" ? integerIn({ "Last-Event-ID": header }, "Last-Event-ID") : integerIn(query, "after");
  if (position !== undefined && position < 0) throw new SSSNError("invalid_argument", `A position is 0 or more, but is ${position}.`);
  return position;
}
