// Writes etc/<package>.api.md: all that a package exports, so that a change of it is seen in review; with --check, fails when one is out of date.
import { mkdirSync, readFileSync, writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { publicApi } from "./public-api.mjs";
import { root } from "./steps.mjs";

const printer = ts.createPrinter({ removeComments: true });

/** A declaration without its comments, and without what nobody outside can use. */
function textOf(declaration) {
  const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  const text = printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile());
  return text
    .split("\n")
    .filter((line) => !/^\s*(private |#private)/.test(line))
    .join("\n");
}

const folder = join(root, "etc");
mkdirSync(folder, { recursive: true });
const { entryPoints } = publicApi();
for (const { name, exports } of entryPoints) {
  const path = join(folder, `${name.replace(/^@/, "").replaceAll("/", "-")}.api.md`);
  const declared = exports.flatMap(({ declarations }) => [...new Set(declarations.map(textOf))]);
  const report = `# ${name}\n\nWhat it exports. Made by \`npm run api\`; a change here is a change for users.\n\n\`\`\`ts\n${declared.join("\n\n")}\n\`\`\`\n`;
  if (!process.argv.includes("--check")) writeFileSync(path, report);
  else if (!existsSync(path) || readFileSync(path, "utf8") !== report) {
    console.error(`${path} is out of date: what ${name} exports has changed. If that is meant: npm run api, and a changeset.`);
    process.exitCode = 1;
  }
}
