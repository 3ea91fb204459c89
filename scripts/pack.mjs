// The packages as they would be published, for the checks that use them as a stranger would.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pnpm } from "./steps.mjs";
import { workspacePackages } from "./workspace.mjs";

/**
 * Packs every published package into a folder.
 *
 * @param {string} place
 * @returns {Map<string, string>} the tarball of each package, by the package's name.
 */
export function packAll(place) {
  const published = workspacePackages().filter(({ group }) => group === "packages");
  for (const { folder } of published) {
    const [program, ...args] = [...pnpm, "pack", "--pack-destination", place];
    execFileSync(program, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  }
  const files = readdirSync(place);
  return new Map(
    published.map(({ manifest: { name, version } }) => {
      const prefix = name.replace("@", "").replace("/", "-");
      return [
        name,
        join(
          place,
          files.find((file) => file === `${prefix}-${version}.tgz`),
        ),
      ];
    }),
  );
}
