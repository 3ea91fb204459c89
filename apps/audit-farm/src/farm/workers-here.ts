import type { RunningSystem } from "sssn";
import type { AuditPlace } from "../audit/audit-package.js";
import type { AuditChannels } from "../channels.js";
import { AuditWorker } from "./audit-worker.js";
import type { Workers } from "./workers.js";

/** Workers in the coordinator's own process. */
export class WorkersHere implements Workers {
  readonly failed = new Promise<never>(() => {});
  readonly #workers: readonly AuditWorker[];
  readonly #running: RunningSystem[] = [];

  constructor({ packages, findings }: AuditChannels, run: string, place: AuditPlace, count: number) {
    this.#workers = Array.from({ length: count }, (_, index) => {
      const worker = new AuditWorker({ id: `worker-${index + 1}`, run, place });
      for (const channel of [packages, findings]) worker.client.connect(channel);
      return worker;
    });
  }

  async start(): Promise<void> {
    for (const worker of this.#workers) this.#running.push(await worker.launch());
  }

  async close(): Promise<void> {
    await Promise.all(this.#running.map((running) => running.close()));
  }
}
