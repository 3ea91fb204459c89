import { readdir, realpath } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { byText, sortedOnce } from "./order.js";

/** What lies in a tree of installed packages. */
export interface PackageFolders {
  /** The folders of packages, absolute and without links, or the link where it leads nowhere. */
  readonly folders: readonly string[];
  /** Folders that `node_modules` links to and that lie in none themselves, such as the members of a workspace. */
  readonly linked: readonly string[];
}

const MODULES = "node_modules";

/**
 * Finds the packages of a tree, whether it is flat, nested, or made of links into a virtual store.
 *
 * @param tree the folder in which `node_modules` lies.
 * @throws what reading that folder throws.
 */
export async function findPackageFolders(tree: string): Promise<PackageFolders> {
  const root = await realpath(tree);
  const [folders, linked] = [new Set<string>(), new Set<string>()];
  const waiting = [join(root, MODULES)];
  const seen = new Set(waiting);
  const visit = (modules: string): void => {
    if (seen.has(modules)) return;
    seen.add(modules);
    waiting.push(modules);
  };
  await readdir(join(root, MODULES));
  for (let modules = waiting.pop(); modules !== undefined; modules = waiting.pop()) {
    for (const entry of await entriesOf(modules)) {
      const folder = await withoutLinks(entry);
      const lies = folder.split(sep).includes(MODULES);
      (lies ? folders : linked).add(folder);
      visit(join(folder, MODULES));
      // A virtual store keeps what a package needs beside it, and not only where this tree has a link.
      if (lies) visit(folder.slice(0, folder.lastIndexOf(`${sep}${MODULES}${sep}`) + MODULES.length + 1));
    }
    for (const virtual of await virtualStores(modules)) visit(virtual);
  }
  return { folders: [...folders].sort(byText), linked: sortedOnce([...linked].map((folder) => relative(root, folder))) };
}

/** The packages that lie directly in a `node_modules`, by scope or without one. */
async function entriesOf(modules: string): Promise<readonly string[]> {
  const names = await namesOf(modules);
  const scopes = names.filter((name) => name.startsWith("@"));
  const scoped = await Promise.all(scopes.map(async (scope) => (await namesOf(join(modules, scope))).map((name) => join(scope, name))));
  return [...names.filter((name) => !name.startsWith("@")), ...scoped.flat()].map((name) => join(modules, name));
}

/** What begins with a dot is the package manager's own. */
async function namesOf(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => !entry.name.startsWith(".") && !entry.isFile()).map(({ name }) => name);
  } catch {
    return []; // a package without packages of its own is the rule
  }
}

/** pnpm keeps every package in a folder of its own below `.pnpm`, also those that nothing links to. */
async function virtualStores(modules: string): Promise<readonly string[]> {
  const store = join(modules, ".pnpm");
  return (await namesOf(store)).map((name) => (name === MODULES ? join(store, name) : join(store, name, MODULES)));
}

/** A link that leads nowhere stands for the package that should be there: the audit is to say so. */
async function withoutLinks(entry: string): Promise<string> {
  try {
    return await realpath(entry);
  } catch {
    return join(await realpath(dirname(entry)), entry.slice(dirname(entry).length + 1));
  }
}
