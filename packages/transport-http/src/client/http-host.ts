import { MAX_WAIT_MS, deepFreeze, isSSSNError, refuseUnknownOptions, sleep, type ForeignAddress, type Topology } from "@sssn/core";
import { refusalOf } from "./allowed-address.js";
import { httpUrl, queryText } from "./channel-url.js";
import { HostConnection, type ConnectionOptions } from "./host-connection.js";

/** Which host, and how it is spoken to. */
export interface HttpHostOptions extends ConnectionOptions {
  /** The host's URL, without `/channels`. */
  readonly url: string | ForeignAddress;
  /** The origins that may be sent the token. Needed for an address that somebody else has said; see `HttpChannelOptions`. */
  readonly origins?: readonly string[];
}

/** For one look at a topology. */
export interface TopologyOptions {
  /** The revision that is known: with `waitMs`, the host answers once there is another one. With its `since`, also when it was started anew meanwhile. */
  readonly after?: number;
  /** When the known revision began. */
  readonly since?: number;
  /** How long to wait for another revision than the known one, in ms from 0 to 60 000. Default 0. */
  readonly waitMs?: number;
  /** Ends the call; it rejects with its reason. */
  readonly signal?: AbortSignal;
}

const OPTIONS: ReadonlySet<string> = new Set<keyof HttpHostOptions>([
  "url",
  "origins",
  "token",
  "timeoutMs",
  "patienceMs",
  "attempts",
  "fetch",
  "clock",
]);

/** A host is asked for long, and not again and again. */
const ASK_FOR_MS = Math.min(30_000, MAX_WAIT_MS);
const REST_MS = 1_000;
/** Between two questions that were answered at once, be it by several hosts behind one address, each with a topology of its own. */
const SHORT_REST_MS = 100;

/**
 * A host as a whole, seen from another process: what runs there. A channel of it is an {@link HttpChannel}.
 *
 * @example
 * ```ts
 * import { HttpHost } from "@sssn/transport-http/client";
 * const host = new HttpHost({ url: "http://127.0.0.1:8000", token: "that-of-an-observer" });
 * if (host.origin !== "http://127.0.0.1:8000") throw new Error("that is where it is");
 * ```
 */
export class HttpHost {
  readonly #url: string;
  readonly #connection: HostConnection;

  /** @throws SSSNError `invalid_argument`. */
  constructor(options: HttpHostOptions) {
    refuseUnknownOptions("HttpHost", options, OPTIONS);
    this.#url = httpUrl(String(options.url), "host", "http://host:port");
    this.#connection = new HostConnection({ urls: [this.#url], refusal: refusalOf(options.url, options.origins) }, options);
  }

  /** Where it is. */
  get origin(): string {
    return new URL(this.#url).origin;
  }

  /**
   * What runs there: systems, channels, wires and endpoints, as far as the token may observe them, and what leads there.
   *
   * @throws SSSNError `insufficient_role` for who may observe nothing there.
   */
  async topology({ signal, ...asked }: TopologyOptions = {}): Promise<Topology> {
    const { waitMs = 0 } = asked;
    return deepFreeze(
      await this.#connection.json<Topology>({ path: `/topology${queryText({ ...asked })}`, answer: "revision", signal, waitMs }),
    );
  }

  /**
   * The topology, and each revision of it from then on that there is when it is asked for: of several that follow each other quickly, the last one. A host that is
   * away is waited for. Ends with the signal, or throws what trying again can't help against.
   */
  async *topologies({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<Topology, void, undefined> {
    let known: Topology | undefined;
    const ending = signal === undefined ? {} : { signal };
    const { clock } = this.#connection;
    const restUntil = (moment: number): Promise<void> =>
      sleep(clock, Math.max(0, moment - clock.monotonic()), signal).catch(() => undefined);
    while (!signal?.aborted) {
      const askedAt = clock.monotonic();
      try {
        const asked = known === undefined ? {} : { after: known.revision, since: known.since, waitMs: ASK_FOR_MS };
        const next = await this.topology({ ...asked, ...ending });
        if (next.revision === known?.revision && next.since === known.since) {
          // Whoever does not wait with the answer is not asked for it in one go.
          await restUntil(askedAt + REST_MS);
          continue;
        }
        known = next;
      } catch (error) {
        if (signal?.aborted) return;
        if (!isSSSNError(error) || !error.retryable) throw error;
        await restUntil(clock.monotonic() + REST_MS);
        continue;
      }
      yield known;
      await restUntil(askedAt + SHORT_REST_MS);
    }
  }
}
