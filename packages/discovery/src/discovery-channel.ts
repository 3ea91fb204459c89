import {
  BaseChannel,
  SSSNError,
  type ChannelDirectory,
  type ChannelInfo,
  type ChannelOptions,
  type ClearFilter,
  type PublishedRegistration,
  type RetentionPolicy,
  type SystemDescriptor,
  type WriteEntry,
  type WriteOptions,
  type WriteReceipt,
} from "@sssn/core";
import { keepRegistered } from "./registrar.js";
import { DEFAULT_TTL_MS, checkRegistration, type Registration } from "./registration.js";
import { RegistrationIndex, type ChannelQuery, type SystemQuery } from "./registration-index.js";

/** What a {@link DiscoveryChannel} is told besides what every channel is. */
export interface DiscoveryOptions extends Omit<ChannelOptions<Registration>, "schema"> {
  /** How long a registration lives that says nothing else, in ms. Refreshed three times in its life. Default 60 000. */
  readonly ttlMs?: number;
}

const PAGE = 1_000;

/**
 * A channel of registrations: which channels and systems there are, and where. Durable and readable like any other channel; the
 * newest registration of an id counts, and only who made it may change or withdraw it. An admin withdraws with `remove()`.
 *
 * @example
 * ```ts
 * import { MemoryMessageStore } from "@sssn/core";
 * import { DiscoveryChannel } from "@sssn/discovery";
 * const discovery = new DiscoveryChannel({ id: "discovery", store: new MemoryMessageStore() });
 * await discovery.start();
 * await discovery.registerSystem("planner", { id: "planner", name: "Planner", description: "", capabilities: [{ name: "plan", description: "Plans" }], channels: [] });
 * const [found] = discovery.findSystems({ capability: "plan" });
 * if (found?.id !== "planner") throw new Error("the planner was registered");
 * await discovery.drain();
 * ```
 */
