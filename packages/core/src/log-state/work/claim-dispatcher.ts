import type { ClaimPage, ClaimRequest, ClaimedMessage } from "../../ports/message-store.js";
import type { LiveBatch } from "../ledger/claim-batches.js";
import type { ClaimLedger } from "../ledger/claim-ledger.js";
import type { Grant } from "../ledger/claim-record.js";
import { KeyOrder } from "./key-order.js";
import type { LaneSource, SizedMessage, WaitingMessage } from "./lane-source.js";
import type { Step } from "../ledger/step.js";
import { COMMON_LANE, laneName, type WorkLane } from "../work-lane.js";

/** Messages that a lane looks ahead, so that claiming one at a time does not read the log one at a time. */
const LOOK_AHEAD = 256;

interface Lane extends WorkLane {
  readonly name: string;
  /** Up to here the lane's messages are in `ahead`, in the ledger, done, or behind another one of their key. */
  fetched: number;
  ahead: WaitingMessage[];
  fetching?: Promise<void> | undefined;
}

interface Granted {
  readonly grant: Grant;
  /** Missing: it has to be read. */
  readonly found?: SizedMessage | undefined;
}

/** A call for messages, and what it has come to. */
interface ClaimCall {
  readonly request: ClaimRequest;
  readonly granted: Granted[];
  /** How much room the messages take that did not have to be read. */
  bytes: number;
  batch: LiveBatch | undefined;
  /** When it was granted something last. */
  step: Step;
}

interface Next {
  readonly sequence: number;
  readonly lane: Lane;
  /** It was never handed out; missing: it has an entry in the ledger. */
  readonly fresh: WaitingMessage | undefined;
}

/** Those of each priority, the highest first. */
type Lanes = readonly (readonly Lane[])[];

/** The lanes that somebody is handed messages from, as long as there are no other priorities than these. */
interface Audience {
  readonly written: readonly number[];
  readonly moved: readonly number[];
  readonly lanes: Lanes;
}

const NOTHING_LOADED: ReadonlyMap<number, SizedMessage> = new Map();

/** Hands out a group's messages: the highest priority first, the oldest first within it, one of a key at a time, and no more than the group's regime allows. */
export class ClaimDispatcher {
  readonly #ledger: ClaimLedger;
  readonly #source: LaneSource;
  readonly #order: KeyOrder;
  readonly #step: () => Step;
  readonly #lanes = new Map<string, Lane>();
  readonly #audiences = new Map<string | undefined, Audience>();

  /** @param step what is done now. */
  constructor(ledger: ClaimLedger, source: LaneSource, step: () => Step) {
    this.#ledger = ledger;
    this.#source = source;
    this.#order = new KeyOrder(ledger, source);
    this.#step = step;
  }

