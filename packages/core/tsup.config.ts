import { defineConfig } from "tsup";

export default defineConfig({
  entry: { index: "src/index.ts", "log-state": "src/log-state/index.ts", testing: "src/testing.ts" },
  format: ["esm"],
  target: "node20",
  platform: "neutral",
  dts: true,
  clean: true,
  sourcemap: true,
});
