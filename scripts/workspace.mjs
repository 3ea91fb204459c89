// The workspace's packages, for the scripts that look at all of them.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./steps.mjs";

export function workspacePackages() {
  return ["packages", "apps", "reliability"].flatMap((group) =>
    [join(root, group), ...readdirSync(join(root, group)).map((name) => join(root, group, name))]
      .filter((folder) => existsSync(join(folder, "package.json")))
      .map((folder) => ({ folder, group, manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) })),
  );
}

/**
 * Every file below a folder with one of the endings.
 *
 * @param {string} folder
 * @param {readonly string[]} endings
 * @returns {string[]}
 */
export function filesBelow(folder, endings) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" || entry.name === "dist" ? [] : filesBelow(path, endings);
    return endings.some((ending) => entry.name.endsWith(ending)) ? [path] : [];
  });
}