  async claim(request: ClaimRequest): Promise<ClaimPage> {
    const repeated = this.#ledger.grantedTo(request).map((grant) => ({ grant }));
    if (repeated.length > 0) {
      const found = (await this.#load(repeated)) ?? NOTHING_LOADED;
      return { claims: this.#tell(repeated, found, Infinity, this.#step()) };
    }
    const call: ClaimCall = { request, granted: [], bytes: 0, batch: undefined, step: this.#step() };
    const { granted } = call;
    let loaded = NOTHING_LOADED;
    try {
      for (let reading = this.#grant(call); reading; reading = this.#grant(call)) {
        await reading;
        call.step = this.#step();
      }
      const loading = this.#load(granted);
      if (loading) {
        loaded = await loading;
        call.step = this.#step();
      }
    } catch (error) {
      const step = this.#step();
      // Nobody will be told of them.
      for (const { grant } of granted) this.#ledger.takeBack(grant.sequence, step);
      if (call.batch) this.#ledger.closeBatch(call.batch, step);
      throw error;
    }
    const { step } = call;
    if (call.batch) this.#ledger.closeBatch(call.batch, step);
    for (const lanes of this.#byPriority(request.audience)) for (const lane of lanes) this.#fetchAhead(lane);
    const claims = this.#tell(granted, loaded, request.maxBytes ?? Infinity, step);
    this.#ledger.told(claims.length);
    if (granted.length > 0) await this.#source.persist();
    if (claims.length > 0) return { claims };
    const nextAvailableInMs = this.#nextAvailableInMs();
    return nextAvailableInMs === Infinity ? { claims } : { claims, nextAvailableInMs };
  }

  /** A message whose time to live ends makes way for the next one of its key, which nothing else tells of. */
  #nextAvailableInMs(): number {
    const expiryInMs = this.#ledger.keys.hasTurns ? this.#source.nextExpiryInMs() : Infinity;
    return Math.min(expiryInMs, this.#ledger.nextAvailableInMs(this.#step()) ?? Infinity);
  }

  /** Leases what the call may have, one after the other. @returns what has to be read before it can go on; `undefined`: it has all that it may. */
  #grant(call: ClaimCall): Promise<unknown> | undefined {
    const { request, granted, step } = call;
    const { limit, audience, maxBytes = Infinity } = request;
    this.#ledger.refresh(step);
    if (this.#ledger.keys.hasAdvances) return this.#order.advance(step);
    const byPriority = this.#byPriority(audience);
    while (granted.length < limit && this.#ledger.mayGrant(step)) {
      const next = this.#next(byPriority);
      if (!next) break;
      if ("short" in next) return Promise.all(next.short.map((lane) => this.#fetch(lane)));
      const found = next.fresh?.found;
      const size = found?.bytes ?? 0;
      if (granted.length > 0 && call.bytes + size > maxBytes) break;
      if (next.fresh) next.lane.ahead.shift();
      call.bytes += size;
      call.batch ??= this.#ledger.openBatch(request, step);
      granted.push({ grant: this.#ledger.grant(next.sequence, next.lane.name, call.batch), found });
    }
    return undefined;
  }

  /** The messages that are not held in memory; `undefined`: all are. */
  #load(granted: readonly Granted[]): Promise<ReadonlyMap<number, SizedMessage>> | undefined {
    const missing = granted.flatMap(({ grant, found }) => (found ? [] : [grant.sequence]));
    return missing.length > 0 ? this.#source.load(missing) : undefined;
  }

  /** The claims with their messages. Before anything of it is stored, what is too much for one answer is taken back. */
  #tell(granted: readonly Granted[], loaded: ReadonlyMap<number, SizedMessage>, maxBytes: number, step: Step): ClaimedMessage[] {
    const claims: ClaimedMessage[] = [];
    let sum = 0;
    for (const { grant, found = loaded.get(grant.sequence) } of granted) {
      if (!found) continue;
      const { sequence, receipt, deliveries } = grant;
      const expiresAt = this.#ledger.entry(sequence)?.expiresAt ?? step.now;
      if (claims.length > 0 && sum + found.bytes > maxBytes) this.#ledger.takeBack(sequence, step);
      else {
        sum += found.bytes;
        claims.push({ message: found.message, receipt, deliveries, expiresAt, leaseMs: Math.max(0, expiresAt - step.now) });
      }
    }
    return claims;
  }

  /** The lanes that an audience is handed messages from, those of the highest priority first. */
  #byPriority(audience: string | undefined): Lanes {
    const [written, moved] = [this.#source.priorities(), this.#ledger.priorities];
    const known = this.#audiences.get(audience);
    if (known?.written === written && known.moved === moved) return known.lanes;
    const recipients = audience === undefined ? [COMMON_LANE] : [COMMON_LANE, audience];
    const priorities = [...new Set([...written, ...moved])].sort((left, right) => right - left);
    const lanes = priorities.map((priority) => recipients.map((recipient) => this.#lane({ recipient, priority })));
    this.#audiences.set(audience, { written, moved, lanes });
    return lanes;
  }

  #lane(of: WorkLane): Lane {
    const name = laneName(of);
    let lane = this.#lanes.get(name);
    if (!lane) this.#lanes.set(name, (lane = { ...of, name, fetched: this.#ledger.nextUnsettled(1) - 1, ahead: [] }));
    return lane;
  }

  #isShort(lane: Lane): boolean {
    while (lane.ahead[0] && this.#ledger.isTaken(lane.ahead[0].sequence)) lane.ahead.shift();
    if (lane.ahead.length > 0 || lane.fetched >= this.#source.last()) return false;
    return (this.#ledger.firstReturned(lane.name) ?? Infinity) > lane.fetched;
  }

  /** Reads on while the claims are being stored, so that the next call need not wait for it. */
  #fetchAhead(lane: Lane): void {
    const ready = lane.ahead.length + this.#ledger.returnedIn(lane.name);
    if (ready >= LOOK_AHEAD / 2 || lane.fetched >= this.#source.last()) return;
    // Whoever claims next meets the same error, and reports it.
    this.#fetch(lane).catch(() => {});
  }

  #fetch(lane: Lane): Promise<void> {
    lane.fetching ??= this.#fetchNow(lane).finally(() => {
      lane.fetching = undefined;
    });
    return lane.fetching;
  }

  async #fetchNow(lane: Lane): Promise<void> {
    const after = this.#ledger.nextUnsettled(lane.fetched + 1) - 1;
    const { messages, position } = await this.#source.readLane(lane, after, LOOK_AHEAD);
    for (const waiting of messages) {
      const { sequence, key, availableAt } = waiting;
      if (this.#ledger.isTaken(sequence)) continue;
      if (key !== undefined) await this.#lineUp(lane, waiting, key);
      else if (availableAt !== undefined) this.#ledger.lineUp({ sequence, lane: lane.name, availableAt }, this.#step());
      else lane.ahead.push(waiting);
    }
    lane.fetched = Math.max(lane.fetched, position);
  }

  /** One that is behind another of its key is found when that one has ended. */
  async #lineUp(lane: Lane, waiting: WaitingMessage, key: string): Promise<void> {
    const { sequence, availableAt } = waiting;
    if (await this.#order.isAtTurn(waiting, key)) this.#ledger.lineUp({ sequence, lane: lane.name, key, availableAt }, this.#step());
  }

  /** What comes next, or the lanes that have to be read to know it; `undefined`: there is nothing. */
  #next(byPriority: Lanes): Next | { readonly short: readonly Lane[] } | undefined {
    for (const lanes of byPriority) {
      const short = lanes.filter((lane) => this.#isShort(lane));
      if (short.length > 0) return { short };
      const lowest = this.#lowest(lanes);
      if (lowest) return lowest;
    }
    return undefined;
  }

  #lowest(lanes: readonly Lane[]): Next | undefined {
    let best: Next | undefined;
    for (const lane of lanes) {
      const [ahead] = lane.ahead;
      const fresh = ahead?.sequence ?? Infinity;
      const sequence = Math.min(this.#ledger.firstReturned(lane.name) ?? Infinity, fresh);
      if (sequence < (best?.sequence ?? Infinity)) best = { sequence, lane, fresh: sequence === fresh ? ahead : undefined };
    }
    return best;
  }
}