export class DiscoveryChannel extends BaseChannel<Registration> implements ChannelDirectory {
  static override readonly ownOptions: readonly string[] = ["ttlMs"];
  readonly kind = "discovery";
  readonly #ttlMs: number;
  readonly #index = new RegistrationIndex();
  #position = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: DiscoveryOptions) {
    super(options);
    this.#ttlMs = options.ttlMs ?? DEFAULT_TTL_MS;
  }

  // ---------------------------------------------------------------- asking

  /** Live channels. */
  findChannels(query: ChannelQuery = {}): readonly ChannelInfo[] {
    return this.#index.channels(query, this.log.now());
  }

  /** Live systems. */
  findSystems(query: SystemQuery = {}): readonly SystemDescriptor[] {
    return this.#index.systems(query, this.log.now());
  }

  getChannel(id: string): ChannelInfo | undefined {
    const entry = this.#index.get("channel", id, this.log.now());
    return entry?.type === "channel" ? entry.channel : undefined;
  }

  getSystem(id: string): SystemDescriptor | undefined {
    const entry = this.#index.get("system", id, this.log.now());
    return entry?.type === "system" ? entry.system : undefined;
  }

  // ---------------------------------------------------------------- registering

  /** @param ttlMs from 100 ms to 7 days. @throws SSSNError `insufficient_role` when somebody else has registered this id. */
  registerChannel(registrantId: string, channel: ChannelInfo, ttlMs: number = this.#ttlMs): Promise<WriteReceipt> {
    return this.write(registrantId, { type: "channel", id: channel.id, ttlMs, channel });
  }

  /** @param ttlMs from 100 ms to 7 days. @throws SSSNError `insufficient_role` when somebody else has registered this id. */
  registerSystem(registrantId: string, system: SystemDescriptor, ttlMs: number = this.#ttlMs): Promise<WriteReceipt> {
    return this.write(registrantId, { type: "system", id: system.id, ttlMs, system });
  }

  /** Takes a registration back. @throws SSSNError `insufficient_role` when it is somebody else's. */
  withdraw(registrantId: string, type: "channel" | "system", id: string): Promise<WriteReceipt> {
    return this.write(registrantId, { type: "withdrawn", of: type, id });
  }

  override write(senderId: string, content: Registration, options?: WriteOptions): Promise<WriteReceipt> {
    return this.#inTurn(() => this.#register(senderId, content, (checked) => super.write(senderId, checked, options)));
  }

  /** All or none: a registration that is refused keeps the others from being stored. */
  override writeBatch(senderId: string, entries: readonly WriteEntry<Registration>[]): Promise<readonly WriteReceipt[]> {
    return this.#inTurn(async () => {
      await this.#catchUp();
      const checked = entries.map((entry) => ({ ...entry, content: this.#checked(senderId, entry.content) }));
      const receipts = await super.writeBatch(senderId, checked);
      await this.#catchUp();
      return receipts;
    });
  }

  /** Registers a system's channels, refreshes them, and withdraws them in the end. The host does this: it needs no grant. */
  publish(registrantId: string, channels: readonly ChannelInfo[], systems: readonly SystemDescriptor[]): Promise<PublishedRegistration> {
    return keepRegistered(
      {
        ttlMs: this.#ttlMs,
        clock: this.options.clock,
        write: (registration) =>
          this.#inTurn(() => this.#register(registrantId, registration, (checked) => this.ingestAs(registrantId, checked))),
        failed: (error) => this.report("maintain", error),
      },
      channels,
      systems,
    );
  }

  async #register(senderId: string, content: unknown, store: (registration: Registration) => Promise<WriteReceipt>): Promise<WriteReceipt> {
    await this.#catchUp();
    const receipt = await store(this.#checked(senderId, content));
    await this.#catchUp();
    return receipt;
  }

  /** @throws SSSNError what is wrong with a registration, and `insufficient_role` when somebody else has registered the id. */
  #checked(senderId: string, content: unknown): Registration {
    const registration = checkRegistration(content);
    const type = registration.type === "withdrawn" ? registration.of : registration.type;
    const owner = this.#index.get(type, registration.id, this.log.now());
    if (!owner || owner.registrantId === senderId) return registration;
    throw new SSSNError(
      "insufficient_role",
      `The ${type} ${registration.id} is registered by somebody else until its registration ends; only its registrant may change it.`,
      { details: { id: registration.id } },
    );
  }

  /** One registration at a time, so that nobody slips in between looking and writing. */
  #inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(task);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  // ---------------------------------------------------------------- the index

  protected override async onStart(): Promise<void> {
    await this.#catchUp();
  }

  /** Takes in what was written since. */
  async #catchUp(): Promise<void> {
    for (;;) {
      const page = await this.log.read({ after: this.#position, limit: PAGE });
      for (const message of page.messages) this.#index.apply(message);
      this.#position = page.position;
      if (page.messages.length < PAGE) return;
    }
  }

  /** Removes what has expired or was replaced; then the retention policy. */
  protected override async onMaintain(): Promise<void> {
    await this.#catchUp();
    const live = this.#index.liveSequences(this.log.now());
    for (let after = 0; after < this.#position;) {
      const page = await this.log.read({ after, limit: PAGE });
      await this.log.remove(page.messages.filter(({ sequence }) => !live.has(sequence) && sequence <= this.#position).map(({ id }) => id));
      after = page.position;
    }
    await super.onMaintain();
  }

  override async remove(adminId: string, ids: readonly string[]): Promise<number> {
    return this.#rebuilding(() => super.remove(adminId, ids));
  }

  override async clear(adminId: string, filter?: ClearFilter<Registration>): Promise<number> {
    return this.#rebuilding(() => super.clear(adminId, filter));
  }

  override async evict(adminId: string, policy?: RetentionPolicy): Promise<number> {
    return this.#rebuilding(() => super.evict(adminId, policy));
  }

  async #rebuilding(removing: () => Promise<number>): Promise<number> {
    const removed = await removing();
    this.#index.clear();
    this.#position = 0;
    await this.#catchUp();
    return removed;
  }
}
