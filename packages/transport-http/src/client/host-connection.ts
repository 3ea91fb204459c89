import { EventSource, SSSNError, isSSSNError, linkSignals, sleep, systemClock, toError, validateInteger, type Clock } from "@sssn/core";
import { HostAddresses, type Address } from "./host-addresses.js";
import { fromProblem } from "../protocol/problem.js";
import { TokenHolder, type TokenSource } from "./token-holder.js";

/** How a host is spoken to. */
export interface ConnectionOptions {
  /** What the host asks for: a text, or a function that gives one and is asked again shortly before it ends. */
  readonly token: TokenSource;
  /** How long one attempt may take, in ms, from 1, not counting a wait that was asked for. Default 30 000. */
  readonly timeoutMs?: number;
  /**
   * How long a call is tried again, in ms from 0, when that is safe and can help: longer than a host takes to start anew. Default 30 000.
   * Of several addresses each is tried once in any case. Streams are tried again for ever.
   */
  readonly patienceMs?: number;
  /** How often a call is tried at the most, at all addresses together, from 1 to 1 000. Default: as often as `patienceMs` allows. */
  readonly attempts?: number;
  /** What makes requests. Default: the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock?: Clock;
}

/** The hosts of a channel. */
export interface Hosts {
  /** The channel's URL at each of them, one at least. */
  readonly urls: readonly string[];
  /** Why nothing may be sent to any of them. */
  readonly refusal?: SSSNError | undefined;
  /** Where they are now. */
  readonly find?: (() => Promise<readonly string[]>) | undefined;
}

export interface Call {
  readonly method?: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  /** What an answer has. Whatever else answers with JSON at this address has not done what it was asked to. */
  readonly answer?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** How long one attempt may take; default: the connection's. */
  readonly timeoutMs?: number | undefined;
  /** How long the host may wait before it answers, in ms. */
  readonly waitMs?: number;
  /** Told when an attempt begins, on the monotonic clock. */
  readonly onAttempt?: (at: number) => void;
}

/** Whether a host is reached, told when it changes. */
export type ConnectionState = "lost" | "restored";

/** An answer whose body is still to come. */
export interface OpenAnswer {
  readonly response: Response;
  /** Nothing more comes: another address is asked next. */
  readonly failed: () => void;
}

/** A host that takes none of the tokens that it is sent is not sent another one for ever. */
const MOST_RENEWALS = 2;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** So long an address that has failed may take to show that it works again, while another one does. */
const TRIAL_MS = 2_000;

/** Speaks HTTP with the hosts of a channel: token, timeout, and repeated attempts, at the next address or with a growing, jittered pause. */
export class HostConnection {
  readonly clock: Clock;
  readonly tokens: TokenHolder;
  readonly #addresses: HostAddresses;
  readonly #hosts: Hosts;
  #isFinding = false;
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;
  readonly #attempts: number;
  readonly #patienceMs: number;
  /** Told when a host that was reached is reached no more, and the other way. */
  readonly events = new EventSource<{ connection: ConnectionState }>();
  #isReachable = true;

