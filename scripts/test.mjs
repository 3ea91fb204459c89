// npm test: installs, builds, and runs every test.
import { build, install, pnpm, requireNode, step } from "./steps.mjs";

requireNode();
install();
build();
step("Running all tests", [...pnpm, "exec", "vitest", "run", ...process.argv.slice(2)], {
  quiet: false,
  failure: "Some tests failed; the list stands above.",
});
