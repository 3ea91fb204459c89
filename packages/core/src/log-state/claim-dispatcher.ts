import type { ChannelMessage } from "../message.js";
import type { ClaimPage, ClaimRequest, ClaimedMessage } from "../ports/message-store.js";
import type { LiveBatch } from "./claim-batches.js";
import type { ClaimLedger, Grant } from "./claim-ledger.js";

/** Messages that a lane looks ahead, so that claiming one at a time does not read the log one at a time. */
const LOOK_AHEAD = 256;

/** The lane of an unaddressed log, and of messages for nobody in particular in an addressed one. */
export const COMMON_LANE = "";

/** Where a dispatcher finds messages. */
export interface LaneSource {
  /** The last stored sequence. */
  last(): number;
  /** Messages of one lane behind a sequence, in order, and up to where the lane has been looked at. */
  readLane(
    lane: string,
    after: number,
    limit: number,
  ): Promise<{ readonly messages: readonly ChannelMessage[]; readonly position: number }>;
  /** Messages by sequence; removed ones are missing. */
  load(sequences: readonly number[]): Promise<ReadonlyMap<number, ChannelMessage>>;
  /** Makes the ledger's changes durable. */
  persist(): Promise<void>;
}

interface Lane {
  readonly key: string;
  /** Up to here the lane's messages are in `ahead`, handed out, or done. */
  fetched: number;
  ahead: ChannelMessage[];
  fetching?: Promise<void> | undefined;
}

/** Hands out a group's messages, oldest first: what came back, then what was never handed out. */
export class ClaimDispatcher {
  readonly #ledger: ClaimLedger;
  readonly #source: LaneSource;
  readonly #lanes = new Map<string, Lane>();

  constructor(ledger: ClaimLedger, source: LaneSource) {
    this.#ledger = ledger;
    this.#source = source;
  }

  async claim({ readerId, limit, leaseMs, audience }: ClaimRequest): Promise<ClaimPage> {
    const lanes = (audience === undefined ? [COMMON_LANE] : [COMMON_LANE, audience]).map((key) => this.#lane(key));
    const granted: { readonly grant: Grant; readonly message: ChannelMessage | undefined }[] = [];
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
      const next = this.#takeLowest(lanes);
      if (!next) break;
      batch ??= this.#ledger.openBatch(readerId, leaseMs);
      granted.push({ grant: this.#ledger.grant(next.sequence, next.lane, batch), message: next.message });
    }
    for (const lane of lanes) this.#fetchAhead(lane);
    if (granted.length > 0) await this.#source.persist();
    return this.#page(await this.#load(granted));
  }

  #page(claims: readonly ClaimedMessage[]): ClaimPage {
    const nextAvailableInMs = claims.length > 0 ? undefined : this.#ledger.nextAvailableInMs();
    return nextAvailableInMs === undefined ? { claims } : { claims, nextAvailableInMs };
  }

  /** Messages that came back are not held in memory: they are read again. */
  async #load(granted: readonly { readonly grant: Grant; readonly message: ChannelMessage | undefined }[]): Promise<ClaimedMessage[]> {
    const missing = granted.flatMap(({ grant, message }) => (message ? [] : [grant.sequence]));
    const loaded = missing.length > 0 ? await this.#source.load(missing) : new Map<number, ChannelMessage>();
    return granted.flatMap(({ grant: { sequence, receipt, deliveries, expiresAt }, message = loaded.get(sequence) }) =>
      message ? [{ message, receipt, deliveries, expiresAt }] : [],
    );
  }

  #lane(key: string): Lane {
    let lane = this.#lanes.get(key);
    if (!lane) this.#lanes.set(key, (lane = { key, fetched: this.#ledger.nextUnsettled(1) - 1, ahead: [] }));
    return lane;
  }

  #isShort(lane: Lane): boolean {
    while (lane.ahead[0] && this.#ledger.isTaken(lane.ahead[0].sequence)) lane.ahead.shift();
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
    for (const message of messages) {
      if (this.#ledger.isTaken(message.sequence)) continue;
      if (message.availableAt !== undefined) this.#ledger.defer(message.sequence, lane.key, message.availableAt);
      else lane.ahead.push(message);
    }
    lane.fetched = Math.max(lane.fetched, position);
  }

  #takeLowest(
    lanes: readonly Lane[],
  ): { readonly sequence: number; readonly lane: string; readonly message: ChannelMessage | undefined } | undefined {
    let best: { sequence: number; lane: Lane; fresh: boolean } | undefined;
    for (const lane of lanes) {
      const returned = this.#ledger.firstReturned(lane.key);
      const ahead = lane.ahead[0]?.sequence;
      const sequence = Math.min(returned ?? Infinity, ahead ?? Infinity);
      if (sequence < (best?.sequence ?? Infinity)) best = { sequence, lane, fresh: sequence === ahead };
    }
    if (!best) return undefined;
    return { sequence: best.sequence, lane: best.lane.key, message: best.fresh ? best.lane.ahead.shift() : undefined };
  }
}
