import { SSSNError, isSSSNError, sleep, systemClock, toError, validateInteger, type Clock } from "@sssn/core";
import { fromProblem } from "../protocol/problem.js";
import { TokenHolder, type TokenSource } from "./token-holder.js";

/** How a host is spoken to. */
export interface ConnectionOptions {
  readonly token: TokenSource;
  /** How long one attempt may take, in ms, from 1, not counting a wait that was asked for. Default 30 000. */
  readonly timeoutMs?: number;
  /** How often a call is tried at the most, from 1 to 100, when trying again is safe and can help. Default 5. */
  readonly attempts?: number;
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
}

export interface Call {
  readonly method?: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** How long one attempt may take; default: the connection's. */
  readonly timeoutMs?: number | undefined;
  /** How long the host may wait before it answers, in ms. */
  readonly waitMs?: number;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** Speaks HTTP with a host: token, timeout, and repeated attempts with a growing, jittered pause. */
export class HostConnection {
  readonly clock: Clock;
  readonly tokens: TokenHolder;
  readonly #base: string;
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;
  readonly #attempts: number;

  /** @throws SSSNError `invalid_argument`. */
  constructor(base: string, options: ConnectionOptions) {
    this.#base = base;
    this.clock = options.clock ?? systemClock;
    this.tokens = new TokenHolder(options.token, this.clock);
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#timeoutMs = validateInteger("timeoutMs", options.timeoutMs ?? 30_000, 1, 2_147_483_647);
    this.#attempts = validateInteger("attempts", options.attempts ?? 5, 1, 100);
  }

  /** Calls until it works, or until trying again can't help. Every call of this protocol may safely be repeated. */
  async json<Result>(call: Call): Promise<Result> {
    let renewed = false;
    for (let attempt = 1; ; attempt++) {
      call.signal?.throwIfAborted();
      try {
        return (await this.#attempt(call, (call.timeoutMs ?? this.#timeoutMs) + (call.waitMs ?? 0))) as Result;
      } catch (thrown) {
        call.signal?.throwIfAborted();
        const error = isSSSNError(thrown) ? thrown : unreachable(this.#base, thrown);
        if (error.code === "token_expired" && this.tokens.canRenew && !renewed) {
          renewed = true;
          this.tokens.forget();
          continue;
        }
        if (!error.retryable || attempt >= this.#attempts) throw error;
        await sleep(this.clock, pauseMs(attempt, error), call.signal);
      }
    }
  }

  /** One call and its whole answer, within a deadline. */
  async #attempt(call: Call, timeoutMs: number): Promise<unknown> {
    const ending = new AbortController();
    const abort = (): void => ending.abort(call.signal?.reason);
    const cancel = this.clock.schedule(
      () => ending.abort(new SSSNError("timeout", `${this.#base} did not answer within ${timeoutMs} ms.`)),
      timeoutMs,
    );
    call.signal?.addEventListener("abort", abort, { once: true });
    try {
      // Raced, because fetch may have forgotten its signal by the time at which the body comes.
      return await Promise.race([
        this.open({ ...call, signal: ending.signal }).then((response) => response.json() as Promise<unknown>),
        abortionOf(ending.signal),
      ]);
    } finally {
      cancel();
      call.signal?.removeEventListener("abort", abort);
    }
  }

  /** One call, with the answer's body still to be read. @throws SSSNError for every status but 2xx. */
  async open(call: Call): Promise<Response> {
    const response = await this.#fetch(`${this.#base}${call.path}`, {
      method: call.method ?? "GET",
      headers: {
        authorization: `Bearer ${await this.tokens.current()}`,
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        ...call.headers,
      },
      body: call.body === undefined ? null : JSON.stringify(call.body),
      redirect: "error",
      signal: call.signal ?? null,
    });
    if (response.ok) return response;
    throw withRetryAfter(fromProblem(response.status, await response.json().catch(() => undefined)), response);
  }
}

function abortionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(toError(signal.reason)), { once: true }));
}

function unreachable(base: string, thrown: unknown): SSSNError {
  const error = toError(thrown);
  const cause = error.cause instanceof Error ? error.cause.message : error.message;
  return new SSSNError("transport_failed", `${base} can't be reached: ${cause}.`, { cause: error });
}

function withRetryAfter(error: SSSNError, response: Response): SSSNError {
  const seconds = Number(response.headers.get("retry-after"));
  if (!(seconds > 0) || typeof error.details["retryAfterMs"] === "number") return error;
  return new SSSNError(error.code, error.message, { details: { ...error.details, retryAfterMs: seconds * 1_000 } });
}

/** Between half and all of a pause that doubles, but never less than the host asks for. */
function pauseMs(attempt: number, error: SSSNError): number {
  const most = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
  const asked = error.details["retryAfterMs"];
  return Math.max(typeof asked === "number" ? asked : 0, most * (0.5 + Math.random() / 2));
}
