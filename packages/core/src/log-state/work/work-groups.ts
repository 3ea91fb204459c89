import type { ChannelMessage } from "../../message.js";
import type {
  ClaimPage,
  ClaimRequest,
  DeadMessage,
  DeadRequest,
  GroupRegime,
  JobInfo,
  JobPage,
  JobsRequest,
  OrderResult,
  Rescheduling,
  RetentionPolicy,
  SettleResult,
  Settlement,
} from "../../ports/message-store.js";
import { toDeadMessage } from "../checks.js";
import { ClaimDispatcher } from "./claim-dispatcher.js";
import type { ClaimLedger } from "../ledger/claim-ledger.js";
import { jobInfo } from "./job-info.js";
import { pageOfJobs, type LogExtent } from "./job-pages.js";
import type { LaneSource, SizedMessage } from "./lane-source.js";
import type { LedgerMessage, OrderOutcome } from "../ledger/ledger-orders.js";
import type { Step } from "../ledger/step.js";
import { laneName, type WorkLane } from "../work-lane.js";

/** What groups need of the log whose messages they work off. */
export interface GroupLog {
  /** What is done now. */
  step(): Step;
  /** The groups that are there. After a failed write it may be another map, with other ledgers. */
  readonly ledgers: Map<string, ClaimLedger>;
  /** A ledger for a group that nobody has ever claimed in. */
  newLedger(): ClaimLedger;
  /** Where a group finds messages. */
  sourceOf(group: string, ledger: ClaimLedger): LaneSource;
  readonly extent: LogExtent;
  /** Resolves when the log can be changed; `undefined`: it can. */
  writable(): Promise<unknown> | undefined;
  /** Settles what nobody needs to be handed any more; `undefined`: there is nothing to wait for. */
  expire(): Promise<void> | undefined;
  /** Whether no group has to do with a message any more. */
  isRetired(sequence: number): boolean;
  /** Messages that are in the log, by id. */
  find(ids: readonly string[]): Promise<ReadonlyMap<string, ChannelMessage>>;
  load(sequences: readonly number[]): Promise<ReadonlyMap<number, SizedMessage>>;
  laneOf(message: ChannelMessage): WorkLane;
  /** Makes a ledger's changes durable. */
  persist(group: string, ledger: ClaimLedger): Promise<void>;
  /** Tells whoever waits that there may be something. */
  announce(): void;
}

/** The groups of one log: everything that is done with their work, whatever keeps it. */
export class WorkGroups {
  readonly #log: GroupLog;
  #dispatchers = new Map<string, ClaimDispatcher>();

  constructor(log: GroupLog) {
    this.#log = log;
  }

  /** The log's ledgers are others now. */
  reload(): void {
    this.#dispatchers = new Map();
  }

  async setMaxDeliveries(maxDeliveries: number): Promise<void> {
    for (const [group, ledger] of this.#log.ledgers) {
      ledger.setMaxDeliveries(maxDeliveries, this.#log.step());
      await this.#log.persist(group, ledger);
    }
  }

  /** Without an async function around it: mostly there is nothing to wait for, and claims are many. */
  claim(request: ClaimRequest): Promise<ClaimPage> {
    const busy = this.#log.writable();
    if (busy) return busy.then(() => this.claim(request));
    const expiry = this.#log.expire();
    return expiry ? expiry.then(() => this.claim(request)) : this.#dispatcher(request.group).claim(request);
  }

  async settle(group: string, readerId: string, settlements: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const busy = this.#log.writable();
    if (busy) await busy;
    const ledger = this.#log.ledgers.get(group);
    if (!ledger) return settlements.map(({ receipt }) => ({ receipt, status: "unknown" }));
    const step = this.#log.step();
    ledger.refresh(step);
    const results = settlements.map((settlement) => ledger.settle(readerId, settlement, step));
    const wakes = ledger.takeWake() || settlements.some(({ action }) => action === "release");
    await this.#log.persist(group, ledger);
    if (wakes) this.#log.announce();
    return results;
  }

  async setRegime(group: string, regime: GroupRegime): Promise<void> {
    await this.#log.writable();
    const ledger = this.#ledger(group);
    ledger.setRegime(regime);
    await this.#log.persist(group, ledger);
    this.#log.announce();
  }

  cancel(group: string, ids: readonly string[], reason?: string): Promise<readonly OrderResult[]> {
    return this.#order(group, ids, "cancelled", (ledger, message, _lane, step) => ledger.orders.cancel(message, reason, step));
  }

  reschedule(group: string, ids: readonly string[], { delayMs = 0, priority }: Rescheduling): Promise<readonly OrderResult[]> {
    return this.#order(group, ids, "rescheduled", (ledger, message, lane, step) =>
      ledger.orders.reschedule(
        { ...message, lane: laneName({ ...lane, priority: priority ?? lane.priority }), availableAt: step.now + delayMs },
        step,
      ),
    );
  }

