import { realpath } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { namesIn, readManifest, textOf, type JsonObject } from "./manifest.js";
import { sortedOnce } from "./order.js";
import { referenceOf } from "./package-task.js";

/** What a package needs, as it is installed. */
export interface InstalledDependencies {
  /** Name and version of each. */
  readonly found: readonly string[];
  /** Names of those that it can't do without and that are not there. */
  readonly missing: readonly string[];
}

/** Looks for everything that a manifest names, from a folder upwards, as Node does. */
export async function installedDependencies(folder: string, manifest: JsonObject, kinds: DependencyKinds): Promise<InstalledDependencies> {
  const needed = new Set(kinds.needed.flatMap((kind) => namesIn(manifest[kind])));
  // An optional dependency stands in `dependencies` as well when some package managers have published it.
  for (const name of namesIn(manifest["optionalDependencies"])) needed.delete(name);
  const names = sortedOnce([...needed, ...kinds.welcome.flatMap((kind) => namesIn(manifest[kind]))]);
  const references = await Promise.all(names.map(async (name) => ({ name, reference: await installed(folder, name) })));
  return {
    found: sortedOnce(references.flatMap(({ reference }) => reference ?? [])),
    missing: references.filter(({ name, reference }) => reference === undefined && needed.has(name)).map(({ name }) => name),
  };
}

/** Which fields of a manifest count. */
export interface DependencyKinds {
  readonly needed: readonly string[];
  readonly welcome: readonly string[];
}

/** Of a package that is installed: what it needs to develop itself is not. */
export const OF_PACKAGES: DependencyKinds = { needed: ["dependencies"], welcome: ["optionalDependencies", "peerDependencies"] };

/** Of the project itself. */
export const OF_PROJECTS: DependencyKinds = { needed: ["dependencies"], welcome: ["devDependencies", ...OF_PACKAGES.welcome] };

async function installed(from: string, name: string): Promise<string | undefined> {
  for (let folder = from; ; folder = dirname(folder)) {
    if (basename(folder) !== "node_modules") {
      const reference = await referenceAt(join(folder, "node_modules", name));
      if (reference !== undefined) return reference;
    }
    if (dirname(folder) === folder) return undefined;
  }
}

async function referenceAt(folder: string): Promise<string | undefined> {
  try {
    const place = await realpath(folder);
    const manifest = await readManifest(place);
    const name = textOf(manifest["name"]);
    // A member of the workspace is no package of the tree.
    if (name === undefined || !place.split(sep).includes("node_modules")) return undefined;
    return referenceOf({ name, version: textOf(manifest["version"]) ?? null });
  } catch {
    return undefined;
  }
}
