import type { IncomingMessage } from "node:http";
import {
  SSSNError,
  linkSignals,
  supports,
  type CancelOptions,
  type ClaimOptions,
  type CommitOptions,
  type Clock,
  type CursorOptions,
  type CursorsOptions,
  type DeadLettersOptions,
  type ExtendOptions,
  type GroupRegime,
  type HistoryOptions,
  type JobSelection,
  type JobsOptions,
  type NackOptions,
  type ReadOptions,
  type RegimeOptions,
  type RequeueOptions,
  type RescheduleOptions,
  type RetentionPolicy,
  type ScanOptions,
  type SeekTarget,
  type SettleOptions,
  type WriteCondition,
  type WriteEntry,
} from "@sssn/core";
import { checkIdentity, checkPosition } from "@sssn/core/log-state";
import type { RouteName } from "../protocol/routes.js";
import type { Access } from "./access.js";
import { sendEvents } from "./event-stream.js";
import type { Exchange } from "./exchange.js";
import type { HeldRequests } from "./held-requests.js";
import { whenGone } from "./when-gone.js";
import type { Tickets } from "./tickets.js";
import { wholeNumber, type Checked } from "./validation.js";

/** What handlers need of the server. */
export interface HandlerContext {
  readonly clock: Clock;
  readonly held: HeldRequests;
  readonly tickets: Tickets;
  /** Aborts when the server stops: waiting claims and streams end. */
  readonly stopping: AbortSignal;
}

/** One request, authorized and checked. */
interface Call extends Access {
  readonly context: HandlerContext;
  /** The body of a POST and the query of a GET, as the route's schema has it. */
  readonly input: Checked;
  readonly exchange: Exchange;
}

/** Answers with what is to be sent, or with `undefined` when it has sent it, or when there is nobody left to send to. */
export type Handler = (call: Call) => Promise<unknown>;

/** The schema of the route has said what the input is. */
function inputOf<Input>({ input }: Call): Input {
  return input as Input;
}

type Receipts = { readonly receipts: readonly string[] };

/** What each route does. A channel checks everything again: in process or not, it trusts nobody. */
export const HANDLERS: Readonly<Record<RouteName, Handler>> = {
  info: ({ channel }) => Promise.resolve(channel.describe()),
  write(call) {
    const { content, ...options } = inputOf<WriteEntry<unknown> & WriteCondition>(call);
    return call.channel.write(call.principal.systemId, content, options);
  },
  async writeBatch(call) {
    const { messages, ...condition } = inputOf<WriteCondition & { messages: readonly WriteEntry<unknown>[] }>(call);
    return { receipts: await call.channel.writeBatch(call.principal.systemId, messages, condition) };
  },
  look: (call) => call.channel.read(call.principal.systemId, inputOf<ReadOptions>(call)),
  read: (call) => call.channel.read(call.principal.systemId, inputOf<ReadOptions>(call)),
  async find(call) {
    const message = await call.channel.find(call.principal.systemId, inputOf<{ id: string }>(call).id);
    return message ? { message } : {};
  },
  positions: (call) => call.channel.positions(call.principal.systemId, inputOf<CursorOptions>(call)),
  async commit(call) {
    const { position, ...options } = inputOf<CommitOptions & { position: number }>(call);
    return { position: await call.channel.commit(call.principal.systemId, position, options) };
  },
  async seek(call) {
    const { target, ...options } = inputOf<CursorOptions & { target: SeekTarget }>(call);
    return { position: await call.channel.seek(call.principal.systemId, target, options) };
  },
  claim,
  async acknowledge(call) {
    const { receipts, ...options } = inputOf<SettleOptions & Receipts>(call);
    return { results: await call.channel.acknowledge(call.principal.systemId, receipts, options) };
  },
  async nack(call) {
    const { receipts, ...options } = inputOf<NackOptions & Receipts>(call);
    return { results: await call.channel.nack(call.principal.systemId, receipts, options) };
  },
  async deadLetter(call) {
    const { receipts, ...options } = inputOf<SettleOptions & Receipts>(call);
    return { results: await call.channel.deadLetter(call.principal.systemId, receipts, options) };
  },
  async extend(call) {
    const { receipts, ...options } = inputOf<ExtendOptions & Receipts>(call);
    return { results: await call.channel.extend(call.principal.systemId, receipts, options) };
  },
  async ticket({ channel, credential, context }) {
    const info = channel.describe();
    if (!supports(info, "stream"))
      throw new SSSNError(
        "unsupported_operation",
        `Channel ${channel.id} is a ${info.kind} channel, which has no stream to give a ticket for.`,
        { details: { kind: info.kind } },
      );
    return context.tickets.issue(channel.id, credential);
  },
  stream,
  history: (call) => call.channel.history(call.principal.systemId, inputOf<HistoryOptions>(call)),
  scan: (call) => call.channel.scan(call.principal.systemId, inputOf<ScanOptions>(call)),
  locate: (call) => call.channel.locate(call.principal.systemId, inputOf<{ timestamp: number }>(call)),
  stats: ({ channel, principal }) => channel.stats(principal.systemId),
  counts: ({ channel, principal }) => channel.counts(principal.systemId),
  cursors: (call) => call.channel.cursors(call.principal.systemId, inputOf<CursorsOptions>(call)),
  deadLetters: async (call) => ({ messages: await call.channel.deadLetters(call.principal.systemId, inputOf<DeadLettersOptions>(call)) }),
  clear: async ({ channel, principal }) => ({ removed: await channel.clear(principal.systemId) }),
  async evict(call) {
    const policy = inputOf<RetentionPolicy>(call);
    return {
      removed: await (Object.keys(policy).length === 0
        ? call.channel.evict(call.principal.systemId)
        : call.channel.evict(call.principal.systemId, policy)),
    };
  },
  remove: async (call) => ({ removed: await call.channel.remove(call.principal.systemId, inputOf<{ ids: readonly string[] }>(call).ids) }),
  requeue: async (call) => ({
    requeued: await call.channel.requeue(call.principal.systemId, inputOf<RequeueOptions>(call)),
  }),
  async setRegime(call) {
    const { regime, ...options } = inputOf<RegimeOptions & { regime: GroupRegime }>(call);
    await call.channel.setRegime(call.principal.systemId, regime, options);
    return {};
  },
  cancel,
  async reschedule(call) {
    const { ids, ...options } = inputOf<RescheduleOptions & { ids: readonly string[] }>(call);
    return { results: await call.channel.reschedule(call.principal.systemId, ids, options) };
  },
  job(call) {
    const { id, ...options } = inputOf<SettleOptions & { id: string }>(call);
    return call.channel.job(call.principal.systemId, id, options);
  },
  jobs: (call) => call.channel.jobs(call.principal.systemId, inputOf<JobsOptions>(call)),
  deleteGroup: async (call) => ({
    existed: await call.channel.deleteGroup(call.principal.systemId, inputOf<{ group: string }>(call).group),
  }),
  async deleteCursor(call) {
    const { readerId, ...options } = inputOf<CursorOptions & { readerId: string }>(call);
    return { existed: await call.channel.deleteCursor(call.principal.systemId, readerId, options) };
  },
};

