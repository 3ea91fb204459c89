import type { ServerResponse } from "node:http";

/** Aborts when the client hangs up, or has hung up already. */
export function whenGone(response: ServerResponse): { readonly signal: AbortSignal; forget(): void } {
  const gone = new AbortController();
  const abort = (): void => gone.abort();
  response.once("close", abort);
  // That may have been told of while it was decided whether the client may.
  if (response.destroyed) abort();
  return { signal: gone.signal, forget: () => response.off("close", abort) };
}
