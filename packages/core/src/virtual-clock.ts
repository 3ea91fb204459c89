import type { Cancel, Clock } from "./clock.js";

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock for tests and simulations: time stands still until {@link VirtualClock.advance} moves it.
 *
 * @example
 * ```ts
 * import { VirtualClock } from "@sssn/core/testing";
 * const clock = new VirtualClock();
 * let rang = false;
 * clock.schedule(() => { rang = true; }, 60_000);
 * await clock.advance(60_000);
 * if (!rang) throw new Error("a minute has passed");
 * ```
 */
export class VirtualClock implements Clock {
  #wall: number;
  #monotonic = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();

  readonly #settle: () => Promise<void>;

  /**
   * @param startMs the wall-clock time to begin with, in ms since the Unix epoch. Default: 2026-01-01T00:00:00Z.
   * @param options `io`: whether what is tested reaches beyond this process, to disks and sockets, so that each step of time waits some real
   * milliseconds for it. False makes advancing by hours cheap, for systems on memory stores. Default true.
   */
  constructor(startMs: number = Date.UTC(2026, 0, 1), { io = true }: { readonly io?: boolean } = {}) {
    this.#wall = startMs;
    this.#settle = io ? settleIo : settle;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  schedule(callback: () => void, delayMs: number): Cancel {
    const timer: Timer = { due: this.#monotonic + Math.max(0, delayMs), order: this.#order++, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers are waiting: 0 once everything was closed properly. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Steps the wall clock alone, as an operator or NTP does. Monotonic time and timers do not notice. */
  stepWall(deltaMs: number): void {
    this.#wall += deltaMs;
  }

  /** Moves time forward, firing due timers in order and letting the work that each one starts run before the next. */
  async advance(durationMs: number): Promise<void> {
    const end = this.#monotonic + durationMs;
    await this.#settle();
    for (let next = this.#nextDue(end); next; next = this.#nextDue(end)) {
      this.#timers.delete(next);
      this.#moveTo(Math.max(next.due, this.#monotonic));
      next.callback();
      await this.#settle();
    }
    this.#moveTo(end);
    await this.#settle();
  }

  #moveTo(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }

  #nextDue(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.due > end) continue;
      if (!first || timer.due < first.due || (timer.due === first.due && timer.order < first.order)) first = timer;
    }
    return first;
  }
}

const TURNS = 10;

/** Lets everything that is already runnable run: promise callbacks, the platform's queued tasks, and what I/O has brought by then. */
async function settleIo(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** The same without waiting for anything from outside. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await nextTurn();
}

/** One turn of the event loop, without the millisecond that a timer costs. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { setImmediate: immediate } = globalThis as { setImmediate?: (callback: () => void) => unknown };
    if (immediate) immediate(resolve);
    else setTimeout(resolve, 0);
  });
}
