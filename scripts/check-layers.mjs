// Stops a package from depending on its own layer or a higher one, from reaching into another's files, and core from depending on
// anything at all. Each package says its layer in package.json.
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { builtinModules } from "node:module";
import { root } from "./steps.mjs";
import { filesBelow, workspacePackages } from "./workspace.mjs";

const IMPORT = /(?:import|export)[^"';]*?from\s*"([^"]+)"|import\("([^"]+)"\)|^import\s+"([^"]+)"/gm;
const packages = workspacePackages();
const byName = new Map(packages.map((entry) => [entry.manifest.name, entry]));
const problems = [];

for (const { folder, manifest } of packages) {
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies };
  if (manifest.name === "@sssn/core" && Object.keys(declared).length > 0)
    problems.push(
      `core has dependencies (${Object.keys(declared).join(", ")}): it has none, so that it runs anywhere. Move what needs them to a package of its own.`,
    );
  for (const file of filesBelow(`${folder}/src`, [".ts"])) {
    const where = relative(root, file);
    const text = readFileSync(file, "utf8");
    const code = text.replace(/\/\*\*[\s\S]*?\*\//g, "");
    if (manifest.name === "sssn" && /\b(class|function|const|let)\s/.test(code))
      problems.push(`${where} defines something: the umbrella only re-exports. Put it into the package that it belongs to.`);
    for (const [, from, dynamic, bare] of code.matchAll(IMPORT)) {
      const target = from ?? dynamic ?? bare;
      if (target.startsWith(".")) {
        if (relative(folder, new URL(target, `file://${file}`).pathname).startsWith(".."))
          problems.push(`${where} reaches into another package with ${target}: import what that package exports.`);
        continue;
      }
      const name = target.startsWith("@") ? target.split("/").slice(0, 2).join("/") : target.split("/")[0];
      const other = byName.get(name);
      const builtin = target.startsWith("node:") || builtinModules.includes(name);
      if (manifest.name === "@sssn/core" && !target.startsWith("@sssn/core"))
        problems.push(
          `${where} imports ${target}: core imports nothing outside itself. Define a port in core and implement it in another package.`,
        );
      else if (other && other.manifest.layer >= manifest.layer)
        problems.push(
          `${where} (layer ${manifest.layer}) imports ${name} (layer ${other.manifest.layer}): imports run downwards only. Move the shared part down.`,
        );
      else if (!builtin && name !== manifest.name && !(name in declared))
        problems.push(`${where} imports ${name}, which package.json does not declare: add it to its dependencies.`);
    }
  }
}

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`${packages.length} packages, every import runs downwards.`);
