import type { ServerResponse } from "node:http";

/** Aborts when the client hangs up. */
export function whenGone(response: ServerResponse): { readonly signal: AbortSignal; forget(): void } {
  const gone = new AbortController();
  const abort = (): void => gone.abort();
  response.once("close", abort);
  return { signal: gone.signal, forget: () => response.off("close", abort) };
}
