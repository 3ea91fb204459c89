import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { JWTChannelSecurity, type MessageStore } from "sssn";
import { openStore } from "@sssn/open-store";
import { auditChannels, type AuditChannels } from "./channels.js";
import { Collector } from "./collector.js";
import { Coordinator } from "./coordinator.js";
import { Killer } from "./farm/killer.js";
import { openFarm } from "./farm/open-farm.js";
import { SoleRight } from "./farm/sole-right.js";
import { buildReport, type AuditReport } from "./report/report.js";
import { writeReports } from "./report/write-reports.js";
import type { Settings } from "./settings.js";
import type { ProgressDisplay } from "./terminal.js";
import { discoverTree, type Tree } from "./tree/discover.js";

/** What has come of an audit. */
export interface AuditOutcome {
  readonly report: AuditReport;
  /** Where the reports lie. */
  readonly paths: readonly string[];
  /** How many workers were killed on purpose. */
  readonly kills: number;
}

const SECRET_BYTES = 32;
const ACTIVITY_SHOWN_EVERY_MS = 300;

/**
 * Audits a tree and writes the reports. What was found out before it is interrupted stays in the store, where that is durable, and the same audit goes on from there.
 *
 * @throws Error with a plain sentence where it can't be done. @throws the signal's reason.
 */
export async function runAudit(settings: Settings, display: ProgressDisplay, signal: AbortSignal): Promise<AuditOutcome> {
  const tree = await discoverTree(settings.tree);
  signal.throwIfAborted();
  display.note(`${tree.tasks.length} packages are installed in ${tree.root}.`);
  const outcome = await withStore(settings, tree, display, signal);
  if (settings.queueFolder !== undefined) await rm(settings.queueFolder, { recursive: true, force: true });
  return outcome;
}

async function withStore(settings: Settings, tree: Tree, display: ProgressDisplay, signal: AbortSignal): Promise<AuditOutcome> {
  await using store = await openStore(settings.store);
  if (settings.topology === "database") refuseStoreOfOneProcess(store, settings.store);
  await using right = await SoleRight.take(store, `audit.${tree.digest}`, signal);
  const audit = new Audit(settings, tree, store, display);
  const { kills, ...parts } = await audit.run(signal, right.lost);
  const report = buildReport({ tree, ...parts, nodeVersion: process.versions.node, generatedAt: new Date() });
  const paths = await writeReports(report, settings.out);
  await audit.forget();
  return { report, paths, kills };
}

/** The address itself may hold a password. */
function refuseStoreOfOneProcess({ capabilities }: MessageStore, address: string): void {
  // A memory store is shared by the hosts of one process: what several processes share outlives each of them.
  if (capabilities.shared && capabilities.durable) return;
  const kind = address.split(":")[0] ?? "";
  throw new Error(
    `--topology database needs a store that several processes open at once, which a ${kind}: store is not. Name another one with --store, or use --topology published, whose workers reach the coordinator's store over HTTP.`,
  );
}

/** One audit in a store that is open. */
class Audit {
  readonly #settings: Settings;
  readonly #tree: Tree;
  readonly #store: MessageStore;
  readonly #display: ProgressDisplay;
  readonly #collector: Collector;
  readonly #security = new JWTChannelSecurity({ secret: randomBytes(SECRET_BYTES), issuer: "audit-farm" });
  readonly #channels: AuditChannels;
  #killer: Killer | undefined;

  constructor(settings: Settings, tree: Tree, store: MessageStore, display: ProgressDisplay) {
    this.#settings = settings;
    this.#tree = tree;
    this.#store = store;
    this.#display = display;
    this.#channels = auditChannels(tree.digest, store, this.#security);
    this.#collector = new Collector(tree.tasks, settings.killWorkers, (finished) => {
      display.advance(finished);
      this.#killer?.finished();
    });
  }

  async run(signal: AbortSignal, failed: Promise<never>): Promise<Pick<Collector, "audits" | "failures"> & { readonly kills: number }> {
    const [collector, display, channels] = [this.#collector, this.#display, this.#channels];
    const { digest: run, root, tasks } = this.#tree;
    const coordinator = new Coordinator({
      ...{ id: "coordinator", run, channels },
      onFinding: (audit) => collector.found(audit),
      onFailure: (failure) => collector.failed(failure),
    });
    display.begin(tasks.length);
    const place = { root, nodeVersion: process.versions.node };
    const farm = await openFarm({ settings: this.#settings, run, place, coordinator, channels, security: this.#security });
    const { running, workers, processes } = farm;
    const activity = display.isMoving ? setInterval(() => void this.#showActivity(coordinator), ACTIVITY_SHOWN_EVERY_MS) : undefined;
    const interrupted = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    interrupted.catch(() => {});
    try {
      signal.throwIfAborted();
      await coordinator.enqueue(tasks);
      if (processes && this.#settings.killWorkers) this.#killer = new Killer(processes, this.#settings.workers, tasks.length, Math.random);
      await workers.start();
      await Promise.race([collector.complete, workers.failed, failed, interrupted]);
    } finally {
      clearInterval(activity);
      this.#killer = undefined;
      await workers.close();
      await running.close();
      display.end();
    }
    return { audits: collector.audits, failures: collector.failures, kills: processes?.kills ?? 0 };
  }

  /** The reports hold everything: the store need not. */
  async forget(): Promise<void> {
    const { failures, findings, packages } = this.#channels;
    for (const { id } of [packages, findings, failures]) await this.#store.delete(id);
  }

  async #showActivity(coordinator: Coordinator): Promise<void> {
    // It is for the eye alone, and the channels may just be closing.
    const [longest] = await coordinator.underWay().catch(() => []);
    if (longest) this.#display.show(`${longest.id.split("~")[0] ?? ""} (${longest.step}, ${longest.worker})`);
  }
}
