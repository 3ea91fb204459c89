import { defineConfig } from "tsup";

export default defineConfig({ entry: { main: "src/main.ts", "reopen-child": "src/workloads/reopen-child.ts" }, format: ["esm"], target: "node20", clean: true, sourcemap: true });
