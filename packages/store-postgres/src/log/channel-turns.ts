import type { Clock } from "@sssn/core";
import { deletedLog, randomToken } from "@sssn/core/log-state";
import type { PoolClient } from "pg";
import type { Connections } from "../connection/connections.js";
import { explain, isOfDatabase, isPassing } from "../connection/failures.js";
import type { ChannelRow, Journal, News } from "./journal.js";
import { LogState } from "./log-state.js";
import type { Query } from "./message-table.js";
import { Turn } from "./turn.js";

/** A host that is stopped in the middle of a turn keeps the others waiting for so long at the most. */
const IDLE_MS = 5_000;
/** Somebody else's lock is waited for at least so long, whatever patience a store has: another host may be in its turn. */
const LEAST_WAIT_MS = 1_000;
/** So many calls share one turn. */
const MOST_CALLS = 1_000;
/** A journal is kept in short when so much of it has come, and twice as much as its last short form takes. */
const KEEP_AFTER = 512 * 1024;
const FIRST_REST_MS = 20;
const LONGEST_REST_MS = 1_000;
/** Of a state that is not known, no row is asked for. */
const NOTHING_KNOWN = Number.MAX_SAFE_INTEGER;

type Outcome = PromiseSettledResult<unknown>;

interface Waiting {
  /** Left out: it only wants to know what is new. */
  readonly task?: (turn: Turn) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** A commit whose answer has not come. */
interface Unsure {
  readonly number: number;
  readonly token: string;
  readonly outcomes: readonly Outcome[];
}

export interface TurnsParts {
  readonly channelId: string;
  readonly journal: Journal;
  readonly connections: Connections;
  /** In place of the server's clock. */
  readonly wall: (() => number) | undefined;
  readonly clock: Clock;
  /** For so long a call tries again when the server can't be used. */
  readonly patienceMs: number;
  /** Another state is in memory now. */
  readonly onState: (state: LogState) => void;
  /** @param isOwn whether other hosts have to be told. */
  readonly onChange: (isOwn: boolean) => void;
}

/**
 * Lets this host do things to one channel: all calls that wait at a time are one turn, which is one transaction. In it nobody else does anything to the channel; what
 * others have done is taken in first, so that what is decided in memory is decided on what is true.
 */
export class ChannelTurns {
  readonly #parts: TurnsParts;
  #state = new LogState((event) => this.#turn?.tell(event));
  #channel: ChannelRow | undefined;
  /** The state holds what was never committed, or was never read. */
  #isStale = true;
  #turn: Turn | undefined;
  #waiting: Waiting[] = [];
  #driving: Promise<void> | undefined;
  #end: unknown;
  #unkept = 0;
  #kept = 0;
  /** What time it was, what the server's clock said, and when that was by this process's own. */
  #heard = { time: 0, wall: 0, at: 0 };

  constructor(parts: TurnsParts) {
    this.#parts = parts;
  }

  /** As it was known last. */
  get state(): LogState {
    return this.#state;
  }

  /** What is being done, if anything is. */
  get turn(): Turn | undefined {
    return this.#turn;
  }

  get channel(): ChannelRow | undefined {
    return this.#channel;
  }

