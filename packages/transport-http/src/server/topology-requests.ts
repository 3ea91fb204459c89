import { SSSNError, linkSignals, topologyWithin, type Clock, type Topology, type TopologySource } from "@sssn/core";
import { HOST_ROUTES } from "../protocol/host-routes.js";
import { bearerOf, type Access, type PublishedChannels } from "./access.js";
import type { Exchange } from "./exchange.js";
import type { HandlerContext } from "./handlers.js";
import { nothingHere, stopping, unmatched } from "./problems.js";
import { checkQuery } from "./validation.js";
import { whenGone } from "./when-gone.js";

const { path: PATH, query: QUERY } = HOST_ROUTES.topology;

/** What the query of such a request may say; its schema has checked it. */
interface Known {
  readonly after?: number;
  readonly since?: number;
  readonly waitMs?: number;
}

/** Tells the topology of the host, to each who may observe something as much as that leads to. */
export class TopologyRequests {
  readonly #channels: PublishedChannels;
  readonly #context: HandlerContext;
  readonly #source: () => TopologySource | undefined;

  constructor(channels: PublishedChannels, context: HandlerContext, source: () => TopologySource | undefined) {
    this.#channels = channels;
    this.#context = context;
    this.#source = source;
  }

  /** Whether a path is the topology's. */
  static owns(url: string): boolean {
    return url === PATH || url.startsWith(`${PATH}?`);
  }

  /** @throws SSSNError whatever is wrong with the request. */
  async handle(exchange: Exchange, url: string): Promise<void> {
    const source = this.#source();
    if (!source) throw nothingHere();
    if (exchange.request.method !== "GET") throw unmatched("GET");
    exchange.route = PATH;
    if (this.#context.stopping.aborted) throw stopping();
    const credential = bearerOf(exchange.request);
    // Nothing of the request is looked at before its token has said that it may.
    const [first] = await this.#observed(credential);
    exchange.systemId = first.principal.systemId;
    const topology = await this.#topologyFor(exchange, source, credential, checkQuery(QUERY, url.slice(PATH.length + 1)));
    if (topology) exchange.sendJson(200, topology);
  }

  /** @returns `undefined` when there is nobody left to tell it to. */
  async #topologyFor(exchange: Exchange, source: TopologySource, credential: string, known: Known): Promise<Topology | undefined> {
    const { clock, held, stopping: ending } = this.#context;
    const until = clock.monotonic() + (known.waitMs ?? 0);
    const gone = whenGone(exchange.response);
    try {
      for (;;) {
        // The rights are asked for again each time, and after the look: what is told with a revision is never less than belongs to it.
        const { current } = source;
        const accesses = await this.#observed(credential);
        if (gone.signal.aborted) return undefined;
        const leftMs = until - clock.monotonic();
        if (!isKnown(current, known) || leftMs <= 0 || ending.aborted)
          return topologyWithin(current, new Set(accesses.map(({ channel }) => channel.id)));
        if (source.current.revision !== current.revision) continue;
        const hold = held.hold(accesses[0]);
        const { signal, release } = linkSignals(gone.signal, hold.signal, ending);
        await nextRevision(source, clock, leftMs, signal);
        release();
        hold.release();
      }
    } finally {
      gone.forget();
    }
  }

  /** @throws SSSNError `token_invalid`, `insufficient_role` when there is nothing that may be observed. */
  async #observed(credential: string): Promise<readonly [Access, ...Access[]]> {
    const [first, ...others] = await this.#channels.allowing(credential, "topology");
    if (first) return [first, ...others];
    throw new SSSNError("insufficient_role", 'The topology is told to those who have the role "observe" on a channel of this host.', {
      details: { operation: "topology", role: "observe" },
    });
  }
}

function isKnown({ revision, since }: Topology, known: Known): boolean {
  return revision === known.after && (known.since === undefined || since === known.since);
}

/** Until there is another revision, time is up, or the signal aborts. */
function nextRevision(source: TopologySource, clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      forget();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const forget = source.events.on("topology", end);
    const cancel = clock.schedule(end, timeoutMs, { background: true });
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}
