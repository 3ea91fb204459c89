import type { Metadata } from "./message.js";

/**
 * Names in a message's metadata that say how it travelled, and not what its writer states: `traceparent` and `tracestate` (W3C Trace
 * Context), and `traceContext`, an object for what else a tracer sends along. They are kept with the message, and left out where a write
 * under an id that is there already is compared with what was written before: a retry has a trace of its own.
 */
export const ANNOTATIONS: ReadonlySet<string> = new Set(["traceparent", "tracestate", "traceContext"]);

/** What the writer states: metadata without its annotations. */
export function statementOf(metadata: Metadata): Metadata {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => !ANNOTATIONS.has(name)));
}
