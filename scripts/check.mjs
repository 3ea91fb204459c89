// pnpm check: everything that can be judged without running the product.
import { install, build, pnpm, requireNode, step } from "./steps.mjs";

requireNode();
install();
build();
step("Checking types", [...pnpm, "exec", "turbo", "run", "check:types", "--output-logs=errors-only"]);
step("Checking types of tests", [...pnpm, "exec", "tsc", "-p", "tsconfig.tests.json"]);
step("Checking style and common mistakes", [...pnpm, "run", "check:lint"]);
step("Checking that dependencies run downwards", ["node", "scripts/check-layers.mjs"]);
step("Checking that the browser entries need no Node", ["node", "scripts/check-browser.mjs"]);
step("Checking that the page of errors is up to date", ["node", "scripts/errors-page.mjs", "--check"]);
step("Checking for unused files, exports and dependencies", [...pnpm, "run", "check:unused"]);
step("Checking the packages as they would be published", ["node", "scripts/check-packages.mjs"]);
step("Installing the packed packages elsewhere and using them", ["node", "scripts/check-packed-install.mjs"]);
step("Killing the LevelDB store under load, and judging what is left", [...pnpm, "run", "crash", "--rounds", "10"]);
step("Checking that every guarantee has its proof", ["node", "scripts/guarantees.mjs"], { quiet: false });
