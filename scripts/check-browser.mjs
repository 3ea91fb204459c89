// Bundles every entry that claims to run in a browser, and fails on the first Node module, naming who wants it.
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "./steps.mjs";

const entries = [
  "packages/core/dist/index.js",
  "packages/transport-http/dist/client.js",
  "packages/security-jwt/dist/index.js",
  "packages/discovery/dist/index.js",
  "packages/schedule/dist/index.js",
];
for (const entry of entries) {
  try {
    const { outputFiles } = await build({
      entryPoints: [join(root, entry)],
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      write: false,
      logLevel: "silent",
    });
    const size = gzipSync(outputFiles[0].contents).length;
    console.log(`${entry}: ${(size / 1024).toFixed(1)} kB compressed`);
  } catch (error) {
    console.error(`${entry} does not bundle for a browser: ${error.message}`);
    process.exit(1);
  }
}
