import type { Cancel, Clock } from "../../clock.js";
import type { Audience, ChannelLog, LogPage } from "../../ports/message-store.js";

/** How long a page is good for whoever comes to the same place. */
const FRESH_MS = 100;

interface Entry {
  readonly version: number;
  readonly until: number;
  readonly page: Promise<LogPage>;
}

/**
 * Followers of a log mostly stand at the same place: what one of them reads is handed to the others that come there within a moment.
 * A hundred subscribers then cost one read, and hold one copy. Nothing is kept longer than that moment.
 */
export class SharedPages {
  readonly #clock: Clock;
  readonly #pages = new Map<string, Entry>();
  #sweep: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param version what the log's change signal said before: a page read at an earlier version may lack what has come since. */
  read(
    log: ChannelLog,
    request: { readonly after: number; readonly limit: number; readonly audience: Audience; readonly maxBytes: number },
    version: number,
  ): Promise<LogPage> {
    const key = `${request.after} ${request.audience ?? ""}`;
    const found = this.#pages.get(key);
    if (found && found.version === version && found.until > this.#clock.monotonic()) return found.page;
    const page = log.read(request);
    this.#pages.set(key, { version, until: this.#clock.monotonic() + FRESH_MS, page });
    this.#sweep ??= this.#clock.schedule(() => this.#forgetOld(), FRESH_MS, { background: true });
    page.catch(() => this.#pages.delete(key));
    return page;
  }

  /** Messages were removed: what was read before is not to be handed out any more. */
  forget(): void {
    this.#pages.clear();
    this.#sweep?.();
    this.#sweep = undefined;
  }

  #forgetOld(): void {
    const now = this.#clock.monotonic();
    for (const [key, { until }] of this.#pages) if (until <= now) this.#pages.delete(key);
    this.#sweep = this.#pages.size === 0 ? undefined : this.#clock.schedule(() => this.#forgetOld(), FRESH_MS, { background: true });
  }
}
