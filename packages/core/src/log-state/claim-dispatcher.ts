import type { ChannelMessage } from "../message.js";
import type { ClaimPage, ClaimRequest, ClaimedMessage } from "../ports/message-store.js";
import type { LiveBatch } from "./claim-batches.js";
import type { ClaimLedger } from "./claim-ledger.js";
import type { Grant } from "./claim-record.js";

/** Messages that a lane looks ahead, so that claiming one at a time does not read the log one at a time. */
const LOOK_AHEAD = 256;

/** The lane of an unaddressed log, and of messages for nobody in particular in an addressed one. */
export const COMMON_LANE = "";

/** A message, and how much room it takes. */
export interface SizedMessage {
  readonly message: ChannelMessage;
  readonly bytes: number;
}

/** Where a dispatcher finds messages. */
export interface LaneSource {
  /** The last stored sequence. */
  last(): number;
  /** Messages of one lane behind a sequence, in order, and up to where the lane has been looked at. */
  readLane(lane: string, after: number, limit: number): Promise<{ readonly messages: readonly SizedMessage[]; readonly position: number }>;
  /** Messages by sequence; removed ones are missing. */
  load(sequences: readonly number[]): Promise<ReadonlyMap<number, SizedMessage>>;
  /** Makes the ledger's changes durable. */
  persist(): Promise<void>;
}

interface Lane {
  readonly key: string;
  /** Up to here the lane's messages are in `ahead`, handed out, or done. */
  fetched: number;
  ahead: SizedMessage[];
  fetching?: Promise<void> | undefined;
}

interface Granted {
  readonly grant: Grant;
  /** Missing: it has to be read. */
  readonly found?: SizedMessage | undefined;
}

const NOTHING_LOADED: ReadonlyMap<number, SizedMessage> = new Map();

/** Hands out a group's messages, oldest first: what came back, then what was never handed out. */
export class ClaimDispatcher {
  readonly #ledger: ClaimLedger;
  readonly #source: LaneSource;
  readonly #lanes = new Map<string, Lane>();

  constructor(ledger: ClaimLedger, source: LaneSource) {
    this.#ledger = ledger;
    this.#source = source;
  }

  async claim(request: ClaimRequest): Promise<ClaimPage> {
    const { limit, audience, maxBytes = Infinity } = request;
    const repeated = this.#ledger.grantedTo(request);
    if (repeated.length > 0)
      return this.#page(
        await this.#complete(
          repeated.map((grant) => ({ grant })),
          Infinity,
        ),
      );
    const lanes = (audience === undefined ? [COMMON_LANE] : [COMMON_LANE, audience]).map((key) => this.#lane(key));
    const granted: Granted[] = [];
    let bytes = 0;
    let batch: LiveBatch | undefined;
    while (granted.length < limit) {
      const short = lanes.filter((lane) => this.#isShort(lane));
      if (short.length > 0) {
        await Promise.all(short.map((lane) => this.#fetch(lane)));
        // Leases run from the moment in which they are given.
        batch = undefined;
        continue;
      }
      if (!batch) this.#ledger.refresh();
      const next = this.#lowest(lanes);
      if (!next || (granted.length > 0 && bytes + (next.fresh?.bytes ?? 0) > maxBytes)) break;
      if (next.fresh) next.lane.ahead.shift();
      bytes += next.fresh?.bytes ?? 0;
      batch ??= this.#ledger.openBatch(request);
      granted.push({ grant: this.#ledger.grant(next.sequence, next.lane.key, batch), found: next.fresh });
    }
    for (const lane of lanes) this.#fetchAhead(lane);
    const claims = await this.#complete(granted, maxBytes);
    if (granted.length > 0) await this.#source.persist();
    return this.#page(claims);
  }

  #page(claims: readonly ClaimedMessage[]): ClaimPage {
    const nextAvailableInMs = claims.length > 0 ? undefined : this.#ledger.nextAvailableInMs();
    return nextAvailableInMs === undefined ? { claims } : { claims, nextAvailableInMs };
  }

  /**
   * The claims with their messages; those that came back are not held in memory, but read again. Before anything of it is stored, what is
   * too much for one answer is taken back.
   */
  async #complete(granted: readonly Granted[], maxBytes: number): Promise<ClaimedMessage[]> {
    const missing = granted.flatMap(({ grant, found }) => (found ? [] : [grant.sequence]));
    const loaded = missing.length > 0 ? await this.#source.load(missing) : NOTHING_LOADED;
    const steady = this.#ledger.now;
    const claims: ClaimedMessage[] = [];
    let sum = 0;
    for (const { grant, found = loaded.get(grant.sequence) } of granted) {
      if (!found) continue;
      const { sequence, receipt, deliveries, expiresAt } = grant;
      if (claims.length > 0 && sum + found.bytes > maxBytes) this.#ledger.takeBack(sequence);
      else {
        sum += found.bytes;
        claims.push({ message: found.message, receipt, deliveries, expiresAt, leaseMs: Math.max(0, expiresAt - steady) });
      }
    }
    return claims;
  }

  #lane(key: string): Lane {
    let lane = this.#lanes.get(key);
    if (!lane) this.#lanes.set(key, (lane = { key, fetched: this.#ledger.nextUnsettled(1) - 1, ahead: [] }));
    return lane;
  }

  #isShort(lane: Lane): boolean {
    while (lane.ahead[0] && this.#ledger.isTaken(lane.ahead[0].message.sequence)) lane.ahead.shift();
    return lane.ahead.length === 0 && lane.fetched < this.#source.last();
  }

  /** Reads on while the claims are being stored, so that the next call need not wait for it. */
  #fetchAhead(lane: Lane): void {
    if (lane.ahead.length >= LOOK_AHEAD / 2 || lane.fetched >= this.#source.last()) return;
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
    const { messages, position } = await this.#source.readLane(lane.key, after, LOOK_AHEAD);
    for (const found of messages) {
      const { sequence, availableAt } = found.message;
      if (this.#ledger.isTaken(sequence)) continue;
      if (availableAt !== undefined) this.#ledger.defer(sequence, lane.key, availableAt);
      else lane.ahead.push(found);
    }
    lane.fetched = Math.max(lane.fetched, position);
  }

  #lowest(
    lanes: readonly Lane[],
  ): { readonly sequence: number; readonly lane: Lane; readonly fresh: SizedMessage | undefined } | undefined {
    let best: { sequence: number; lane: Lane; fresh: SizedMessage | undefined } | undefined;
    for (const lane of lanes) {
      const [ahead] = lane.ahead;
      const fresh = ahead?.message.sequence ?? Infinity;
      const sequence = Math.min(this.#ledger.firstReturned(lane.key) ?? Infinity, fresh);
      if (sequence < (best?.sequence ?? Infinity)) best = { sequence, lane, fresh: sequence === fresh ? ahead : undefined };
    }
    return best;
  }
}
