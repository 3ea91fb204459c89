import { realpath, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { installScripts } from "../audit/install-scripts.js";
import { OF_PROJECTS, installedDependencies } from "./dependencies.js";
import { readManifest, textOf, type JsonObject } from "./manifest.js";
import { byText } from "./order.js";
import { findPackageFolders } from "./package-folders.js";
import { digestOf, taskId, type PackageTask } from "./package-task.js";

/** A tree of installed packages, before anybody has looked into them. */
export interface Tree {
  /** Where it lies, absolute. */
  readonly root: string;
  /** The project that the packages are installed for. */
  readonly project: { readonly name: string; readonly version: string | null; readonly dependencies: readonly string[] };
  /** Each package once, in order. */
  readonly tasks: readonly PackageTask[];
  /** Folders that are linked into the tree and are no installed packages. */
  readonly linked: readonly string[];
  /** Names what is to be done: the same tree gives the same name. */
  readonly digest: string;
}

/**
 * Finds out which packages a folder has installed.
 *
 * @throws Error with a plain sentence where there is no `node_modules`.
 */
export async function discoverTree(folder: string): Promise<Tree> {
  const isThere = await stat(join(folder, "node_modules")).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isThere) throw new Error(`${folder} has no node_modules: install its packages first, or name another folder with --tree.`);
  const root = await realpath(folder);
  const { folders, linked } = await findPackageFolders(root);
  const tasks = new Map<string, PackageTask>();
  for (const place of folders) {
    const task = await taskOf(root, place);
    const known = tasks.get(task.id);
    tasks.set(task.id, known ? { ...known, folders: [...known.folders, ...task.folders].sort(byText) } : task);
  }
  const ordered = [...tasks.values()].sort((left, right) => byText(left.id, right.id));
  return { root, project: await projectOf(root), tasks: ordered, linked, digest: digestOf(JSON.stringify([root, ordered])) };
}

async function taskOf(root: string, place: string): Promise<PackageTask> {
  const folder = relative(root, place).split(sep).join("/");
  const manifest: JsonObject = await readManifest(place).catch(() => ({}));
  const name = textOf(manifest["name"]) ?? nameByFolder(folder);
  const version = textOf(manifest["version"]) ?? null;
  const runsAtInstall = (await installScripts(place, manifest)).length > 0;
  return { id: taskId(name, version, folder), name, version, folders: [folder], runsAtInstall };
}

/** What a package is required by, which is what its folder is called. */
function nameByFolder(folder: string): string {
  return folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
}

async function projectOf(root: string): Promise<Tree["project"]> {
  const manifest: JsonObject = await readManifest(root).catch(() => ({}));
  const { found } = await installedDependencies(root, manifest, OF_PROJECTS);
  return { name: textOf(manifest["name"]) ?? "unnamed", version: textOf(manifest["version"]) ?? null, dependencies: found };
}
