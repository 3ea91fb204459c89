import { SSSNError, TOO_LATE, describe, within, type Clock } from "@sssn/core";

/** A token, or what gets one: asked again shortly before the last one expires, and when the host says that it has. */
export type TokenSource = string | (() => string | Promise<string>);

/** So long a token's source may take, and no longer than most of one attempt. */
const SOURCE_TIMEOUT_MS = 10_000;
const PART_OF_ATTEMPT = 0.8;
/** What can stand in a header as it is. */
const SENDABLE = /^[\x21-\x7e]+$/;

/** A token is renewed so long before its end, or in the last tenth of its life if that is shorter. */
const RENEW_BEFORE_MS = 30_000;

/** Keeps a token for many calls, and gets the next one once for all of them. */
export class TokenHolder {
  readonly #source: TokenSource;
  readonly #clock: Clock;
  readonly #sourceTimeoutMs: number;
  #token: Promise<string> | undefined;
  #renewAt = Infinity;

  /** @param attemptMs how long one attempt of a call may take. @throws SSSNError `invalid_argument` for a text that can never be sent. */
  constructor(source: TokenSource, clock: Clock, attemptMs: number) {
    checkSource(source);
    this.#sourceTimeoutMs = Math.min(SOURCE_TIMEOUT_MS, attemptMs * PART_OF_ATTEMPT);
    this.#source = source;
    this.#clock = clock;
  }

  /** Whether another token can be had. */
  get canRenew(): boolean {
    return typeof this.#source === "function";
  }

  current(): Promise<string> {
    if (this.canRenew && this.#clock.now() >= this.#renewAt) this.#token = undefined;
    this.#token ??= this.#get();
    return this.#token;
  }

  /**
   * The host takes this token no more. However many calls find out, the next one is got once.
   *
   * @returns whether there is, or can be had, another one.
   */
  async replace(refused: string): Promise<boolean> {
    if (!this.canRenew) return false;
    const known = this.#token;
    if (known && (await known.catch(() => undefined)) === refused && this.#token === known) this.#token = undefined;
    return true;
  }

  /** @throws SSSNError `token_unavailable`: what is wrong with the source, and nothing of what it gave. */
  async #ask(): Promise<string> {
    const source = this.#source;
    const given: unknown = typeof source === "string" ? source : await within(this.#clock, this.#sourceTimeoutMs, askSource(source));
    if (given === TOO_LATE) throw unavailable(`its source did not give one within ${this.#sourceTimeoutMs} ms`);
    if (typeof given !== "string")
      throw unavailable(`its source gave no text, but ${given === null ? "null" : `a value of type ${typeof given}`}`);
    const token = withoutScheme(given);
    if (!SENDABLE.test(token))
      throw unavailable("what its source gave is empty, or has characters that no token has, such as blanks or line breaks");
    return token;
  }

  async #get(): Promise<string> {
    this.#renewAt = Infinity;
    try {
      const token = await this.#ask();
      const [now, expiresAt] = [this.#clock.now(), expiryOf(token)];
      if (expiresAt !== undefined && expiresAt > now) this.#renewAt = expiresAt - Math.min(RENEW_BEFORE_MS, (expiresAt - now) / 10);
      return token;
    } catch (error) {
      this.#token = undefined;
      throw error;
    }
  }
}

function withoutScheme(token: string): string {
  return token.replace(/^bearer +/i, "");
}

/** What trying again can't mend is told at once. @throws SSSNError `invalid_argument`, with nothing of the token. */
function checkSource(source: unknown): void {
  if (typeof source === "function" || (typeof source === "string" && SENDABLE.test(withoutScheme(source)))) return;
  const given =
    typeof source === "string" ? (source === "" ? "an empty one" : "one with blanks, line breaks or the like") : describe(source);
  throw new SSSNError(
    "invalid_argument",
    `token takes a text without blanks or line breaks, or a function that gets one, but got ${given}. A token from a file ends with a line break: trim it.`,
    { details: { argument: "token" } },
  );
}

/** @param why never says anything that could be a part of a token. */
function unavailable(why: string, cause?: unknown): SSSNError {
  return new SSSNError("token_unavailable", `No token could be had: ${why}.`, cause === undefined ? {} : { cause });
}

/** When a JSON Web Token ends, in ms since the epoch; `undefined` for any other token. Nothing is verified here: that is the host's part. */
function expiryOf(token: string): number | undefined {
  const payload = /^[\w-]+\.([\w-]+)\.[\w-]*$/.exec(token)?.[1];
  if (payload === undefined) return undefined;
  try {
    const { exp } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))) as { exp?: unknown };
    return typeof exp === "number" ? exp * 1_000 : undefined;
  } catch {
    return undefined;
  }
}

async function askSource(source: () => string | Promise<string>): Promise<string> {
  try {
    return await source();
  } catch (cause) {
    throw unavailable("its source failed", cause);
  }
}