  /** Time for whoever is not in a turn, in ms since the epoch: an estimate that never goes back. */
  now(): number {
    if (this.#turn) return this.#turn.now;
    const { clock, wall } = this.#parts;
    return this.#timeOf(wall ? wall() : this.#heard.wall + (clock.monotonic() - this.#heard.at));
  }

  /** On the turn's own connection, where there is a turn: what is done in one must not wait for another connection. */
  readonly query: Query = (text, values) => this.#turn?.query(text, values) ?? this.#parts.connections.query(text, values);

  /** Does something to the log. It may be done again, on another state, when the server was lost in between. */
  run<Result>(task: (turn: Turn) => Result | Promise<Result>): Promise<Result> {
    return this.#enter(task);
  }

  /** Takes in what other hosts have done. */
  async catchUp(): Promise<LogState> {
    await this.#enter();
    return this.#state;
  }

  /** Nothing is done any more; what is under way is waited for. */
  async end(reason: unknown): Promise<void> {
    this.#end = reason;
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
    await this.#driving;
  }

  #enter<Result>(task?: (turn: Turn) => Result | Promise<Result>): Promise<Result> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const entered = new Promise<Result>((resolve, reject) => {
      const taken = (value: unknown): void => resolve(value as Result);
      this.#waiting.push(task ? { task, resolve: taken, reject } : { resolve: taken, reject });
    });
    this.#driving ??= this.#drive();
    return entered;
  }

  async #drive(): Promise<void> {
    // Whoever calls in the same moment comes along.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#serve(this.#waiting.splice(0, MOST_CALLS));
    // In the same moment as the look at who waits: nobody comes in between.
    this.#driving = undefined;
  }

  async #serve(calls: readonly Waiting[]): Promise<void> {
    const { clock, patienceMs } = this.#parts;
    const until = clock.monotonic() + patienceMs;
    const progress: { unsure?: Unsure | undefined } = {};
    for (let rest = FIRST_REST_MS; ; rest = Math.min(LONGEST_REST_MS, rest * 2)) {
      try {
        return await this.#attempt(calls, progress);
      } catch (error) {
        this.#isStale = true;
        const mayPass = isPassing(error) && this.#end === undefined && performanceLeft(until, clock) > 0;
        if (!mayPass) return await this.#giveUp(calls, error, progress.unsure !== undefined);
        // Not in step with whatever is in the way, nor with other hosts.
        const restMs = rest * (0.5 + Math.random());
        await new Promise((resolve) => setTimeout(resolve, Math.min(restMs, performanceLeft(until, clock))));
      }
    }
  }

  /** What one call makes the server refuse is no reason to refuse the others. */
  async #giveUp(calls: readonly Waiting[], error: unknown, isUnsure: boolean): Promise<void> {
    if (calls.length > 1 && !isUnsure && isOfDatabase(error) && !isPassing(error)) {
      for (const call of calls) await this.#serve([call]);
      return;
    }
    for (const { reject } of calls) reject(this.#end ?? explain(error, isUnsure ? "unknown" : "not_stored"));
  }

  async #attempt(calls: readonly Waiting[], progress: { unsure?: Unsure | undefined }): Promise<void> {
    const { connections } = this.#parts;
    const client = await connections.connect();
    try {
      const isDone = calls.every(({ task }) => !task) && !this.#isStale && (await this.#look(client));
      const outcomes = isDone ? calls.map(nothing) : await this.#take(client, calls, progress);
      client.release();
      deliver(calls, outcomes);
    } catch (error) {
      client.release(error instanceof Error ? error : true);
      throw error;
    }
  }

  /** Takes in what is new, if no more than that has to be done. */
  async #look(client: PoolClient): Promise<boolean> {
    const { journal, connections } = this.#parts;
    const news = await journal.look(client, this.#state.place.number);
    const channel = this.#channelOf(news);
    if (channel.identity !== this.#channel?.identity || channel.cluster !== (await connections.clusterOf(client))) return false;
    if (!this.#continues(news)) return false;
    this.#takeIn(news);
    this.#hear(this.#parts.wall?.() ?? news.wall);
    return true;
  }

  async #take(client: PoolClient, calls: readonly Waiting[], progress: { unsure?: Unsure | undefined }): Promise<readonly Outcome[]> {
    const { journal, connections, patienceMs } = this.#parts;
    const cluster = await connections.clusterOf(client);
    const news = await journal.begin(
      client,
      this.#isStale ? NOTHING_KNOWN : this.#state.place.number,
      IDLE_MS,
      Math.max(LEAST_WAIT_MS, patienceMs),
    );
    await this.#synchronize(client, news, cluster);
    const { unsure } = progress;
    if (unsure && (await journal.has(client, unsure.number, unsure.token))) {
      await client.query("COMMIT");
      return unsure.outcomes;
    }
    // Not before it is known: this look may fail like the commit.
    progress.unsure = undefined;
    const { wall } = this.#parts;
    const told = wall ? wall() : news.wall;
    const turn = new Turn(client, this.#timeOf(told));
    this.#hear(told);
    const outcomes = await this.#decide(turn, calls);
    if (turn.isEmpty) await client.query("COMMIT");
    else await this.#commit(turn, told, outcomes, progress);
    if (turn.announces) this.#parts.onChange(true);
    return outcomes;
  }

  async #decide(turn: Turn, calls: readonly Waiting[]): Promise<readonly Outcome[]> {
    this.#turn = turn;
    try {
      this.#expire(turn);
      const outcomes = await Promise.allSettled(calls.map(async ({ task }) => task?.(turn)));
      const failure = outcomes.find((outcome) => outcome.status === "rejected" && isOfDatabase(outcome.reason));
      if (failure?.status === "rejected") throw failure.reason;
      return outcomes;
    } finally {
      this.#turn = undefined;
    }
  }

  async #commit(turn: Turn, wall: number, outcomes: readonly Outcome[], progress: { unsure?: Unsure | undefined }): Promise<void> {
    const { journal } = this.#parts;
    const state = this.#state;
    const place = { number: state.place.number + 1, at: turn.now, wall, token: randomToken() };
    this.#unkept += await journal.write(turn, { ...place, events: turn.takeEvents() }, state);
    const isDue = this.#unkept > Math.max(KEEP_AFTER, 2 * this.#kept);
    const kept = isDue ? await journal.keep(turn.client, state, place) : undefined;
    progress.unsure = { number: place.number, token: place.token, outcomes };
    const { command } = await turn.client.query("COMMIT");
    progress.unsure = undefined;
    if (command !== "COMMIT") throw new Error("server closed the transaction without a commit");
    state.place = place;
    state.stored = state.last;
    if (kept === undefined) return;
    this.#kept = kept;
    this.#unkept = 0;
  }

  /** What is in memory is what the database has, from now on until the turn ends. */
  async #synchronize(client: PoolClient, news: News, cluster: string): Promise<void> {
    const { journal, onState } = this.#parts;
    const channel = this.#channelOf(news);
    const before = this.#state.place.number;
    if (!this.#isStale && this.#continues(news)) this.#takeIn(news);
    else {
      this.#state = await journal.load(client, (event) => this.#turn?.tell(event));
      this.#isStale = false;
      onState(this.#state);
      this.#parts.onChange(false);
    }
    const isRewound = this.#state.place.number < before && channel.identity === this.#channel?.identity;
    this.#channel = channel;
    if (cluster === channel.cluster && !isRewound) return;
    await this.#rename(client, channel, cluster);
  }

  /** Another server, or another history of it, may have lost what this one's readers know: they are told by a new identity up to where it is the same. */
  async #rename(client: PoolClient, channel: ChannelRow, cluster: string): Promise<void> {
    const { journal } = this.#parts;
    const { last } = this.#state;
    const predecessors = [...(JSON.parse(channel.predecessors) as readonly unknown[]), { identity: channel.identity, last }];
    const renamed = { identity: randomToken(), predecessors: JSON.stringify(predecessors), cluster };
    await journal.rename(client, renamed, last);
    await client.query("COMMIT");
    this.#channel = renamed;
    this.#parts.onChange(true);
    // The lock went with the commit: what follows begins anew.
    throw Object.assign(new Error("The channel was given a new identity."), { code: "40001" });
  }

  #channelOf({ channel }: News): ChannelRow {
    if (channel) return channel;
    throw (this.#end ??= deletedLog(this.#parts.channelId));
  }

  /** Whether the journal goes on from what is known here: it may have been trimmed, or set back. */
  #continues({ rows: [first] }: News): boolean {
    const { number, token } = this.#state.place;
    if (number === 0) return first === undefined || first.number === 1;
    return first?.number === number && first.token === token;
  }

  #takeIn({ rows }: News): void {
    const { number } = this.#state.place;
    const fresh = rows.filter((row) => row.number > number);
    for (const row of fresh) this.#state.takeIn(row);
    if (fresh.length > 0) this.#parts.onChange(false);
  }

  /** Settles what nobody needs to be handed any more. */
  #expire(turn: Turn): void {
    const due = this.#state.expiring.takeDue(turn.now);
    if (due.length === 0) return;
    this.#state.do(["expire", due.map(({ sequence }) => sequence)]);
    const step = { now: turn.now, token: randomToken() };
    for (const { sequence, key } of due) for (const ledger of this.#state.ledgers.values()) ledger.orders.expire({ sequence, key }, step);
  }

  #hear(wall: number): void {
    this.#heard = { time: this.#timeOf(wall), wall, at: this.#parts.clock.monotonic() };
  }

  /** The server's clock may be set back: then time goes on from where it was, as far as the journal or this host knows. */
  #timeOf(wall: number): number {
    const { place } = this.#state;
    const { time, wall: before } = this.#heard;
    if (place.at === 0 && time === 0) return Math.floor(wall);
    return Math.floor(Math.max(place.at + Math.max(0, wall - place.wall), time + Math.max(0, wall - before)));
  }
}

function performanceLeft(until: number, clock: Clock): number {
  return until - clock.monotonic();
}

function nothing(): Outcome {
  return { status: "fulfilled", value: undefined };
}

function deliver(calls: readonly Waiting[], outcomes: readonly Outcome[]): void {
  calls.forEach(({ resolve, reject }, index) => {
    const outcome = outcomes[index];
    if (outcome?.status === "rejected") reject(outcome.reason);
    else resolve(outcome?.value);
  });
}
