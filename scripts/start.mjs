// npm start: installs, builds, and runs the monitoring station on this machine's own figures.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { build, install, requireNode, root } from "./steps.mjs";

const app = process.argv[2] === "follow" ? "follow" : "main";
const rest = process.argv.slice(app === "follow" ? 3 : 2);

requireNode();
const program = join(root, "apps/station/dist", `${app}.js`);
if (app === "main" || !existsSync(program)) {
  install();
  build();
}
const child = spawn(process.execPath, [program, ...rest], { cwd: root, stdio: "inherit" });
// The terminal sends Ctrl-C to the child as well: this process only waits for it to finish its drain.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => signal === "SIGTERM" && child.kill("SIGTERM"));
child.on("exit", (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
