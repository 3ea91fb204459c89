// How mutants are judged: sources instead of builds, so that a mutant is what runs, and the tests that are about them.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(`packages/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@sssn\/core$/, replacement: source("core/src/index.ts") },
      { find: /^@sssn\/core\/log-state$/, replacement: source("core/src/log-state/index.ts") },
      { find: /^@sssn\/core\/testing$/, replacement: source("core/src/testing.ts") },
      { find: /^@sssn\/store-conformance$/, replacement: source("store-conformance/src/index.ts") },
    ],
  },
  test: {
    include: [
      "packages/core/test/{log-state,log-clock,dead-letters,worker,channels}.test.ts",
      "packages/store-conformance/test/memory-store.test.ts",
      "packages/security-jwt/test/*.test.ts",
      "packages/store-level/test/{conformance,level-store}.test.ts",
    ],
    // It takes seconds a mutant, and what it is about others see as well.
    testNamePattern: /^(?!.*keeps a million settled)/,
    env: { SSSN_MODEL_RUNS: "10" },
    testTimeout: 20_000,
    maxWorkers: 1,
  },
});
