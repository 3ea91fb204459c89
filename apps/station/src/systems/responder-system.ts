import { BaseSystem, type JobContext, type ChannelMessage, type SystemOptions } from "sssn";
import type { Incident, Report } from "../incidents.js";
import type { Machine } from "../machine/machine.js";
import type { Reading } from "../machine/reading.js";

const READINGS_BEFORE = 10;

/** Claims incidents, gathers facts about the moment, and writes a report and a notice to the operator on duty. */
export class ResponderSystem extends BaseSystem {
  readonly #machine: Machine;
  readonly #operator: string;

  constructor(options: SystemOptions & { readonly machine: Machine; readonly operator: string }) {
    super({ ...options, capabilities: [{ name: "respond", description: "Looks into incidents and reports what it found" }] });
    this.#machine = options.machine;
    this.#operator = options.operator;
  }

  /** The worker ends with this system, and gives back what it can't finish. */
  override onStart(): void {
    this.client.work<Incident>("incidents", (message, context) => this.#respond(message, context), { concurrency: 2, leaseMs: 5_000 });
  }

  async #respond({ id, content }: ChannelMessage<Incident>, { deliveries }: JobContext): Promise<void> {
    const after = Math.max(0, content.readingSequence - READINGS_BEFORE);
    const before = await this.client.read<Reading>("readings", { after, limit: READINGS_BEFORE });
    const report: Report = {
      ...content,
      incidentId: id,
      attempt: deliveries,
      processes: await this.#machine.topProcesses(5),
      cpuBefore: before.messages.map((reading) => reading.content.cpuShare),
    };
    // Ids derived from the incident: doing this twice after a crash reports it once.
    await this.client.write("reports", report, { id: `report-${id}-${deliveries}`, correlationId: id });
    const text = `${content.rule} is at ${Math.round(content.value * 100)} %, above ${Math.round(content.limit * 100)} %`;
    await this.client.write("notices", { text }, { id: `notice-${id}`, recipientId: this.#operator, correlationId: id });
  }
}