  /** @throws SSSNError `invalid_argument`. */
  constructor(hosts: Hosts, options: ConnectionOptions) {
    this.#hosts = hosts;
    this.clock = options.clock ?? systemClock;
    this.#addresses = new HostAddresses(hosts.urls, this.clock);
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#timeoutMs = validateInteger("timeoutMs", options.timeoutMs ?? 30_000, 1, 2_147_483_647);
    this.tokens = new TokenHolder(options.token, this.clock, this.#timeoutMs);
    this.#attempts = options.attempts === undefined ? Infinity : validateInteger("attempts", options.attempts, 1, 1_000);
    this.#patienceMs = validateInteger("patienceMs", options.patienceMs ?? 30_000, 0, 2_147_483_647);
  }

  /** False while calls and streams go unanswered. */
  get isReachable(): boolean {
    return this.#isReachable;
  }

  /** A host has answered, or none has. */
  noteReached(isReachable: boolean): void {
    if (this.#isReachable === isReachable) return;
    this.#isReachable = isReachable;
    this.events.emit("connection", isReachable ? "restored" : "lost");
  }

  /** Calls until it works, or until trying again can't help. Every call of this protocol may safely be repeated, at any host of the channel. */
  async json<Result>(call: Call): Promise<Result> {
    const until = this.clock.monotonic() + this.#patienceMs;
    let renewals = 0;
    for (let attempt = 1; ; attempt++) {
      call.signal?.throwIfAborted();
      const address = this.#addresses.next();
      const begunAt = this.clock.monotonic();
      try {
        return (await this.#attempt(address, call)) as Result;
      } catch (thrown) {
        call.signal?.throwIfAborted();
        const error = isSSSNError(thrown) ? thrown : unreachable(address.url, thrown);
        if (error.code === "token_expired" && this.tokens.canRenew && renewals++ < MOST_RENEWALS) continue;
        const canGoOn = this.#goesOn(address, begunAt, error);
        if (attempt >= this.#attempts) throw error;
        if (canGoOn && attempt < this.#addresses.count) continue;
        const pause = pauseMs(Math.ceil(attempt / this.#addresses.count), error);
        if (!error.retryable || this.clock.monotonic() + pause > until) throw error;
        await sleep(this.clock, pause, call.signal);
      }
    }
  }

  /** After a failure: whether there is another address to go to at once. */
  #goesOn(address: Address, begunAt: number, error: unknown): boolean {
    if (!isHostsFault(error)) return false;
    address.failed(begunAt);
    const hasOther = this.#addresses.hasRested;
    if (!hasOther) void this.#find();
    return hasOther;
  }

  /** No address works: the channel may have moved. This is asked beside the next attempts, which do not wait for it. */
  async #find(): Promise<void> {
    if (!this.#hosts.find || this.#isFinding) return;
    this.#isFinding = true;
    try {
      this.#addresses.replace(await this.#hosts.find());
    } catch {
      // Who could say it can't be reached either: the next attempt that fails asks again.
    } finally {
      this.#isFinding = false;
    }
  }

  /** One call and its whole answer, within a deadline. */
  async #attempt(address: Address, call: Call): Promise<unknown> {
    call.onAttempt?.(this.clock.monotonic());
    const limitMs = call.timeoutMs ?? this.#timeoutMs;
    const timeoutMs = (this.#addresses.isTrial(address) ? Math.min(TRIAL_MS, limitMs) : limitMs) + (call.waitMs ?? 0);
    const ending = new AbortController();
    const abort = (): void => ending.abort(call.signal?.reason);
    const cancel = this.clock.schedule(() => ending.abort(silent(address, timeoutMs)), timeoutMs);
    call.signal?.addEventListener("abort", abort, { once: true });
    try {
      // Raced, because fetch may have forgotten its signal by the time at which the body comes.
      return await Promise.race([
        this.#request(address, { ...call, signal: ending.signal }).then((response) => answerIn(response, call.answer)),
        abortionOf(ending.signal),
      ]);
    } finally {
      cancel();
      call.signal?.removeEventListener("abort", abort);
    }
  }

  /** One call, with the answer's body still to be read, at the first address that answers. @throws SSSNError for every status but 2xx. */
  async open(call: Call): Promise<OpenAnswer> {
    for (let attempt = 1; ; attempt++) {
      const address = this.#addresses.next();
      const begunAt = this.clock.monotonic();
      try {
        const response = await this.#tryOut(address, call);
        return { response, failed: () => address.failed(begunAt) };
      } catch (error) {
        if (call.signal?.aborted && !isSSSNError(call.signal.reason, "timeout")) throw error;
        const canGoOn = this.#goesOn(address, begunAt, error);
        if (!canGoOn || attempt >= this.#addresses.count || call.signal?.aborted) throw error;
      }
    }
  }

  /** An address that is tried again keeps nobody waiting for long. */
  async #tryOut(address: Address, call: Call): Promise<Response> {
    if (!this.#addresses.isTrial(address)) return this.#request(address, call);
    const trial = new AbortController();
    const cancel = this.clock.schedule(() => trial.abort(silent(address, TRIAL_MS)), TRIAL_MS);
    try {
      // Linked for as long as the answer goes on.
      return await this.#request(address, { ...call, signal: linkSignals(call.signal, trial.signal).signal });
    } finally {
      cancel();
    }
  }

  async #request(address: Address, call: Call): Promise<Response> {
    if (this.#hosts.refusal) throw this.#hosts.refusal;
    const token = await this.tokens.current();
    const response = await this.#send(address, call, token);
    if (response.ok) {
      address.answered();
      return response;
    }
    const error = withRetryAfter(fromProblem(response.status, await response.json().catch(() => undefined)), response);
    if (error.code === "token_expired") await this.tokens.replace(token);
    throw error;
  }

  async #send(address: Address, call: Call, token: string): Promise<Response> {
    try {
      const response = await this.#fetch(`${address.url}${call.path}`, {
        method: call.method ?? "GET",
        headers: {
          authorization: `Bearer ${token}`,
          ...(call.body === undefined ? {} : { "content-type": "application/json" }),
          ...call.headers,
        },
        body: call.body === undefined ? null : JSON.stringify(call.body),
        redirect: "error",
        signal: call.signal ?? null,
      });
      address.isReached = true;
      this.noteReached(true);
      return response;
    } catch (thrown) {
      // Who gave the call up says nothing of the host; who waited in vain for an answer does.
      if (!call.signal?.aborted || isSSSNError(call.signal.reason, "timeout")) {
        address.isReached = false;
        this.noteReached(this.#addresses.isReached);
      }
      throw thrown;
    }
  }
}

/** @throws SSSNError `transport_failed` for what no host of this protocol answers. */
async function answerIn(response: Response, member: string | undefined): Promise<unknown> {
  const answer: unknown = await response.json();
  if (typeof answer === "object" && answer !== null && (member === undefined || member in answer)) return answer;
  throw new SSSNError(
    "transport_failed",
    `The server answered with status ${response.status} and something else than ${member === undefined ? "an object" : `an object with ${member}`}. Is this the address of an SSSN host?`,
    { details: UNKNOWN },
  );
}

/** Whether the host has done what it was asked to, nobody here can tell. */
const UNKNOWN = { outcome: "unknown" } as const;

function abortionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(toError(signal.reason)), { once: true }));
}

function silent({ url }: Address, timeoutMs: number): SSSNError {
  return new SSSNError("timeout", `${url} did not answer within ${timeoutMs} ms.`, { details: UNKNOWN });
}

/** Whether another host may do what this one can't: it is not reached, ends, or has no store. */
function isHostsFault(error: unknown): boolean {
  if (!isSSSNError(error)) return true;
  return error.code === "transport_failed" || error.code === "timeout" || (error.status === 503 && error.code !== "token_unavailable");
}

function unreachable(base: string, thrown: unknown): SSSNError {
  const error = toError(thrown);
  const cause = error.cause instanceof Error ? error.cause.message : error.message;
  return new SSSNError("transport_failed", `${base} can't be reached: ${cause}.`, { cause: error, details: UNKNOWN });
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
