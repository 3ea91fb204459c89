import { SSSNError, isSSSNError, sleep, systemClock, toError, type Clock } from "@sssn/core";
import { fromProblem } from "../protocol/problem.js";

/** A token, or what gets one: asked again when the host says that the last one has expired. */
export type TokenSource = string | (() => string | Promise<string>);

export interface RequesterOptions {
  readonly token: TokenSource;
  /** How long one attempt may take, in ms, not counting a wait that was asked for. Default 30 000. */
  readonly timeoutMs?: number;
  /** How often a call is tried at the most, when trying again is safe and can help. Default 5. */
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
  /** How long the host may wait before it answers, in ms. */
  readonly waitMs?: number;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** Speaks HTTP with a host: token, timeout, and repeated attempts with a growing, jittered pause. */
export class Requester {
  readonly #base: string;
  readonly #options: RequesterOptions;
  readonly #clock: Clock;
  readonly #fetch: typeof fetch;
  #token: string | undefined;

  constructor(base: string, options: RequesterOptions) {
    this.#base = base;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  /** Calls until it works, or until trying again can't help. Every call of this protocol may safely be repeated. */
  async json<Result>(call: Call): Promise<Result> {
    const attempts = this.#options.attempts ?? 5;
    let renewed = false;
    for (let attempt = 1; ; attempt++) {
      try {
        return (await this.#attempt(call, (this.#options.timeoutMs ?? 30_000) + (call.waitMs ?? 0))) as Result;
      } catch (thrown) {
        call.signal?.throwIfAborted();
        const error = isSSSNError(thrown) ? thrown : unreachable(this.#base, thrown);
        if (error.code === "token_expired" && typeof this.#options.token === "function" && !renewed) {
          renewed = true;
          this.#token = undefined;
          continue;
        }
        if (!error.retryable || attempt >= attempts) throw error;
        await sleep(this.#clock, pauseMs(attempt, error), call.signal);
      }
    }
  }

  /** One call and its whole answer, within a deadline. */
  async #attempt(call: Call, timeoutMs: number): Promise<unknown> {
    const timeout = new AbortController();
    const cancel = this.#clock.schedule(() => timeout.abort(new SSSNError("timeout", `${this.#base} did not answer within ${timeoutMs} ms.`)), timeoutMs);
    try {
      const signal = call.signal ? AbortSignal.any([call.signal, timeout.signal]) : timeout.signal;
      return await (await this.open({ ...call, signal })).json();
    } finally {
      cancel();
    }
  }

  /** One call, with the answer's body still to be read. @throws SSSNError for every status but 2xx. */
  async open(call: Call): Promise<Response> {
    const response = await this.#fetch(`${this.#base}${call.path}`, {
      method: call.method ?? "GET",
      headers: { authorization: `Bearer ${await this.#currentToken()}`, ...(call.body === undefined ? {} : { "content-type": "application/json" }), ...call.headers },
      body: call.body === undefined ? null : JSON.stringify(call.body),
      redirect: "error",
      signal: call.signal ?? null,
    });
    if (response.ok) return response;
    throw withRetryAfter(fromProblem(response.status, await response.json().catch(() => undefined)), response);
  }

  async #currentToken(): Promise<string> {
    const { token } = this.#options;
    this.#token ??= (typeof token === "string" ? token : await token()).replace(/^bearer +/i, "");
    return this.#token;
  }

  /** Forgets the token, so that the next call asks for another one. */
  forgetToken(): void {
    this.#token = undefined;
  }
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
