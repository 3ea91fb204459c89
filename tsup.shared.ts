import { defineConfig, type Options } from "tsup";

/** How every published package is built: ES modules and their types, for any platform. */
export function library(entry: NonNullable<Options["entry"]>): ReturnType<typeof defineConfig> {
  return defineConfig({ entry, format: ["esm"], target: "node20", platform: "neutral", dts: true, clean: true, sourcemap: true });
}
