import { Requester, SSSNError, type Capability, type RequestOptions, type SystemDescriptor } from "@sssn/core";
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
    const { requests, replies } = await this.#find(name, systemId);
    const requester = await this.#requester(requests, replies);
    const reply = await requester.request(input, { ...options, metadata: { ...options.metadata, capability: name } });
    return reply.content as Output;
  }

  async #find(name: string, systemId: string | undefined): Promise<{ requests: string; replies: string }> {
    const systems = await this.#directory.findSystems({ capability: name });
    for (const { capabilities } of systems.filter(({ id }) => systemId === undefined || id === systemId)) {
      const { requests, replies } = capabilities.find((capability) => capability.name === name) ?? NOTHING;
      if (requests !== undefined && replies !== undefined) return { requests, replies };
    }
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

const NOTHING: Capability = { name: "", description: "" };
