import { defineConfig } from "tsup";

const programs = ["crash", "load", "injuries", "fill", "soak", "power-loss", "disk-faults", "clocks", "crash-points", "scenario"];

// Flat, because programs start each other as files beside their own.
const entry = { ...Object.fromEntries(programs.map((name) => [name, `src/${name}.ts`])), "stream-cuts": "src/http/stream-cuts.ts", "http-attacks": "src/http/attacks.ts", "http-host": "src/http/host.ts" };

export default defineConfig({ entry, format: ["esm"], target: "node20", clean: true, sourcemap: true });
