import {
  BaseSystem,
  BroadcastChannel,
  DiscoveryChannel,
  MailboxChannel,
  PeriodicChannel,
  Visibility,
  WorkQueueChannel,
  type ChannelSecurity,
  type MessageStore,
  type SystemOptions,
} from "sssn";
import { rules, type Incident, type Notice, type Report } from "../incidents.js";
import type { Machine } from "../machine/machine.js";
import type { Reading } from "../machine/reading.js";
import { AlertSystem } from "./alert-system.js";
import { RelaySystem } from "./relay-system.js";
import { ResponderSystem } from "./responder-system.js";

export interface StationOptions extends SystemOptions {
  readonly store: MessageStore;
  readonly security: ChannelSecurity;
  readonly machine: Machine;
  readonly operator: string;
  readonly limits: { readonly cpu: number; readonly memory: number; readonly disk: number };
  /** Whether incidents are worked on here, or left to other processes. */
  readonly respond: boolean;
}

const AN_HOUR_OF_SECONDS = 3_600;

/** Samples this machine, raises incidents, looks into them, and keeps operators informed. */
export class Station extends BaseSystem {
  readonly #options: StationOptions;

  constructor(options: StationOptions) {
    super(options);
    this.#options = options;
  }

  override setup(): void {
    const { store, security, machine, operator, limits, respond } = this.#options;
    const published = { store, security, visibility: Visibility.PUBLIC };
    const bounded = { retention: { maxCount: AN_HOUR_OF_SECONDS }, maintenanceIntervalMs: 10_000 };
    this.use(store);
    this.addChannel(
      new PeriodicChannel<Reading>({
        id: "samples",
        store,
        periodMs: 1_000,
        pull: async () => [await machine.read()],
        description: "Raw samples, one a second",
        ...bounded,
      }),
    );
    this.addChannel(
      new BroadcastChannel<Reading>({ id: "readings", description: "This machine's figures, one a second", ...published, ...bounded }),
    );
    this.addChannel(
      new WorkQueueChannel<Incident>({
        id: "incidents",
        description: "Readings that broke a rule",
        claimTimeoutMs: 5_000,
        maxDeliveries: 5,
        ...published,
        ...bounded,
      }),
    );
    this.addChannel(
      new BroadcastChannel<Report>({ id: "reports", description: "What was found out about incidents", ...published, ...bounded }),
    );
    this.addChannel(new MailboxChannel<Notice>({ id: "notices", description: "Notes to operators", ...published, ...bounded }));
    this.addChannel(
      new DiscoveryChannel({ id: "discovery", description: "Which channels there are, and where", ...published, ttlMs: 30_000 }),
    );
    this.addSubsystem(new RelaySystem({ id: "relay" }), { channels: ["samples", "readings"] });
    this.addSubsystem(new AlertSystem({ id: "alerts", rules: rules(limits) }), { channels: ["readings", "incidents"] });
    if (respond)
      this.addSubsystem(new ResponderSystem({ id: "responder", machine, operator }), {
        channels: ["readings", "incidents", "reports", "notices"],
      });
  }
}
