import { satisfies, validRange } from "semver";
import { objectOf, textOf, type JsonObject } from "../tree/manifest.js";

/** Whether a package is made for this Node. */
export interface EnginesFinding {
  /** The versions of Node that it says it runs on. */
  readonly node: string | null;
  readonly verdict: "fits" | "does-not-fit" | "not-said" | "no-range";
}

/** Compares what a manifest says of Node with the Node that is here. */
export function judgeEngines(manifest: JsonObject, nodeVersion: string): EnginesFinding {
  const node = textOf(objectOf(manifest["engines"])?.["node"]);
  if (node === undefined) return { node: null, verdict: "not-said" };
  if (validRange(node) === null) return { node, verdict: "no-range" };
  return { node, verdict: satisfies(nodeVersion, node, { includePrerelease: true }) ? "fits" : "does-not-fit" };
}
