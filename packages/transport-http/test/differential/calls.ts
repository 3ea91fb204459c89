// Every call that a channel takes, with every option, good values and bad ones.
import fc from "fast-check";
import type { ChannelMessage } from "@sssn/core";
import { CALLERS, type AnyChannel, type Caller, type Side } from "./sides.js";

/** Whatever can be called on a channel. */
type CallName = {
  [Name in keyof AnyChannel]-?: NonNullable<AnyChannel[Name]> extends (...args: never[]) => unknown ? Name : never;
}[keyof AnyChannel];

/** One call, as it is made on either side. */
export interface Call {
  readonly name: CallName;
  readonly said: unknown;
  run(side: Side): Promise<unknown>;
}

const caller = fc.constantFrom(...CALLERS);
const group = fc.option(fc.constantFrom("default", "g1", "no group!"), { nil: undefined, freq: 3 });
const cursor = fc.option(fc.constantFrom("c1", "no cursor!"), { nil: undefined, freq: 4 });
const sequence = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 0.5, 1e9, NaN) },
);
const limit = fc.option(fc.constantFrom(1, 2, 100, 0, 10_001), { nil: undefined, freq: 5 });
const leaseMs = fc.option(fc.constantFrom(3_600_000, 5), { nil: undefined, freq: 4 });
const content = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(2 ** 53, "\ud800", "ü\u0000", -0));
const log = fc.option(fc.constantFrom("own", "another"), { nil: undefined, freq: 3 });
const reason = fc.option(fc.constantFrom("because", "", "x".repeat(1_500)), { nil: undefined });
const from = fc.oneof(fc.constantFrom("start" as const, "now" as const), fc.record({ after: sequence }), fc.constant(undefined));
const patience = { attempts: 2, backoff: { initialMs: 1, maxMs: 2 } } as const;
const writing = fc.record({
  id: fc.option(fc.constantFrom("g-1", "g-2", "no id!"), { nil: undefined }),
  correlationId: fc.option(fc.constantFrom("k", "no!"), { nil: undefined, freq: 6 }),
  replyTo: fc.option(fc.constant("answers"), { nil: undefined, freq: 6 }),
  recipientId: fc.option(fc.constantFrom("ann", "bob", "no!"), { nil: undefined, freq: 2 }),
  metadata: fc.option(fc.constantFrom({ a: 1 }, {}), { nil: undefined, freq: 6 }),
  delayMs: fc.option(fc.constantFrom(0, 3_600_000, -1), { nil: undefined, freq: 6 }),
  ttlMs: fc.option(fc.constantFrom(3_600_000, 0), { nil: undefined, freq: 6 }),
  key: fc.option(fc.constantFrom("k1", "k2", "no key!"), { nil: undefined, freq: 3 }),
  priority: fc.option(fc.constantFrom(0, 4, 9, 10, 0.5), { nil: undefined, freq: 3 }),
  supersede: fc.option(fc.constantFrom("one", "no name!"), { nil: undefined, freq: 8 }),
});
/** All but what was settled lately, which a host that was restarted does not know. */
const state = fc.constantFrom("ready", "claimed", "resting", "dead", "cancelled", "lost" as "dead");
const someIds = fc.array(fc.constantFrom("g-1", "g-2", "unknown", "no id!"), { maxLength: 2 });
const someJobs = fc.record({ state, limit: fc.option(fc.constantFrom(1, 0), { nil: undefined }) });

const ifLast = fc.option(fc.constantFrom(0, 1, 2, 3, -1), { nil: undefined, freq: 12 });

type Given<Options> = { [Key in keyof Options]?: Exclude<Options[Key], undefined> };

/** What is left out is left out, as a caller would write it. */
function given<Options extends object>(options: Options): Given<Options> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<Options>;
}

function identity(side: Side, said: string | undefined): { log?: string } {
  if (said === undefined) return {};
  return { log: said === "own" ? (side.log ?? "none") : "0123456789abcdef" };
}

/** Receipts that the side knows, by their number; one that nobody gave out besides. */
const receipts = fc.array(fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 0, max: 5 }) }, { weight: 1, arbitrary: fc.constant(-1) }), {
  maxLength: 3,
});
const receiptsOf = (side: Side, numbers: readonly number[]): string[] =>
  numbers.map((number) => side.receipts[number] ?? "9-00000000000000000000");

