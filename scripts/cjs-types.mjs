// Declares each package's types a second time for whoever compiles to CommonJS. Every supported Node loads these ES modules with
// require(), but TypeScript decides by a declaration's ending: without a .d.cts it refuses the import (TS1479). Run in a package's
// folder after its build.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(process.cwd(), "dist");
for (const name of readdirSync(folder)) {
  if (!name.endsWith(".d.ts")) continue;
  const text = readFileSync(join(folder, name), "utf8");
  const declared = text.replaceAll(/((?:from|import)\s*\(?\s*["']\.{1,2}\/[^"']+)\.js(["'])/g, "$1.cjs$2");
  writeFileSync(join(folder, name.replace(/\.d\.ts$/, ".d.cts")), declared);
}
