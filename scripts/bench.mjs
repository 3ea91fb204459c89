// pnpm bench, pnpm bench:http: brings the peers, which nothing else needs, builds, and measures.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { build, install, pnpm, requireNode, root, step } from "./steps.mjs";

requireNode();
install();
build();
step("Installing the peers to compare with (once; SQLite is compiled)", [
  ...pnpm,
  "install",
  "--dir",
  join(root, "bench", "peers"),
  "--frozen-lockfile",
  "--reporter=append-only",
]);
const [program, args] = process.argv[2] === "--http" ? ["http.js", process.argv.slice(3)] : ["main.js", process.argv.slice(2)];
process.exit(spawnSync(process.execPath, [join(root, "bench", "dist", program), ...args], { stdio: "inherit" }).status ?? 1);
