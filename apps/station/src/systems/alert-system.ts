import { BaseSystem, isSSSNError, type ChannelMessage, type Subscription, type SystemOptions } from "sssn";
import type { Incident, Rule } from "../incidents.js";
import type { Reading } from "../machine/reading.js";

/** One incident per rule and minute, however long a rule stays broken. */
const QUIET_MS = 60_000;

/** Follows the readings and writes an incident for each rule that one breaks. Follows by cursor: after a restart it goes on. */
export class AlertSystem extends BaseSystem {
  readonly #rules: readonly Rule[];
  #following: Subscription | undefined;

  constructor(options: SystemOptions & { readonly rules: readonly Rule[] }) {
    super(options);
    this.#rules = options.rules;
  }

  /** Subscribes with the first step, when the channels run, and again should the subscription ever end. */
  override async step(): Promise<void> {
    if (this.#following) return;
    this.#following = await this.client.subscribe<Reading>("readings", (message) => this.#judge(message), { cursor: "alerts" });
    void this.#following.closed.then(() => (this.#following = undefined));
  }

  async #judge({ sequence, timestamp, content }: ChannelMessage<Reading>): Promise<void> {
    for (const { name, limit, valueOf } of this.#rules) {
      const value = valueOf(content);
      if (value < limit) continue;
      const incident: Incident = { rule: name, value, limit, readingSequence: sequence };
      await this.#report(incident, `${name}-${Math.floor(timestamp / QUIET_MS)}`);
    }
  }

  /** The id makes the second incident of a minute a conflict, which is just what is wanted. */
  async #report(incident: Incident, id: string): Promise<void> {
    try {
      await this.client.write("incidents", incident, { id });
    } catch (error) {
      if (!isSSSNError(error, "message_conflict")) throw error;
    }
  }
}
