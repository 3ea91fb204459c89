import { BaseSystem, type Subscription } from "sssn";
import type { Reading } from "../machine/reading.js";

/** Carries samples over to the published readings, each exactly once however often it is restarted: the sample's id goes along. */
export class RelaySystem extends BaseSystem {
  #following: Subscription | undefined;

  override async step(): Promise<void> {
    if (this.#following) return;
    this.#following = await this.client.subscribe<Reading>("samples", ({ id, content }) => this.client.write("readings", content, { id }), {
      cursor: "relay",
      from: "start",
    });
    void this.#following.closed.then(() => (this.#following = undefined));
  }
}