  async #order(
    group: string,
    ids: readonly string[],
    done: OrderResult["status"],
    give: (ledger: ClaimLedger, message: LedgerMessage, lane: WorkLane, step: Step) => OrderOutcome,
  ): Promise<readonly OrderResult[]> {
    await this.#log.writable();
    const found = await this.#log.find(ids);
    await this.#log.expire();
    const ledger = this.#ledger(group);
    const step = this.#log.step();
    ledger.refresh(step);
    const results = ids.map((id): OrderResult => {
      const message = found.get(id);
      if (!message) return { id, status: "unknown" };
      const { sequence, key, availableAt } = message;
      const lane = this.#log.laneOf(message);
      const outcome = give(ledger, { sequence, key, availableAt, lane: ledger.entry(sequence)?.lane ?? laneName(lane) }, lane, step);
      return { id, status: outcome === "done" ? done : outcome };
    });
    await this.#log.persist(group, ledger);
    this.#log.announce();
    return results;
  }

  async job(group: string, id: string): Promise<JobInfo | undefined> {
    const message = (await this.#log.find([id])).get(id);
    if (!message) return undefined;
    await this.#log.expire();
    const ledger = this.#log.ledgers.get(group) ?? this.#log.newLedger();
    const step = this.#log.step();
    ledger.refresh(step);
    return jobInfo(ledger, message, this.#log.sourceOf(group, ledger), step);
  }

  async jobs(group: string, request: JobsRequest): Promise<JobPage> {
    await this.#log.expire();
    const ledger = this.#log.ledgers.get(group) ?? this.#log.newLedger();
    const source = this.#log.sourceOf(group, ledger);
    const { sequences, ...position } = pageOfJobs(ledger, request, this.#log.extent, this.#log.step());
    const messages = await this.#log.load(sequences);
    const found = sequences.flatMap((sequence) => messages.get(sequence)?.message ?? []);
    const jobs = await Promise.all(found.map((message) => jobInfo(ledger, message, source, this.#log.step())));
    // What went on while they were read is in another state by now.
    return { jobs: jobs.filter(({ state }) => state === request.state), ...position };
  }

  async dead(group: string, request: DeadRequest): Promise<readonly DeadMessage[]> {
    const ledger = this.#log.ledgers.get(group);
    if (!ledger) return [];
    const { after = 0, limit } = request;
    const records = ledger
      .deadRecords(request, this.#log.step())
      .filter(({ sequence }) => sequence > after)
      .slice(0, limit);
    // What a lapse has just made is told under a name that a crash does not change.
    if (ledger.hasChanges) await this.#log.persist(group, ledger);
    const messages = await this.#log.load(records.map(({ sequence }) => sequence));
    return records.flatMap((record) => {
      const found = messages.get(record.sequence);
      return found ? [toDeadMessage(record, found.message)] : [];
    });
  }

  async forwarded(group: string, ids: readonly string[]): Promise<void> {
    await this.#log.writable();
    const found = await this.#log.find(ids);
    const ledger = this.#log.ledgers.get(group);
    if (!ledger) return;
    for (const { sequence } of found.values()) ledger.forwarded(sequence);
    await this.#log.persist(group, ledger);
  }

  async requeue(group: string, ids?: readonly string[]): Promise<number> {
    await this.#log.writable();
    const chosen = ids && (await this.#log.find(ids));
    const ledger = this.#log.ledgers.get(group);
    if (!ledger) return 0;
    const sequences = chosen ? [...chosen.values()].map(({ sequence }) => sequence) : ledger.deadSequences(this.#log.step());
    await this.#log.expire();
    const step = this.#log.step();
    const revived = sequences.filter((sequence) => !this.#log.isRetired(sequence) && ledger.orders.revive(sequence, step)).length;
    await this.#log.persist(group, ledger);
    if (revived > 0) this.#log.announce();
    return revived;
  }

  /** Lets go of what need not be kept any more of work that is done: dead letters that died too long ago, and what was acknowledged. */
  async forget({ maxDeadAgeMs }: RetentionPolicy): Promise<void> {
    for (const [group, ledger] of this.#log.ledgers) {
      const step = this.#log.step();
      if (maxDeadAgeMs !== undefined) ledger.forgetDead(step.now - maxDeadAgeMs);
      ledger.forgetEnded(step);
      await this.#log.persist(group, ledger);
    }
  }

  has(group: string): boolean {
    return this.#log.ledgers.has(group);
  }

  get count(): number {
    return this.#log.ledgers.size;
  }

  /** It is no more, as far as memory goes. @returns whether it was. */
  delete(group: string): boolean {
    this.#dispatchers.delete(group);
    return this.#log.ledgers.delete(group);
  }

  /** Another host has deleted a group. */
  forgetDispatcher(group: string): void {
    this.#dispatchers.delete(group);
  }

  #ledger(group: string): ClaimLedger {
    const { ledgers } = this.#log;
    let ledger = ledgers.get(group);
    if (!ledger) ledgers.set(group, (ledger = this.#log.newLedger()));
    return ledger;
  }

  #dispatcher(group: string): ClaimDispatcher {
    let dispatcher = this.#dispatchers.get(group);
    if (dispatcher) return dispatcher;
    const ledger = this.#ledger(group);
    dispatcher = new ClaimDispatcher(ledger, this.#log.sourceOf(group, ledger), () => this.#log.step());
    this.#dispatchers.set(group, dispatcher);
    return dispatcher;
  }
}