function call<Name extends CallName, Said>(
  name: Name,
  said: fc.Arbitrary<Said>,
  run: (channel: AnyChannel, who: Caller, said: Said, side: Side) => Promise<unknown>,
): fc.Arbitrary<Call> {
  return fc.record({ who: caller, said }).map(({ who, said }) => ({
    name,
    said: { who, said },
    run: (side) => run(side.channel(who), who, said, side),
  }));
}

const settling = <More extends object>(more: { [Key in keyof More]: fc.Arbitrary<More[Key]> }) =>
  fc.record({ numbers: receipts, options: fc.record({ group, ...more }) });

/** A call of each name: what is added to the interface has to be added here. */
const CALLS: { readonly [Name in CallName]: fc.Arbitrary<Call> } = {
  info: call("info", fc.constant({}), (channel, who) => channel.info(who)),
  write: call("write", fc.record({ content, options: writing, ifLast }), (channel, who, said) =>
    channel.write(who, said.content, given({ ...said.options, ifLast: said.ifLast })),
  ),
  writeBatch: call(
    "writeBatch",
    fc.record({ entries: fc.array(fc.record({ content, options: writing }), { maxLength: 3 }), ifLast }),
    (channel, who, said) =>
      channel.writeBatch(
        who,
        said.entries.map((entry) => ({ ...given(entry.options), content: entry.content })),
        given({ ifLast: said.ifLast }),
      ),
  ),
  read: call(
    "read",
    fc.record({
      limit,
      cursor,
      after: fc.option(sequence, { nil: undefined }),
      commit: fc.option(fc.oneof(sequence, fc.constant("on-delivery" as const)), { nil: undefined }),
      log,
    }),
    async (channel, who, { log: said, ...options }, side) => {
      const page = await channel.read(who, { ...given(options), ...identity(side, said) });
      side.log = page.log;
      return page;
    },
  ),
  positions: call("positions", fc.record({ cursor }), (channel, who, options) => channel.positions(who, given(options))),
  commit: call("commit", fc.record({ position: sequence, cursor, log }), (channel, who, { position, cursor: name, log: said }, side) =>
    channel.commit(who, position, { ...given({ cursor: name }), ...identity(side, said) }),
  ),
  seek: call(
    "seek",
    fc.record({
      target: fc.oneof(
        fc.constantFrom("start" as const, "end" as const),
        fc.record({ sequence }),
        fc.constantFrom({ timestamp: 0 }, { timestamp: 8.64e15 }, { timestamp: -1 }),
      ),
      cursor,
    }),
    (channel, who, { target, ...options }) => channel.seek(who, target, given(options)),
  ),
  claim: call(
    "claim",
    fc.record({
      group,
      limit: fc.option(fc.constantFrom(1, 2, 5, 0, 1_001), { nil: undefined }),
      leaseMs,
      waitMs: fc.option(fc.constantFrom(0, 10, -1, 60_001), { nil: undefined, freq: 4 }),
      working: fc.option(fc.constantFrom(1, 0), { nil: undefined, freq: 5 }),
      workerId: fc.option(fc.constantFrom("w1", "no worker!"), { nil: undefined, freq: 5 }),
      callId: fc.option(fc.constantFrom("call-1", "no call!"), { nil: undefined, freq: 5 }),
    }),
    async (channel, who, options, side) => {
      const claims = await channel.claim(who, given(options));
      for (const { receipt } of claims) if (!side.receipts.includes(receipt)) side.receipts.push(receipt);
      return claims;
    },
  ),
  acknowledge: call("acknowledge", settling({}), (channel, who, { numbers, options }, side) =>
    channel.acknowledge(who, receiptsOf(side, numbers), given(options)),
  ),
  nack: call(
    "nack",
    settling({
      delayMs: fc.option(fc.constantFrom(0, 3_600_000, -1), { nil: undefined }),
      reason,
      uncounted: fc.option(fc.boolean(), { nil: undefined }),
    }),
    (channel, who, { numbers, options }, side) => channel.nack(who, receiptsOf(side, numbers), given(options)),
  ),
  deadLetter: call("deadLetter", settling({ reason }), (channel, who, { numbers, options }, side) =>
    channel.deadLetter(who, receiptsOf(side, numbers), given(options)),
  ),
  find: call("find", fc.constantFrom("g-1", "g-2", "unknown", "no id!"), (channel, who, id) => channel.find(who, id)),
  extend: call(
    "extend",
    settling({ leaseMs, progress: fc.option(fc.constantFrom(1, { done: 2 }, "x".repeat(20_000)), { nil: undefined, freq: 3 }) }),
    (channel, who, { numbers, options }, side) => channel.extend(who, receiptsOf(side, numbers), given(options)),
  ),
  subscribe: call(
    "subscribe",
    fc.record({
      from,
      // One of its own: when a subscription commits is nobody's to say, so other calls do not look at it.
      cursor: fc.option(fc.constantFrom("s1", "no cursor!"), { nil: undefined, freq: 4 }),
      log,
      attempts: fc.option(fc.constantFrom(1, 0), { nil: undefined, freq: 6 }),
      failsAt: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    }),
    async (channel, who, { log: said, failsAt, ...options }, side) => {
      await side.follow((see) =>
        channel.subscribe(
          who,
          (message) => {
            see(message as ChannelMessage);
            if (message.sequence === failsAt) throw new Error("the subscriber is broken");
          },
          { ...(options.cursor === undefined ? {} : patience), ...given(options), ...identity(side, said) },
        ),
      );
    },
  ),
  stream: call(
    "stream",
    fc.record({ from, log, isAborted: fc.boolean() }),
    async (channel, who, { log: said, isAborted, from: start }, side) => {
      const end = new AbortController();
      if (isAborted) end.abort();
      const messages = channel.stream(who, { ...given({ from: start }), ...identity(side, said), signal: end.signal });
      // Long enough for a page that is there, on a machine that is busy; what is not there never comes.
      const cancel = setTimeout(() => end.abort(), 400);
      try {
        for await (const message of messages) return message;
        return "ended";
      } finally {
        clearTimeout(cancel);
      }
    },
  ),
  history: call(
    "history",
    fc.record({
      after: fc.option(sequence, { nil: undefined, freq: 2 }),
      before: fc.option(sequence, { nil: undefined, freq: 2 }),
      limit,
    }),
    (channel, who, options) => channel.history(who, given(options)),
  ),
  scan: call(
    "scan",
    fc.record({
      after: fc.option(sequence, { nil: undefined, freq: 2 }),
      where: fc.option(
        fc.array(
          fc.record({
            path: fc.constantFrom("content.a", "senderId", "metadata.a", "content.__proto__", "timestamp", "content"),
            is: fc.constantFrom("equal", "different", "less", "greater", "containing", "there", "missing"),
            value: fc.constantFrom("ann", 1, null),
          }),
          { maxLength: 2 },
        ),
        { nil: undefined },
      ),
      limit: fc.option(fc.constantFrom(1, 0), { nil: undefined }),
      maxScanned: fc.option(fc.constantFrom(2, 0), { nil: undefined }),
      maxMs: fc.option(fc.constantFrom(10_000, 0), { nil: undefined }),
    }),
    (channel, who, options) => channel.scan(who, { maxMs: 10_000, ...given(options) }),
  ),
  locate: call("locate", fc.constantFrom(0, 8.64e15, -1), (channel, who, timestamp) => channel.locate(who, { timestamp })),
  stats: call("stats", fc.constant({}), (channel, who) => channel.stats(who)),
  counts: call("counts", fc.constant({}), (channel, who) => channel.counts(who)),
  cursors: call(
    "cursors",
    fc.record({
      after: fc.option(fc.constantFrom("ann!ann", "ann!c1", "bob!", "!", "a!b!c", "no!", ""), { nil: undefined }),
      limit: fc.option(fc.constantFrom(1, 2, 1_000, 0, 1_001), { nil: undefined }),
    }),
    (channel, who, options) => channel.cursors(who, given(options)),
  ),
  clear: call("clear", fc.record({ odd: fc.boolean() }), (channel, who, { odd }) =>
    odd ? channel.clear(who, (message) => message.sequence % 2 === 1) : channel.clear(who),
  ),
  evict: call(
    "evict",
    fc.record({
      maxCount: fc.option(fc.constantFrom(0, 2, -1), { nil: undefined }),
      maxAgeMs: fc.option(fc.constantFrom(3_600_000, 0.5), { nil: undefined, freq: 5 }),
      maxBytes: fc.option(fc.constantFrom(0, 1_000_000), { nil: undefined, freq: 5 }),
      keepUnsettled: fc.option(fc.boolean(), { nil: undefined }),
      maxDeadAgeMs: fc.option(fc.constantFrom(3_600_000), { nil: undefined, freq: 5 }),
    }),
    (channel, who, policy) => channel.evict(who, given(policy)),
  ),
  remove: call("remove", fc.array(fc.constantFrom("g-1", "g-2", "unknown"), { maxLength: 2 }), (channel, who, ids) =>
    channel.remove(who, ids),
  ),
  deadLetters: call(
    "deadLetters",
    fc.record({ group, limit, after: fc.option(sequence, { nil: undefined, freq: 2 }) }),
    (channel, who, options) => channel.deadLetters(who, given(options)),
  ),
  requeue: call(
    "requeue",
    fc.record({
      group,
      ids: fc.option(fc.constantFrom(["g-1"], []), { nil: undefined }),
      state: fc.option(fc.constantFrom("dead" as const, "cancelled" as const), { nil: undefined, freq: 3 }),
    }),
    (channel, who, options) => channel.requeue(who, given(options)),
  ),
  setRegime: call(
    "setRegime",
    fc.record({
      group,
      paused: fc.option(fc.boolean(), { nil: undefined, freq: 8 }),
      maxInFlight: fc.option(fc.constantFrom(1, 3, 0), { nil: undefined }),
      rate: fc.option(fc.constantFrom({ count: 2, perMs: 3_600_000 }, { count: 0, perMs: 1 }), { nil: undefined, freq: 8 }),
    }),
    (channel, who, { group: name, ...regime }) => channel.setRegime(who, given(regime), given({ group: name })),
  ),
  cancel: call("cancel", fc.record({ which: fc.oneof(someIds, someJobs), options: fc.record({ group, reason }) }), (channel, who, said) =>
    channel.cancel(
      who,
      "state" in said.which ? { state: said.which.state, ...given({ limit: said.which.limit }) } : said.which,
      given(said.options),
    ),
  ),
  reschedule: call(
    "reschedule",
    fc.record({
      ids: someIds,
      options: fc.record({
        group,
        at: fc.option(fc.constantFrom(0, 8.64e15, -1), { nil: undefined, freq: 8 }),
        delayMs: fc.option(fc.constantFrom(0, 3_600_000, -1), { nil: undefined }),
        priority: fc.option(fc.constantFrom(0, 9, 10), { nil: undefined }),
      }),
    }),
    (channel, who, { ids, options }) => channel.reschedule(who, ids, given(options)),
  ),
  job: call("job", fc.record({ id: fc.constantFrom("g-1", "g-2", "unknown", "no id!"), group }), (channel, who, { id, ...options }) =>
    channel.job(who, id, given(options)),
  ),
  jobs: call(
    "jobs",
    fc.record({
      state,
      group,
      after: fc.option(sequence, { nil: undefined }),
      limit: fc.option(fc.constantFrom(1, 0), { nil: undefined }),
    }),
    (channel, who, { state: wanted, ...options }) => channel.jobs(who, { state: wanted, ...given(options) }),
  ),
  deleteGroup: call("deleteGroup", fc.constantFrom("default", "g1", "never", "no group!"), (channel, who, name) =>
    channel.deleteGroup(who, name),
  ),
  deleteCursor: call("deleteCursor", fc.record({ reader: caller, cursor }), (channel, who, { reader, ...options }) =>
    channel.deleteCursor(who, reader, given(options)),
  ),
};

/** Some are made more often, so that the others find something. */
const WEIGHTS: Partial<Record<CallName, number>> = {
  write: 6,
  writeBatch: 3,
  claim: 6,
  read: 3,
  clear: 1,
  deleteGroup: 1,
  subscribe: 2,
  stream: 1,
};

export const anyCall: fc.Arbitrary<Call> = fc.oneof(
  ...Object.entries(CALLS).map(([name, arbitrary]) => ({ weight: WEIGHTS[name as CallName] ?? 2, arbitrary })),
);
