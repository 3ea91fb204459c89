// pnpm bench: brings the peers, which nothing else needs, builds, and measures.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { build, install, pnpm, requireNode, root, step } from "./steps.mjs";

requireNode();
install();
build();
step("Installing the peers to compare with (once; SQLite is compiled)", [...pnpm, "install", "--dir", join(root, "bench", "peers"), "--frozen-lockfile", "--reporter=append-only"]);
process.exit(spawnSync(process.execPath, [join(root, "bench", "dist", "main.js"), ...process.argv.slice(2)], { stdio: "inherit" }).status ?? 1);
