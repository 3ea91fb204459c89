// pnpm check: everything that can be judged without running the product.
import { install, build, pnpm, requireNode, step } from "./steps.mjs";

requireNode();
install();
build();
step("Checking types", [...pnpm, "exec", "turbo", "run", "check:types", "--output-logs=errors-only"]);
step("Checking types of tests", [...pnpm, "exec", "tsc", "-p", "tsconfig.tests.json"]);
step("Checking the format of code (mend it with npm run format)", [...pnpm, "run", "check:format"]);
step("Checking style and common mistakes", [...pnpm, "run", "check:lint"]);
step("Checking that dependencies run downwards", ["node", "scripts/check-layers.mjs"]);
step("Checking that the browser entries need no Node", ["node", "scripts/check-browser.mjs"]);
step("Checking that the page of errors is up to date", ["node", "scripts/errors-page.mjs", "--check"]);
step("Checking that the page of authorizations is up to date", ["node", "scripts/authorization-page.mjs", "--check"]);
step("Checking that the reports of what is exported are up to date", ["node", "scripts/api-reports.mjs", "--check"]);
step("Checking that the page of options is up to date", ["node", "scripts/options-page.mjs", "--check"]);
step("Linting the OpenAPI description", ["node", "scripts/check-openapi.mjs"]);
step("Checking for unused files, exports and dependencies", [...pnpm, "run", "check:unused"]);
step("Checking the packages as they would be published", ["node", "scripts/check-packages.mjs"]);
step("Compiling strangers' programs against the packed packages", ["node", "scripts/check-consumers.mjs"]);
step("Installing the packed packages elsewhere and using them", ["node", "scripts/check-packed-install.mjs"]);
// Short forms; the long ones, with how often they ran, stand in docs/reliability.md. What can't be tried on a machine is said aloud.
const loud = { quiet: false };
step("Killing the LevelDB store under load, and judging what is left", ["node", "reliability/dist/crash.js", "--rounds", "10"]);
step("Hurting four hosts on one PostgreSQL schema, and their server", ["node", "reliability/dist/hosts.js", "--faults", "12"], loud);
step("Killing it at every system call of a scenario", ["node", "reliability/dist/crash-points.js"], loud);
step("Cutting the power, and judging what is left", ["node", "reliability/dist/power-loss.js", "--rounds", "5"], loud);
step(
  "Cutting the power without flushes, which has to show",
  ["node", "reliability/dist/power-loss.js", "--rounds", "15", "--durability", "process"],
  loud,
);
step("Injuring its files", ["node", "reliability/dist/injuries.js", "--rounds", "200"]);
step("Making its disk fail and recover", ["node", "reliability/dist/disk-faults.js", "--rounds", "7"], loud);
step("Stepping its clock, stopping and blocking it", ["node", "reliability/dist/clocks.js", "--rounds", "9"], loud);
step("Cutting followed streams at random places", ["node", "reliability/dist/stream-cuts.js", "--rounds", "300"]);
step("Flooding a host", ["node", "reliability/dist/http-attacks.js", "--rounds", "1"]);
step("Leaving everybody idle, then giving each a message", ["node", "reliability/dist/quiet-day.js", "--minutes", "0.6"]);
step("The same, with the host restarted meanwhile", ["node", "reliability/dist/quiet-day.js", "--minutes", "0.4", "--restart"]);
step("Telling a host under load to stop", ["node", "reliability/dist/sigterm.js", "--rounds", "5"]);
step("Comparing how long answers take that must not be told apart", ["node", "reliability/dist/timing.js", "--rounds", "500"]);
step("Running the smallest benchmark, so that the program does not rot", [
  "node",
  "bench/dist/main.js",
  "--filter",
  "reopen",
  "--scale",
  "0.01",
]);
step("Checking that every guarantee has its proof", ["node", "scripts/guarantees.mjs"], { quiet: false });
