import type { GroupRegime } from "../../ports/message-store.js";

/** How much a group's regime lets be handed out now. */
export interface Allowance {
  readonly count: number;
  /** In how many ms time alone allows more; left out: time does not. */
  readonly moreInMs?: number;
}

/** What a group's regime allows: whether it is paused, how many it may have out, and how many in a time. */
export class GroupLimits {
  #regime: GroupRegime;
  #isRegimeNew = false;
  /** How many were handed out when, the earliest first. */
  readonly #grants: Map<number, number>;
  #sum = 0;
  #changed = new Map<number, number | undefined>();

  constructor(regime: GroupRegime = {}, grants: Iterable<readonly [at: number, count: number]> = []) {
    this.#regime = regime;
    this.#grants = new Map([...grants].sort(([left], [right]) => left - right));
    for (const count of this.#grants.values()) this.#sum += count;
  }

  get regime(): GroupRegime {
    return this.#regime;
  }

  /** How many were handed out when, as far as the rate asks for it. */
  grants(): readonly (readonly [at: number, count: number])[] {
    return [...this.#grants];
  }

  /** Whether there is any bound. */
  get isBounding(): boolean {
    const { paused, maxInFlight, rate } = this.#regime;
    return paused === true || maxInFlight !== undefined || rate !== undefined;
  }

  /** Another rate begins to count anew. */
  set(regime: GroupRegime): void {
    const { rate } = this.#regime;
    this.#regime = regime;
    this.#isRegimeNew = true;
    if (rate && regime.rate?.count === rate.count && regime.rate.perMs === rate.perMs) return;
    for (const at of this.#grants.keys()) this.#changed.set(at, undefined);
    this.#grants.clear();
    this.#sum = 0;
  }

  /** @param inFlight how many are out. */
  allowance(now: number, inFlight: number): Allowance {
    const { paused, maxInFlight = Infinity, rate } = this.#regime;
    if (paused) return { count: 0 };
    const free = Math.max(0, maxInFlight - inFlight);
    if (!rate) return { count: free };
    this.#forget(now - rate.perMs);
    const left = Math.max(0, rate.count - this.#sum);
    const [oldest] = this.#grants.keys();
    return { count: Math.min(free, left), ...(left > 0 || oldest === undefined ? {} : { moreInMs: oldest + rate.perMs - now }) };
  }

  /** One was handed out. */
  granted(at: number): void {
    if (this.#regime.rate) this.#count(at, 1);
  }

  /** One that was handed out at that time never was. */
  takenBack(at: number): void {
    if (this.#grants.has(at)) this.#count(at, -1);
  }

  #count(at: number, by: number): void {
    const count = (this.#grants.get(at) ?? 0) + by;
    this.#sum += by;
    if (count === 0) this.#grants.delete(at);
    else this.#grants.set(at, count);
    this.#changed.set(at, count === 0 ? undefined : count);
  }

  /** A window is open at its beginning: what was handed out just that long ago no longer counts. */
  #forget(until: number): void {
    for (const [at, count] of this.#grants) {
      if (at > until) return;
      this.#grants.delete(at);
      this.#sum -= count;
      this.#changed.set(at, undefined);
    }
  }

  get hasChanges(): boolean {
    return this.#isRegimeNew || this.#changed.size > 0;
  }

  takeChanges(): { readonly grants: ReadonlyMap<number, number | undefined>; readonly regime?: GroupRegime } {
    const changes = { grants: this.#changed, ...(this.#isRegimeNew ? { regime: this.#regime } : {}) };
    this.#changed = new Map();
    this.#isRegimeNew = false;
    return changes;
  }
}