/** By their ids, or by their state. */
async function cancel(call: Call): Promise<unknown> {
  const { ids, state, limit, ...options } = inputOf<CancelOptions & Partial<JobSelection> & { ids?: readonly string[] }>(call);
  if ((ids === undefined) === (state === undefined))
    throw new SSSNError("invalid_argument", "Messages are chosen by their ids or by their state: send one of them.");
  const which = state === undefined ? (ids ?? []) : { state, ...(limit === undefined ? {} : { limit }) };
  return { results: await call.channel.cancel(call.principal.systemId, which, options) };
}

async function claim(call: Call): Promise<unknown> {
  const { channel, principal, context, exchange } = call;
  const options = inputOf<ClaimOptions>(call);
  const begun = context.clock.monotonic();
  const [hold, gone] = [context.held.hold(call), whenGone(exchange.response)];
  const { signal, release } = linkSignals(gone.signal, hold.signal, context.stopping);
  try {
    const claims = await channel.claim(principal.systemId, { ...options, signal });
    if (!gone.signal.aborted && !hold.signal.aborted) return { claims, waitedMs: context.clock.monotonic() - begun };
    // Nobody is there to work on them, or nobody who may: give them back at once instead of after their lease.
    if (claims.length > 0) {
      await channel.nack(
        principal.systemId,
        claims.map(({ receipt }) => receipt),
        { ...(options.group === undefined ? {} : { group: options.group }), delayMs: 0, uncounted: true },
      );
    }
    hold.signal.throwIfAborted();
    return undefined;
  } finally {
    release();
    hold.release();
    gone.forget();
  }
}

async function stream(call: Call): Promise<undefined> {
  const gone = whenGone(call.exchange.response);
  try {
    const start = await startOf(call);
    const turn = await call.context.tickets.turnOf(call.ticket);
    try {
      if (!gone.signal.aborted) await send(call, start, gone.signal, turn.signal);
    } finally {
      turn.release();
    }
  } finally {
    gone.forget();
  }
  return undefined;
}

async function send(call: Call, { after, log }: StreamStart, ...ends: readonly (AbortSignal | undefined)[]): Promise<void> {
  const { channel, principal, context, exchange } = call;
  const hold = context.held.hold(call);
  const { signal, release } = linkSignals(hold.signal, ...ends, context.stopping);
  try {
    await sendEvents({
      exchange,
      pages: channel.pages(principal.systemId, { from: { after }, log, signal }),
      position: after,
      log,
      clock: context.clock,
      signal,
    });
  } finally {
    release();
    hold.release();
  }
}

interface StreamStart {
  readonly after: number;
  readonly log: string;
}

/** Where a stream begins: where the client says that it is, else at its cursor, else where it asks for. */
async function startOf(call: Call): Promise<StreamStart> {
  const { channel, principal, exchange } = call;
  const {
    from,
    after,
    cursor: name,
    log: asked,
  } = inputOf<{ from?: "now" | "start"; after?: number; cursor?: string; log?: string }>(call);
  const resumed = lastEventId(exchange.request);
  const {
    first,
    last,
    cursor,
    log,
    predecessors = [],
  } = await channel.positions(principal.systemId, name === undefined ? {} : { cursor: name });
  const start = resumed?.position ?? (name === undefined ? undefined : cursor) ?? after ?? (from === "start" ? first - 1 : last);
  checkIdentity(channel.id, { identity: log, predecessors }, resumed?.log ?? asked, start);
  checkPosition(channel.id, start, last);
  return { after: start, log };
}

/** What an EventSource sends when it comes back. */
function lastEventId(request: IncomingMessage): { readonly position: number; readonly log: string | undefined } | undefined {
  const header = request.headers["last-event-id"];
  if (typeof header !== "string" || header === "") return undefined;
  const [number = "", log] = header.split("@");
  const position = wholeNumber("Last-Event-ID", number);
  if (position < 0) throw new SSSNError("invalid_argument", `A position is 0 or more, but Last-Event-ID is ${position}.`);
  return { position, log };
}
