import {
  BaseChannel,
  SSSNError,
  isSSSNError,
  type ChannelDirectory,
  type ChannelInfo,
  type ChannelOptions,
  type ClearFilter,
  type PublishedRegistration,
  type RetentionPolicy,
  type SystemDescriptor,
  type WriteCondition,
  type WriteEntry,
  type WriteOptions,
  type WriteReceipt,
} from "@sssn/core";
import { OneAtATime, checkLast } from "@sssn/core/log-state";
import { FollowedRegistrations } from "./followed-registrations.js";
import { keepRegistered } from "./registrar.js";
import { DEFAULT_TTL_MS, checkRegistration, type Registration } from "./registration.js";
import { type ChannelQuery, type SystemQuery } from "./registration-index.js";
import { undisturbed } from "./undisturbed.js";

/** What a {@link DiscoveryChannel} is told besides what every channel is. */
export interface DiscoveryOptions extends Omit<ChannelOptions<Registration>, "schema"> {
  /** How long a registration lives that says nothing else, in ms. Refreshed three times in its life. Default 60 000. */
  readonly ttlMs?: number;
}

/** So long after another host has written or removed something it is known here at the latest, or after what the store promises if that is longer. */
const LOOK_MS = 5_000;

/**
 * A channel of registrations: which channels and systems there are, and where. Durable and readable like any other channel; the
 * newest registration of an id counts, and only who made it may change or withdraw it, at whatever host. An admin withdraws with `remove()`.
 * Several hosts may have it open in a store that they share: each follows what the others write and remove.
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
  readonly #followed: FollowedRegistrations;
  #stopFollowing: (() => Promise<void>) | undefined;
  /** Registrations of one host are not in each other's way. */
  readonly #registrations = new OneAtATime();

  constructor(options: DiscoveryOptions) {
    super(options);
    this.#ttlMs = options.ttlMs ?? DEFAULT_TTL_MS;
    this.#followed = new FollowedRegistrations(() => this.log, this.options.maxPageBytes);
  }

  // ---------------------------------------------------------------- asking

  /** Live channels. */
  findChannels(query: ChannelQuery = {}): readonly ChannelInfo[] {
    return this.#followed.index.channels(query, this.log.now());
  }

  /** Live systems. */
  findSystems(query: SystemQuery = {}): readonly SystemDescriptor[] {
    return this.#followed.index.systems(query, this.log.now());
  }

  getChannel(id: string): ChannelInfo | undefined {
    const entry = this.#followed.index.get("channel", id, this.log.now());
    return entry?.type === "channel" ? entry.channel : undefined;
  }

  getSystem(id: string): SystemDescriptor | undefined {
    const entry = this.#followed.index.get("system", id, this.log.now());
    return entry?.type === "system" ? entry.system : undefined;
  }

  // ---------------------------------------------------------------- registering

  /**
   * @param ttlMs from 100 ms to 7 days.
   * @throws SSSNError `insufficient_role` when somebody else has registered this id, `backpressure` when others kept coming first.
   */
  registerChannel(registrantId: string, channel: ChannelInfo, ttlMs: number = this.#ttlMs): Promise<WriteReceipt> {
    return this.write(registrantId, { type: "channel", id: channel.id, ttlMs, channel });
  }

  /**
   * @param ttlMs from 100 ms to 7 days.
   * @throws SSSNError `insufficient_role` when somebody else has registered this id, `backpressure` when others kept coming first.
   */
  registerSystem(registrantId: string, system: SystemDescriptor, ttlMs: number = this.#ttlMs): Promise<WriteReceipt> {
    return this.write(registrantId, { type: "system", id: system.id, ttlMs, system });
  }

  /** Takes a registration back, at all its hosts. @throws SSSNError `insufficient_role` when it is somebody else's. */
  withdraw(registrantId: string, type: "channel" | "system", id: string): Promise<WriteReceipt> {
    return this.write(registrantId, { type: "withdrawn", of: type, id });
  }

  override write(senderId: string, content: Registration, options: WriteOptions & WriteCondition = {}): Promise<WriteReceipt> {
    const { ifLast, ...rest } = options;
    return this.#register(senderId, [content], ifLast, ([checked], condition) =>
      super.write(senderId, checked as Registration, { ...rest, ...condition }),
    );
  }

  /** All or none: a registration that is refused keeps the others from being stored. */
  override writeBatch(
    senderId: string,
    entries: readonly WriteEntry<Registration>[],
    { ifLast }: WriteCondition = {},
  ): Promise<readonly WriteReceipt[]> {
    return this.#register(
      senderId,
      entries.map(({ content }) => content),
      ifLast,
      (checked, condition) =>
        super.writeBatch(
          senderId,
          entries.map((entry, index) => ({ ...entry, content: checked[index] as Registration })),
          condition,
        ),
    );
  }

  /** Registers a system's channels, refreshes them, and withdraws them in the end. The host does this: it needs no grant. */
  publish(registrantId: string, channels: readonly ChannelInfo[], systems: readonly SystemDescriptor[]): Promise<PublishedRegistration> {
    return keepRegistered(
      {
        ttlMs: this.#ttlMs,
        clock: this.options.clock,
        write: (registrations) =>
          this.#register(registrantId, registrations, undefined, (checked, condition) =>
            this.ingestBatchAs(
              registrantId,
              checked.map((content) => ({ content })),
              condition,
            ),
          ),
        failed: (error) => this.report("maintain", error),
      },
      channels,
      systems,
    );
  }

  /**
   * Looks who has registered an id, and writes only if nobody, at whatever host, has written since.
   *
   * @param expected where the caller wants the log to end; there is no second try then.
   */
  #register<Result>(
    senderId: string,
    contents: readonly unknown[],
    expected: number | undefined,
    store: (checked: readonly Registration[], condition: Required<WriteCondition>) => Promise<Result>,
  ): Promise<Result> {
    const lookAndWrite = async (): Promise<Result> => {
      await this.#followed.catchUp();
      const checked = await this.#allowed(senderId, contents);
      const { position } = this.#followed;
      // What lies between here and there was not looked at.
      if (expected !== undefined && expected > position) checkLast(this.id, position, expected);
      const result = await store(checked, { ifLast: expected ?? position });
      await this.#followed.catchUp();
      return result;
    };
    return this.#registrations.run(() => (expected === undefined ? undisturbed(this.options.clock, lookAndWrite) : lookAndWrite()));
  }

  async #allowed(senderId: string, contents: readonly unknown[]): Promise<readonly Registration[]> {
    try {
      return contents.map((content) => this.#checked(senderId, content));
    } catch (error) {
      if (!isSSSNError(error, "insufficient_role")) throw error;
      // Whoever is in the way may have been removed at another host.
      await this.#followed.verify();
      return contents.map((content) => this.#checked(senderId, content));
    }
  }

  /** @throws SSSNError what is wrong with a registration, and `insufficient_role` when somebody else has registered the id. */
  #checked(senderId: string, content: unknown): Registration {
    const registration = checkRegistration(content);
    const type = registration.type === "withdrawn" ? registration.of : registration.type;
    const owner = this.#followed.index.registrantOf(type, registration.id, this.log.now());
    if (owner === undefined || owner === senderId) return registration;
    throw new SSSNError(
      "insufficient_role",
      `The ${type} ${registration.id} is registered by somebody else until its registration ends; only its registrant may change it.`,
      { details: { id: registration.id } },
    );
  }

  // ---------------------------------------------------------------- the index

  protected override async onStart(): Promise<void> {
    await this.#followed.catchUp();
  }

  /** Follows what other hosts write and remove, where there can be any. */
  protected override startWork(): void {
    super.startWork();
    const { shared, wakeUpWithinMs } = this.options.store.capabilities;
    if (!shared) return;
    const failed = (error: unknown): void => this.report("maintain", error);
    this.#stopFollowing = this.#followed.follow(this.options.clock, Math.max(wakeUpWithinMs, LOOK_MS), failed);
  }

  protected override async stopWork(): Promise<void> {
    await this.#stopFollowing?.();
    await super.stopWork();
  }

  /** Removes what has expired or was replaced; then the retention policy. */
  protected override async onMaintain(): Promise<void> {
    await this.#followed.tidy();
    await super.onMaintain();
    await this.#followed.verify();
  }

  override async remove(adminId: string, ids: readonly string[]): Promise<number> {
    await this.authorize(adminId, "remove");
    // What it has replaced would come back in its place.
    const replaced = await this.#followed.tidy(new Set(ids));
    return replaced + (await this.#removing(() => super.remove(adminId, ids)));
  }

  override async clear(adminId: string, filter?: ClearFilter<Registration>): Promise<number> {
    return this.#removing(() => super.clear(adminId, filter));
  }

  override async evict(adminId: string, policy?: RetentionPolicy): Promise<number> {
    return this.#removing(() => super.evict(adminId, policy));
  }

  async #removing(remove: () => Promise<number>): Promise<number> {
    const removed = await remove();
    await this.#followed.readAnew();
    return removed;
  }
}
