import {
  HostsLog,
  NO_METADATA,
  SSSNError,
  refuseUnknownOptions,
  validateIdentifier,
  validateInteger,
  type ChannelMessage,
  type Clock,
  type JsonValue,
  type MessageStore,
} from "@sssn/core";
import { sha256 } from "@sssn/core/log-state";
import { RevokedTokens } from "./revoked-tokens.js";

/** Where the list of revoked tokens is kept, for all hosts that share it. */
export interface RevocationOptions {
  /** The store that holds the list. All hosts that take the same tokens share it. Whoever may write to it may revoke any token. */
  readonly store: MessageStore;
  /** The id of the list's log in the store; no channel may have it. Hosts that take each other's tokens say the same. Default `sssn.revoked-tokens`. */
  readonly log?: string;
  /**
   * How old the list may be while the store does not answer, in ms from 1 000 to a day. After that no token is taken that might be on it (`revocations_unavailable`), and
   * streams end. So long a revoked token works at the most at a host that is cut off from the store. Default 30 000.
   */
  readonly maxStaleMs?: number;
}

const OPTIONS = new Set(["store", "log", "maxStaleMs"]);
const SENDER = "sssn.security-jwt";
const SWEEP_EVERY_MS = 600_000;
/** An entry is kept for so long after the end of its token: clocks of hosts may be apart, and an end may be taken with tolerance. */
const KEPT_AFTER_END_MS = 3_600_000;

/**
 * A list of revoked tokens that every host follows. A token is let in only by a host that has read the list: at most a second ago, or as soon as the store has told of something
 * new; and while the store does not answer, at most `maxStaleMs` ago. What is known to be revoked stays so, whatever becomes of the list.
 */
export class SharedRevocations {
  readonly #log: HostsLog;
  readonly #clock: Clock;
  readonly #maxStaleMs: number;
  readonly #revoked = new RevokedTokens();
  /** The list's messages, with the moment from which on each may be removed. */
  readonly #entries = new Map<string, number>();
  #sweptAt: number;

  /** @throws SSSNError `invalid_argument`, `invalid_identifier`. */
  constructor(options: RevocationOptions, clock: Clock) {
    refuseUnknownOptions("JWTChannelSecurity's revocations", options, OPTIONS);
    const { store, log: id = "sssn.revoked-tokens", maxStaleMs = 30_000 } = options;
    if (typeof store?.open !== "function") throw new SSSNError("invalid_argument", "revocations need a store to be kept in.");
    this.#clock = clock;
    this.#maxStaleMs = validateInteger("revocations.maxStaleMs", maxStaleMs, 1_000, 24 * 3_600_000);
    this.#log = new HostsLog({ store, id: validateIdentifier("log id", id), clock, apply: (message) => this.#apply(message) });
    this.#sweptAt = clock.monotonic();
  }

  /**
   * Here at once, and at every host once it is in the log. Written again, it is there once.
   *
   * @throws SSSNError as the store says it. It is revoked here all the same, and elsewhere when it is written again.
   */
  async add(tokenId: string, end: number): Promise<void> {
    const content = Number.isFinite(end) ? { tokenId, expiresAt: end } : { tokenId };
    this.#revoked.add(tokenId, end + KEPT_AFTER_END_MS);
    await this.#log.append([{ id: await nameOf(content), senderId: SENDER, content, metadata: NO_METADATA }]);
  }

  /** @throws SSSNError `revocations_unavailable`. */
  async has(tokenId: string): Promise<boolean> {
    // What was revoked is refused without asking anybody.
    if (this.#revoked.has(tokenId)) return true;
    const isCurrent = await this.#log.refresh();
    if (this.#revoked.has(tokenId)) return true;
    if (this.#log.ageMs >= this.#maxStaleMs) throw unavailable(this.#log.failure);
    if (isCurrent) this.#sweepNowAndThen();
    return false;
  }

  /** Whether it can be told what is revoked. Waits for no reading while the last one is good. */
  async isReady(): Promise<boolean> {
    const reading = this.#log.refresh();
    return this.#log.ageMs < this.#maxStaleMs || (await reading);
  }

  /** What is no revocation is passed over: only hosts write here. */
  #apply({ id, content }: ChannelMessage): void {
    const entry = readEntry(content);
    if (!entry) return;
    const end = entry.end + KEPT_AFTER_END_MS;
    this.#revoked.add(entry.tokenId, end);
    this.#entries.set(id, end);
  }

  #sweepNowAndThen(): void {
    const now = this.#clock.monotonic();
    if (now - this.#sweptAt < SWEEP_EVERY_MS) return;
    this.#sweptAt = now;
    // Nobody waits for it, and what fails is tried again the next time.
    void this.#sweep().catch(() => undefined);
  }

  /** Every host removes in its turn what it knows to be over: so nothing stays because a host ended in the middle of it. */
  async #sweep(): Promise<void> {
    // A host whose clock is ahead must not bring back what is revoked for the others.
    const now = Math.min(this.#clock.now(), await this.#log.now());
    const over = [...this.#entries].filter(([, end]) => end <= now).map(([id]) => id);
    if (over.length > 0 && !(await this.#log.remove(over))) return;
    for (const id of over) this.#entries.delete(id);
    this.#revoked.forget(now);
  }
}

/** One name for one revocation, whatever the token's id is made of. */
function nameOf(content: JsonValue): Promise<string> {
  return sha256(JSON.stringify(content));
}

function readEntry(content: JsonValue): { readonly tokenId: string; readonly end: number } | undefined {
  if (typeof content !== "object" || content === null || !("tokenId" in content)) return undefined;
  const { tokenId, expiresAt } = content;
  if (typeof tokenId !== "string") return undefined;
  // An end that can't be read is none: the token stays revoked.
  return { tokenId, end: typeof expiresAt === "number" ? expiresAt : Infinity };
}

function unavailable(cause: unknown): SSSNError {
  return new SSSNError(
    "revocations_unavailable",
    "Tokens can't be checked now, because the list of revoked tokens can't be had. Try again in a moment.",
    cause === undefined ? {} : { cause },
  );
}
