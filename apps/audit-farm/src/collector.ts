import { UNREADABLE, type PackageAudit } from "./audit/audit-package.js";
import type { Failure } from "./coordinator.js";
import type { PackageTask } from "./tree/package-task.js";

/** So often a package that its workers did not survive is tried anew while workers are killed on purpose. */
const MOST_PARDONS = 20;

/** Gathers what becomes of each package, until it is known of all. */
export class Collector {
  readonly #expected: ReadonlySet<string>;
  readonly #audits = new Map<string, PackageAudit>();
  readonly #failures = new Map<string, Failure>();
  readonly #pardons = new Map<string, number>();
  readonly #isKilling: boolean;
  readonly #onProgress: (finished: number) => void;
  #complete: () => void = () => {};
  /** Resolves when every package has been audited or given up. */
  readonly complete: Promise<void>;

  /** @param isKilling whether a worker that dies is no sign against what it worked on. */
  constructor(tasks: readonly PackageTask[], isKilling: boolean, onProgress: (finished: number) => void) {
    this.#expected = new Set(tasks.map(({ id }) => id));
    this.#isKilling = isKilling;
    this.#onProgress = onProgress;
    this.complete = new Promise((resolve) => (this.#complete = resolve));
    if (this.#expected.size === 0) this.#complete();
  }

  /** Each package once, in no order. */
  get audits(): readonly PackageAudit[] {
    return [...this.#audits.values()];
  }

  /** What nobody could audit, in no order. */
  get failures(): readonly Failure[] {
    return [...this.#failures.values()];
  }

  /** A package was audited. A finding counts more than a failure: its worker may have died between storing it and saying so. */
  found(audit: PackageAudit): void {
    if (!this.#expected.has(audit.id) || this.#audits.has(audit.id)) return;
    this.#audits.set(audit.id, audit);
    if (!this.#failures.delete(audit.id)) this.#advance();
  }

  /** A package was given up. @returns whether it is to be tried again, because only what was done to its workers speaks against it. */
  failed(failure: Failure): boolean {
    const { id } = failure.task;
    if (!this.#expected.has(id) || this.#audits.has(id) || this.#failures.has(id)) return false;
    const pardons = this.#pardons.get(id) ?? 0;
    if (this.#isKilling && !failure.reason.startsWith(UNREADABLE) && pardons < MOST_PARDONS) {
      this.#pardons.set(id, pardons + 1);
      return true;
    }
    this.#failures.set(id, failure);
    this.#advance();
    return false;
  }

  #advance(): void {
    const finished = this.#audits.size + this.#failures.size;
    this.#onProgress(finished);
    if (finished === this.#expected.size) this.#complete();
  }
}
