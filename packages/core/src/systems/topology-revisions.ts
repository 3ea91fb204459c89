import type { Clock } from "../clock.js";
import { EventSource } from "../events.js";
import { textsOf, type TopologyPart } from "./topology-parts.js";
import type { Topology, TopologyParts, TopologyRevision, TopologySource } from "./topology.js";

/**
 * Counts the changes of a topology. It is compared with what it was, so that a revision is a difference that can be seen: what is changed and changed back in
 * one step is none, and a change that nobody has reported counts as soon as somebody looks. After a step only what was reported is compared: what a change
 * costs does not grow with the topology. In which order a topology lists its parts is no difference.
 */
export class TopologyRevisions implements TopologySource {
  readonly events = new EventSource<{ topology: TopologyRevision }>();
  readonly #clock: Clock;
  readonly #parts: () => TopologyParts;
  readonly #isOfOpen: boolean;
  readonly #views: TopologyRevisions[] = [];
  readonly #reported = new Map<string, TopologyPart>();
  #texts = new Map<string, string>();
  /** The channels of the last look at the whole, by their ids. */
  #channels = new Set<string>();
  #revision: TopologyRevision = { revision: 0, since: 0 };
  /** Whether more may have changed than what was reported part by part. */
  #isWholeDue = true;
  #isDue = false;

  /**
   * @param parts looks at it.
   * @param isOfOpen whether it tells only of what is public, and what leads there.
   */
  constructor(clock: Clock, parts: () => TopologyParts, isOfOpen = false) {
    this.#clock = clock;
    this.#parts = parts;
    this.#isOfOpen = isOfOpen;
  }

  /** What may be told outside of the same tree, with revisions of its own. */
  openView(parts: () => TopologyParts): TopologyRevisions {
    const view = new TopologyRevisions(this.#clock, parts, true);
    this.#views.push(view);
    return view;
  }

  /** These parts may have changed; without any: whatever it may be. It is looked at when the synchronous step is over. */
  touch(parts?: readonly TopologyPart[]): void {
    if (parts) for (const part of parts) this.#reported.set(part.key, part);
    else this.#isWholeDue = true;
    if (this.#isDue) return;
    this.#isDue = true;
    void Promise.resolve()
      .then(() => {
        this.#isDue = false;
        this.#lookAtReported();
      })
      // Somebody's channel may throw when it is asked where it is reached: that is told to whoever looks.
      .catch(() => undefined);
  }

  get current(): Topology {
    return this.#look();
  }

  #look(): Topology {
    const parts = this.#parts();
    const texts = textsOf(parts);
    this.#channels = new Set(parts.channels.map(({ id }) => id));
    this.#isWholeDue = false;
    this.#reported.clear();
    const isSame = this.#revision.revision > 0 && texts.size === this.#texts.size;
    if (!isSame || ![...texts].every(([key, text]) => this.#texts.get(key) === text)) {
      this.#texts = new Map(texts);
      this.#begin();
    }
    return { ...this.#revision, ...parts };
  }

  #lookAtReported(): void {
    const reported = [...this.#reported.values()];
    this.#reported.clear();
    const changed = reported.map((part) => ({ ...part, before: this.#texts.get(part.key), now: this.#textOf(part) }));
    const differing = changed.filter(({ before, now }) => now !== before);
    if (this.#isOfOpen) this.#isWholeDue ||= differing.some((part) => this.#movesOthers(part));
    if (this.#isWholeDue) {
      this.#look();
      return;
    }
    const told = this.#isOfOpen ? differing.filter(({ before }) => before !== undefined) : differing;
    for (const { key, now } of told) {
      if (now === undefined) this.#texts.delete(key);
      else this.#texts.set(key, now);
    }
    if (told.length > 0) this.#begin(told);
  }

  /** What somebody's channel does not tell is as it was, until somebody looks. */
  #textOf(part: TopologyPart): string | undefined {
    try {
      return part.text();
    } catch {
      return this.#texts.get(part.key);
    }
  }

  /** Of what is public: what comes or goes may show or hide others. What was private and is private moves nothing. */
  #movesOthers({ channel, isOpen, before, now }: TopologyPart & { before: string | undefined; now: string | undefined }): boolean {
    if (before !== undefined) return now === undefined;
    return isOpen === true || (channel !== undefined && this.#channels.has(channel));
  }

  /** @param changed the parts that have changed, where that is known. */
  #begin(changed?: readonly TopologyPart[]): void {
    for (const view of this.#views) view.touch(changed);
    this.#revision = { revision: this.#revision.revision + 1, since: this.#clock.now() };
    this.events.emit("topology", this.#revision);
  }
}
