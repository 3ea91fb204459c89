import { Requester, SSSNError, isSSSNError, type Capability, type RequestOptions, type SystemDescriptor } from "@sssn/core";
import type { Directory } from "./directory.js";

/** One call of a capability. */
export interface CallOptions extends RequestOptions {
  /** The system that is to do it. Default: the first one found that can. */
  readonly systemId?: string;
}

/**
 * Calls what systems expose, by name: finds who can do it, connects to the channels that it is asked and answered on, asks and waits.
 *
 * @example
 * ```ts
 * import { MailboxChannel, MemoryMessageStore, WorkQueueChannel, defineSystem } from "@sssn/core";
 * import { CapabilityCaller, Directory, DiscoveryChannel } from "@sssn/discovery";
 * const store = new MemoryMessageStore();
 * const discovery = new DiscoveryChannel({ id: "discovery", store });
 * const channels = { sums: new WorkQueueChannel({ id: "sums", store }), results: new MailboxChannel({ id: "results", store }) };
 * const adder = defineSystem({
 *   id: "adder",
 *   setup(system) {
 *     for (const channel of [discovery, channels.sums, channels.results]) system.addChannel(channel);
 *     system.expose<number[], number>({ name: "add", requests: "sums", replies: "results" }, (numbers) => numbers.reduce((sum, one) => sum + one, 0));
 *   },
 * });
 * const running = await adder.launch();
 * await discovery.registerSystem("adder", adder.descriptor());
 * for (const id of ["sums", "results"] as const) await discovery.registerChannel("adder", { ...channels[id].describe(), endpoints: [{ transport: "http", url: `http://127.0.0.1:1/channels/${id}` }] });
 * const caller = new CapabilityCaller(new Directory(discovery, "pupil", { connect: (_endpoint, { id }) => channels[id as "sums"] }), "pupil");
 * if ((await caller.call<number>("add", [1, 2, 3])) !== 6) throw new Error("1 + 2 + 3 is 6");
 * await caller.close();
 * await running.close();
 * ```
 */
export class CapabilityCaller implements AsyncDisposable {
  readonly #directory: Directory;
  readonly #systemId: string;
  /** Systems that did not answer, and when that was noticed last. */
  readonly #silent = new Map<string, number>();
  readonly #requesters = new Map<string, Promise<Requester>>();

  /** @param systemId in whose name is called. */
  constructor(directory: Directory, systemId: string) {
    this.#directory = directory;
    this.#systemId = systemId;
  }

  /**
   * @throws SSSNError `not_found` when nobody who can do it is registered; what {@link Directory.resolve} throws; `timeout`; and what the
   * system refused the call with, such as `content_rejected`.
   */
  async call<Output = unknown>(name: string, input: unknown, { systemId, ...options }: CallOptions = {}): Promise<Output> {
    const candidates = await this.#find(name, systemId);
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    const request = { ...options, metadata: { ...options.metadata, capability: name } };
    for (const [index, candidate] of candidates.entries()) {
      try {
        // Each has its share of the time: the request that a silent one has not begun with by then is not run by it any more.
        return (await this.#ask(candidate, input, { ...request, timeoutMs: Math.ceil(timeoutMs / candidates.length) })) as Output;
      } catch (error) {
        if (index === candidates.length - 1 || !isSilence(error)) throw error;
      }
    }
    throw new SSSNError("internal", "There is always one candidate.");
  }

  async #ask({ systemId, requests, replies }: Candidate, input: unknown, options: RequestOptions): Promise<unknown> {
    try {
      const reply = await (await this.#requester(requests, replies)).request(input, options);
      this.#silent.delete(systemId);
      return reply.content;
    } catch (error) {
      if (isSilence(error)) this.#silent.set(systemId, performance.now());
      throw error;
    }
  }

  /** Who can do it; who did not answer last comes last. */
  async #find(name: string, systemId: string | undefined): Promise<readonly Candidate[]> {
    const systems = await this.#directory.findSystems({ capability: name });
    const candidates = systems.flatMap(({ id, capabilities }): Candidate[] => {
      if (systemId !== undefined && id !== systemId) return [];
      const { requests, replies } = capabilities.find((capability) => capability.name === name) ?? NOTHING;
      return requests === undefined || replies === undefined ? [] : [{ systemId: id, requests, replies }];
    });
    const silentSince = (candidate: Candidate): number => this.#silent.get(candidate.systemId) ?? 0;
    if (candidates.length > 0) return [...candidates].sort((left, right) => silentSince(left) - silentSince(right));
    throw new SSSNError(
      "not_found",
      `No live system ${systemId === undefined ? "" : `${systemId} `}exposes ${JSON.stringify(name)}. Exposed: ${(await this.#exposed()).join(", ") || "nothing"}.`,
    );
  }

  async #exposed(): Promise<readonly string[]> {
    const systems: readonly SystemDescriptor[] = await this.#directory.findSystems();
    return systems.flatMap(({ capabilities }) => capabilities.filter(({ requests }) => requests !== undefined).map(({ name }) => name));
  }

  /** The one that listens already, or a new one where there is none or it has broken off. */
  async #requester(requests: string, replies: string): Promise<Requester> {
    const key = `${requests} ${replies}`;
    const known = this.#requesters.get(key);
    if (known) {
      const requester = await known;
      if (requester.isOpen) return requester;
      // Somebody else may have opened another one meanwhile.
      if (this.#requesters.get(key) !== known) return this.#requester(requests, replies);
    }
    const opening = this.#open(requests, replies);
    this.#requesters.set(key, opening);
    opening.catch(() => this.#requesters.delete(key));
    return opening;
  }

  async #open(requests: string, replies: string): Promise<Requester> {
    const channels = { requests: await this.#directory.resolve(requests), replies: await this.#directory.resolve(replies) };
    return Requester.open({ systemId: this.#systemId, ...channels });
  }

  /** Ends listening for answers; calls under way end with `invalid_state`. */
  async close(): Promise<void> {
    const open = await Promise.allSettled([...this.#requesters.values()]);
    await Promise.all(open.flatMap((result) => (result.status === "fulfilled" ? [result.value.close()] : [])));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A system that can do it, and the channels that it is asked and answers on. */
interface Candidate {
  readonly systemId: string;
  readonly requests: string;
  readonly replies: string;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/** Whether nobody answered, in contrast to an answer that is an error. */
function isSilence(error: unknown): boolean {
  return isSSSNError(error, "timeout") || isSSSNError(error, "transport_failed");
}

const NOTHING: Capability = { name: "", description: "" };
