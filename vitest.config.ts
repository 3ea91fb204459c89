import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts", "reliability/test/**/*.test.ts", "scripts/test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    globalSetup: "./scripts/postgres-server.mjs",
    reporters: process.env["SSSN_TEST_REPORT"] ? ["default", ["json", { outputFile: process.env["SSSN_TEST_REPORT"] }]] : ["default"],
  },
});
