// Writes docs/reference/options.md: every option of every package, from the types; with --check, fails when the page is not what they say.
import { mkdirSync, readFileSync, writeFileSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { publicApi } from "./public-api.mjs";
import { root } from "./steps.mjs";

const { entryPoints, checker } = publicApi();

/** As one line of a table. */
function inCell(text) {
  return text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|").trim();
}

function documentation(symbol) {
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker));
  return inCell(text.replaceAll(/\{@link ([^}|]+?)\}/g, "`$1`"));
}

function typeOf(member) {
  const [declaration] = member.declarations ?? [];
  const text = declaration?.type?.getText() ?? checker.typeToString(checker.getTypeOfSymbol(member));
  return `\`${inCell(text.replaceAll(/\/\*\*.*?\*\//gs, ""))}\``;
}

/** The options that are said here, and those that come from another set. */
function ownMembers(declaration) {
  return declaration.members.flatMap((member) => (member.name ? [checker.getSymbolAtLocation(member.name)] : []));
}

/** `WorkOptions`, or `Omit<WorkOptions, "concurrency">` in words: what is left out counts only where it is not said anew. */
function parentIn(type, own) {
  if (type.expression.getText() !== "Omit") return `\`${type.expression.getText()}\``;
  const [parent, left] = type.typeArguments ?? [];
  const missing = [...left.getText().matchAll(/"(\w+)"/g)].map(([, name]) => name).filter((name) => !own.includes(name));
  const but = missing.length > 0 ? ` but ${missing.map((name) => `\`${name}\``).join(", ")}` : "";
  return `\`${parent.typeName.getText()}\`${but}`;
}

function section({ name, symbol, declarations }) {
  const declaration = declarations.find(ts.isInterfaceDeclaration);
  if (!declaration) return [];
  const own = ownMembers(declaration).map((member) => member.name);
  const parents = (declaration.heritageClauses ?? []).flatMap(({ types }) => types.map((type) => parentIn(type, own)));
  const also = parents.length > 0 ? ` Besides, all of ${parents.join(", ")}.` : "";
  const rows = ownMembers(declaration).map((member) => {
    const isOptional = (member.flags & ts.SymbolFlags.Optional) !== 0;
    return `| \`${member.name}\`${isOptional ? "" : " (needed)"} | ${typeOf(member)} | ${documentation(member)} |`;
  });
  return [`### ${name}\n\n${documentation(symbol)}${also}\n\n| option | type | what it says |\n| --- | --- | --- |\n${rows.join("\n")}\n`];
}

/** Options by another name. */
const ALSO = new Set(["RetentionPolicy", "GroupRegime", "TokenRequest", "ScanCondition"]);

const seen = new Set();
const sections = entryPoints
  .filter(({ name }) => !name.startsWith("sssn"))
  .map(({ name, exports }) => {
    const sets = exports.filter(({ name: set, symbol }) => (set.endsWith("Options") || ALSO.has(set)) && !seen.has(symbol));
    for (const { symbol } of sets) seen.add(symbol);
    const parts = sets.flatMap(section);
    return parts.length > 0 ? `## ${name}\n\n${parts.join("\n")}` : "";
  })
  .filter((text) => text !== "");
const page = `# All options

Every set of options, from the types themselves: times are in milliseconds unless a name says otherwise, and what is not "needed" may be left out. An option that does not exist is refused, not
ignored. This page is made by \`npm run api\`.

${sections.join("\n")}`;
const path = join(root, "docs/reference/options.md");
mkdirSync(dirname(path), { recursive: true });
if (!process.argv.includes("--check")) writeFileSync(path, page);
else if (!existsSync(path) || readFileSync(path, "utf8") !== page) {
  console.error("docs/reference/options.md is out of date. Run: npm run api");
  process.exit(1);
}
