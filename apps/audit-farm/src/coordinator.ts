import { BaseSystem, type ChannelMessage, type SystemOptions } from "sssn";
import type { PackageAudit } from "./audit/audit-package.js";
import { auditContracts, type AuditChannels, type AuditContracts } from "./channels.js";
import { objectOf, textOf } from "./tree/manifest.js";
import type { PackageTask } from "./tree/package-task.js";

/** A package that nobody could audit. */
export interface Failure {
  readonly task: PackageTask;
  readonly reason: string;
}

/** What a {@link Coordinator} is told. */
export interface CoordinatorOptions extends SystemOptions {
  readonly run: string;
  readonly channels: AuditChannels;
  readonly onFinding: (audit: PackageAudit) => void;
  /** Called when a package has become a dead letter. `true`: try it again. */
  readonly onFailure: (failure: Failure) => boolean;
}

/** What runs something at install time is looked at first: it is what a person waits for. */
const URGENT = 9;
const ORDINARY = 4;
/** So many messages are written at once. */
const PAGE = 500;

/** Owns the channels of an audit, fills its queue, and hears what comes of it. */
export class Coordinator extends BaseSystem {
  readonly #channels: AuditChannels;
  readonly #contracts: AuditContracts;
  readonly #onFinding: CoordinatorOptions["onFinding"];
  readonly #onFailure: CoordinatorOptions["onFailure"];

  constructor({ run, channels, onFinding, onFailure, ...options }: CoordinatorOptions) {
    super(options);
    this.#channels = channels;
    this.#contracts = auditContracts(run);
    this.#onFinding = onFinding;
    this.#onFailure = onFailure;
  }

  override setup(): void {
    const { failures, findings, packages } = this.#channels;
    for (const channel of [failures, findings, packages]) this.addChannel(channel);
  }

  /** From the start: where an audit goes on that was interrupted, much is there already. */
  override async onStart(): Promise<void> {
    const { findings, failures } = this.#contracts;
    await this.client.subscribe(findings, ({ content }) => this.#onFinding(content), { from: "start" });
    await this.client.subscribe(failures, (message) => this.#failed(message), { from: "start" });
  }

  /** Puts packages into the queue. What is in it already, by its id, stays as it is. */
  async enqueue(tasks: readonly PackageTask[]): Promise<void> {
    for (let start = 0; start < tasks.length; start += PAGE)
      await this.client.writeBatch(
        this.#contracts.packages,
        tasks.slice(start, start + PAGE).map((content) => ({
          content,
          id: content.id,
          priority: content.runsAtInstall ? URGENT : ORDINARY,
        })),
      );
  }

  /** What is being worked on now, the longest first. */
  async underWay(): Promise<readonly { readonly id: string; readonly step: string; readonly worker: string }[]> {
    const { jobs } = await this.#channels.packages.jobs(this.id, { state: "claimed" });
    return jobs
      .filter(({ progress }) => progress !== undefined)
      .sort((left, right) => (right.sinceMs ?? 0) - (left.sinceMs ?? 0))
      .map(({ id, progress, readerId }) => ({ id, step: textOf(objectOf(progress)?.["step"]) ?? "", worker: readerId ?? "" }));
  }

  async #failed({ content, metadata }: ChannelMessage<PackageTask>): Promise<void> {
    const { packages } = this.#channels;
    // A letter of an earlier run may have been requeued since: only what is dead now has failed.
    const job = await packages.job(this.id, content.id);
    if (job?.state !== "dead") return;
    const reason = textOf(objectOf(metadata["deadLetter"])?.["reason"]) ?? "nobody said why";
    if (this.#onFailure({ task: content, reason })) await packages.requeue(this.id, { ids: [content.id] });
  }
}
