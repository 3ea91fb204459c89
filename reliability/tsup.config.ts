import { defineConfig } from "tsup";

export default defineConfig({ entry: ["src/crash.ts", "src/load.ts", "src/injuries.ts", "src/fill.ts", "src/soak.ts", "src/power-loss.ts", "src/disk-faults.ts", "src/clocks.ts", "src/crash-points.ts", "src/scenario.ts"], format: ["esm"], target: "node20", clean: true, sourcemap: true });
