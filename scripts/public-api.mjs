// What each package exports, read from its built declarations with the TypeScript compiler.
import { join } from "node:path";
import ts from "typescript";
import { workspacePackages } from "./workspace.mjs";

/**
 * @typedef {{ readonly name: string, readonly symbol: ts.Symbol, readonly declarations: readonly ts.Declaration[] }} PublicExport
 * @typedef {{ readonly name: string, readonly exports: readonly PublicExport[] }} EntryPoint
 */

/**
 * The entry points of all published packages, each with its exports in the order of their names.
 *
 * @returns {{ readonly entryPoints: readonly EntryPoint[], readonly checker: ts.TypeChecker }}
 */
export function publicApi() {
  const files = workspacePackages()
    .filter(({ group, manifest }) => group === "packages" && !manifest.private)
    .flatMap(({ folder, manifest }) =>
      Object.entries(manifest.exports)
        .filter(([, target]) => typeof target === "object" && target.types?.default !== undefined)
        .map(([path, target]) => ({ name: join(manifest.name, path), file: join(folder, target.types.default) })),
    );
  const options = { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, skipLibCheck: true, types: ["node"] };
  const program = ts.createProgram({ rootNames: files.map(({ file }) => file), options });
  const checker = program.getTypeChecker();
  const entryPoints = files.map(({ name, file }) => {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    if (!module) throw new Error(`${name} has no declarations at ${file}. Build first.`);
    return {
      name,
      exports: checker
        .getExportsOfModule(module)
        .map((symbol) => resolve(checker, symbol))
        .sort(byName),
    };
  });
  return { entryPoints, checker };
}

function resolve(checker, symbol) {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  return { name: symbol.name, symbol: target, declarations: target.declarations ?? [] };
}

function byName(left, right) {
  return left.name < right.name ? -1 : left.name > right.name ? 1 : 0;
}
