// What `npm start`, `npm test` and `pnpm check` have in common: the pinned package manager, and steps that say what they do.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** The package manager at its pinned version. npm brings it, so nothing has to be installed first. */
export const pnpm = ["npx", "--yes", manifest.packageManager];

/** Ends with a plain sentence when this Node can't run the project. */
export function requireNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(`This needs Node 20.19 or newer, but runs on ${process.versions.node}. Get it from https://nodejs.org and try again.`);
  process.exit(1);
}

/** Runs a command in the repository; on failure shows what it printed and ends with the sentence. */
export function step(title, command, { failure, quiet = true, env = {} } = {}) {
  const begun = performance.now();
  process.stdout.write(`• ${title} ... ${quiet ? "" : "\n"}`);
  const [program, ...args] = command;
  const result = spawnSync(program, args, {
    cwd: root,
    stdio: quiet ? ["ignore", "pipe", "pipe"] : "inherit",
    encoding: "utf8",
    env: { ...process.env, ...env },
    maxBuffer: 256 * 1024 * 1024,
  });
  if (result.status === 0) {
    console.log(`${quiet ? "" : `• ${title}: `}done (${((performance.now() - begun) / 1000).toFixed(1)} s)`);
    return;
  }
  console.log("failed");
  if (quiet) console.error(`${result.stdout ?? ""}${result.stderr ?? ""}`);
  const missing = result.error?.code === "ENOENT" ? ` (${program} was not found)` : "";
  console.error(`\n${failure ?? `"${command.join(" ")}" failed; what it printed stands above.`}${missing}`);
  process.exit(result.status ?? 1);
}

export function install() {
  step("Installing dependencies", [...pnpm, "install", "--frozen-lockfile", "--reporter=append-only"], {
    failure:
      "The dependencies could not be installed. Is the npm registry reachable from here? A native module is built from source where no ready one fits: that takes python3 and a C++ compiler.",
  });
}

export function build() {
  step("Building all packages and apps", [...pnpm, "exec", "turbo", "run", "build", "--output-logs=errors-only"]);
}
