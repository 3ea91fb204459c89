import type { Clock } from "@sssn/core";

/** A token, or what gets one: asked again shortly before the last one expires, and when the host says that it has. */
export type TokenSource = string | (() => string | Promise<string>);

/** A token is renewed so long before its end, or in the last tenth of its life if that is shorter. */
const RENEW_BEFORE_MS = 30_000;

/** Keeps a token for many calls, and gets the next one once for all of them. */
export class TokenHolder {
  readonly #source: TokenSource;
  readonly #clock: Clock;
  #token: Promise<string> | undefined;
  #renewAt = Infinity;

  constructor(source: TokenSource, clock: Clock) {
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

  /** The next call gets another token. */
  forget(): void {
    this.#token = undefined;
  }

  async #get(): Promise<string> {
    this.#renewAt = Infinity;
    try {
      const token = (typeof this.#source === "string" ? this.#source : await this.#source()).replace(/^bearer +/i, "");
      const [now, expiresAt] = [this.#clock.now(), expiryOf(token)];
      if (expiresAt !== undefined && expiresAt > now) this.#renewAt = expiresAt - Math.min(RENEW_BEFORE_MS, (expiresAt - now) / 10);
      return token;
    } catch (error) {
      this.#token = undefined;
      throw error;
    }
  }
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
