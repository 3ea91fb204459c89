import { BaseSystem, type SystemOptions, type WorkerReport } from "sssn";
import { auditPackage, type AuditPlace } from "../audit/audit-package.js";
import { auditContracts } from "../channels.js";

/** What an {@link AuditWorker} is told. */
export interface AuditWorkerOptions extends SystemOptions {
  /** Which audit it takes part in. */
  readonly run: string;
  readonly place: AuditPlace;
}

/** Reading files is mostly waiting: so many packages are looked into at once. */
const AT_ONCE = 4;
/** How long the death of a worker goes unnoticed. */
const LEASE_MS = 3_000;

/**
 * Works packages off. It is the same system in every topology; whoever makes it connects its client to the audit's channels: those of its own process, of a host
 * that it reaches over HTTP, or of a store that it has opened itself.
 */
export class AuditWorker extends BaseSystem {
  readonly #options: AuditWorkerOptions;
  #tellEnd: (report: WorkerReport) => void = () => {};
  /** Resolves when it works no more, with what has ended it. */
  readonly ended = new Promise<WorkerReport>((resolve) => (this.#tellEnd = resolve));

  constructor(options: AuditWorkerOptions) {
    const { run: _run, place: _place, ...rest } = options;
    super(rest);
    this.#options = options;
  }

  override onStart(): void {
    const { run, place } = this.#options;
    const { packages, findings } = auditContracts(run);
    const worker = this.client.work(
      packages,
      ({ content }, { signal, progress }) => auditPackage(content, place, { signal, progress: (step) => progress({ step }) }),
      { results: this.client.channel(findings), concurrency: AT_ONCE, leaseMs: LEASE_MS },
    );
    void worker.closed.then(this.#tellEnd);
  }
}
