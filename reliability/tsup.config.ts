import { defineConfig } from "tsup";

export default defineConfig({ entry: ["src/crash.ts", "src/load.ts", "src/injuries.ts", "src/fill.ts"], format: ["esm"], target: "node20", clean: true, sourcemap: true });
