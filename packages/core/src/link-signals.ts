/** A signal that aborts with the first of several others, until it is let go of. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** The others forget it. Safe to call twice. */
  readonly release: () => void;
}

/**
 * Makes one signal of several; those that are `undefined` do not count.
 *
 * What `AbortSignal.any()` makes leaves a trace in each of its sources for as long as these live (Node 20): with a source that lives as long
 * as a channel, and a signal for each claim, memory grows without end. So it is let go of by hand.
 *
 * @example
 * ```ts
 * import { linkSignals } from "@sssn/core";
 * const [caller, closing] = [new AbortController(), new AbortController()];
 * const linked = linkSignals(caller.signal, closing.signal);
 * closing.abort(new Error("closing"));
 * if (!linked.signal.aborted) throw new Error("it aborts with the first of them");
 * linked.release();
 * ```
 */
export function linkSignals(...sources: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const given = sources.filter((source) => source !== undefined);
  const [only] = given;
  if (only && given.length === 1) return { signal: only, release: () => {} };
  const linked = new AbortController();
  const release = (): void => {
    for (const source of given) leave(source, abort);
  };
  const abort = (): void => {
    release();
    linked.abort(given.find(({ aborted }) => aborted)?.reason);
  };
  for (const source of given) listen(source, abort);
  if (given.some(({ aborted }) => aborted)) abort();
  return { signal: linked.signal, release };
}

interface Source {
  readonly listeners: Set<() => void>;
  readonly tell: () => void;
}

const sources = new WeakMap<AbortSignal, Source>();

/** However many listen, the signal itself has one listener: Node warns of a leak from the eleventh on. */
function listen(signal: AbortSignal, listener: () => void): void {
  const known = sources.get(signal);
  if (known) return void known.listeners.add(listener);
  const listeners = new Set([listener]);
  const tell = (): void => {
    for (const told of [...listeners]) told();
  };
  sources.set(signal, { listeners, tell });
  signal.addEventListener("abort", tell, { once: true });
}

/** With the last one goes the signal's listener. */
function leave(signal: AbortSignal, listener: () => void): void {
  const source = sources.get(signal);
  if (!source?.listeners.delete(listener) || source.listeners.size > 0) return;
  sources.delete(signal);
  signal.removeEventListener("abort", source.tell);
}
