import { defineConfig } from "tsup";

export default defineConfig({
  // Flat, because programs start each other as files beside their own.
  entry: {
    crash: "src/crash.ts",
    load: "src/load.ts",
    injuries: "src/injuries.ts",
    fill: "src/fill.ts",
    soak: "src/soak.ts",
    "power-loss": "src/power-loss.ts",
    "disk-faults": "src/disk-faults.ts",
    clocks: "src/clocks.ts",
    "crash-points": "src/crash-points.ts",
    scenario: "src/scenario.ts",
    "stream-cuts": "src/http/stream-cuts.ts",
    "http-attacks": "src/http/attacks.ts",
    "http-host": "src/http/host.ts",
    "quiet-day": "src/quiet-day/main.ts",
    "quiet-day-host": "src/quiet-day/host.ts",
    hosts: "src/hosts/main.ts",
    "hosts-host": "src/hosts/host.ts",
    "hosts-wall-clock": "src/hosts/wall-clock.ts",
    sigterm: "src/shutdown/main.ts",
    timing: "src/timing/main.ts",
    "sigterm-host": "src/shutdown/host.ts",
  },
  format: ["esm"],
  target: "node20",
  clean: true,
  sourcemap: true,
});
