import { BaseSystem, type Subscription } from "sssn";
import type { Reading } from "../machine/reading.js";

/** Carries samples over to the published readings, each exactly once however often it is restarted: the sample's id goes along. */
export class RelaySystem extends BaseSystem {
  #subscription: Subscription | undefined;

  override async step(): Promise<void> {
    this.#subscription ??= await this.client.subscribe<Reading>("samples", ({ id, content }) => this.client.write("readings", content, { id }), { cursor: "relay", from: "start" });
  }
}
