import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    main: "src/main.ts",
    "reopen-child": "src/workloads/reopen-child.ts",
    http: "src/http/main.ts",
    "http-server": "src/http/server.ts",
  },
  format: ["esm"],
  target: "node20",
  clean: true,
  sourcemap: true,
});
