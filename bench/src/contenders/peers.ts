import { createRequire } from "node:module";

/** The peers' packages live in a folder of their own, so that only this program needs them. */
const fromPeers = createRequire(new URL("../peers/package.json", import.meta.url));

/** Loads a peer's package. The parts of it that are used here are declared where they are used. */
export function loadPeer<Module>(name: string): Module {
  return fromPeers(name) as Module;
}
