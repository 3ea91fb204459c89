import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** What a package takes on the disk. */
export interface PackageSize {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Counts the files of a package in all its folders. What lies in a `node_modules` of its own belongs to other packages, and a file that has several names
 * counts once: package managers link copies of one package to one file.
 *
 * @throws what reading a folder throws.
 */
export async function packageSize(folders: readonly string[], signal: AbortSignal): Promise<PackageSize> {
  const files = new Map<string, number>();
  const waiting = [...folders];
  const own = new Set(folders);
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    signal.throwIfAborted();
    const entries = await readdir(folder, { withFileTypes: true });
    const paths = entries.filter((entry) => entry.isFile()).map(({ name }) => join(folder, name));
    for (const { dev, ino, size } of await Promise.all(paths.map((path) => lstat(path)))) files.set(`${dev}:${ino}`, size);
    for (const entry of entries)
      if (entry.isDirectory() && !(own.has(folder) && entry.name === "node_modules")) waiting.push(join(folder, entry.name));
  }
  return { files: files.size, bytes: [...files.values()].reduce((sum, size) => sum + size, 0) };
}
