import type { Clock } from "../clock.js";
import { EventSource } from "../events.js";
import type { Topology, TopologyParts, TopologyRevision, TopologySource } from "./topology.js";

/**
 * Counts the changes of a topology. It is compared with what it was, so that a revision is a difference that can be seen: what is changed and changed back in
 * one step is none, and a change that nobody has reported counts as soon as somebody looks.
 */
export class TopologyRevisions implements TopologySource {
  readonly events = new EventSource<{ topology: TopologyRevision }>();
  readonly #clock: Clock;
  readonly #parts: () => TopologyParts;
  #text = "";
  #revision: TopologyRevision = { revision: 0, since: 0 };
  #isDue = false;

  /** @param parts looks at it. */
  constructor(clock: Clock, parts: () => TopologyParts) {
    this.#clock = clock;
    this.#parts = parts;
  }

  /** Something may have changed. It is looked at when the synchronous step is over. */
  touch(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    void Promise.resolve()
      .then(() => {
        this.#isDue = false;
        return this.current;
      })
      // Somebody's channel may throw when it is asked where it is reached: that is told to whoever looks.
      .catch(() => undefined);
  }

  get current(): Topology {
    const parts = this.#parts();
    const text = JSON.stringify(parts);
    if (text === this.#text) return { ...this.#revision, ...parts };
    this.#text = text;
    const revision = { revision: this.#revision.revision + 1, since: this.#clock.now() };
    this.#revision = revision;
    this.events.emit("topology", revision);
    return { ...revision, ...parts };
  }
}
