import { Ticker, isSSSNError, toError, type Clock } from "@sssn/core";
import type { Access } from "./access.js";

/** How soon a revoked token ends what it has begun. */
const CHECK_EVERY_MS = 1_000;

interface Held {
  readonly access: Access;
  readonly abort: AbortController;
}

/** A request that goes on: the signal aborts when its credential has ended, with why as the reason. */
export interface Hold {
  readonly signal: AbortSignal;
  release(): void;
}

/**
 * Requests that stay open, such as streams and claims that wait. Each ends at the moment at which its token expires, and within a second
 * after its token was revoked, its key taken away, or its right withdrawn.
 */
export class HeldRequests {
  readonly #clock: Clock;
  readonly #held = new Set<Held>();
  readonly #check: Ticker;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#check = new Ticker(clock, CHECK_EVERY_MS, () => this.#checkAll(), { background: true });
  }

  start(): void {
    this.#check.start();
  }

  stop(): Promise<void> {
    return this.#check.stop();
  }

  hold(access: Access): Hold {
    const held: Held = { access, abort: new AbortController() };
    this.#held.add(held);
    const { expiresAt } = access.principal;
    const cancel =
      expiresAt === undefined
        ? undefined
        : this.#clock.schedule(() => void this.#recheck(held), Math.max(0, expiresAt - this.#clock.now()), { background: true });
    return {
      signal: held.abort.signal,
      release: () => {
        cancel?.();
        this.#held.delete(held);
      },
    };
  }

  /** Many streams of one token are asked about once. */
  async #checkAll(): Promise<void> {
    const asked = new Map<string, Promise<unknown>>();
    for (const held of [...this.#held]) {
      const { channel, credential, operation } = held.access;
      const key = `${channel.id} ${operation} ${credential}`;
      const reason = asked.get(key) ?? refusalOf(held.access);
      asked.set(key, reason);
      const refusal = await reason;
      if (refusal !== undefined) held.abort.abort(refusal);
    }
  }

  async #recheck(held: Held): Promise<void> {
    const refusal = await refusalOf(held.access);
    if (refusal !== undefined) held.abort.abort(refusal);
  }
}

async function refusalOf({ channel, credential, operation }: Access): Promise<Error | undefined> {
  try {
    await channel.security.authorizeRequest(credential, channel.id, operation);
    return undefined;
  } catch (thrown) {
    // That it can't be told now is no reason to end what was allowed a moment ago; that it could not be told for longer than somebody has allowed is one.
    return isSSSNError(thrown) && thrown.retryable && thrown.code !== "revocations_unavailable" ? undefined : toError(thrown);
  }
}
