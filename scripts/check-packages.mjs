// Looks at every package as it would be published: manifest, entry points, types.
import { spawnSync } from "node:child_process";
import { pnpm, root } from "./steps.mjs";
import { workspacePackages } from "./workspace.mjs";

for (const { folder, group, manifest } of workspacePackages()) {
  if (group !== "packages") continue;
  for (const [tool, ...args] of [
    ["publint", "--strict", folder],
    ["attw", "--pack", folder, "--profile", "esm-only"],
  ]) {
    const [program, ...rest] = [...pnpm, "exec", tool, ...args];
    const { status, stdout, stderr } = spawnSync(program, rest, { cwd: root, encoding: "utf8" });
    if (status === 0) continue;
    console.error(`${manifest.name}: ${tool} found something\n${stdout}${stderr}`);
    process.exit(1);
  }
  console.log(`${manifest.name} is fit to publish.`);
}
