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
    for (const source of given) source.removeEventListener("abort", abort);
  };
  const abort = (): void => {
    release();
    linked.abort(given.find(({ aborted }) => aborted)?.reason);
  };
  for (const source of given) source.addEventListener("abort", abort, { once: true });
  if (given.some(({ aborted }) => aborted)) abort();
  return { signal: linked.signal, release };
}
