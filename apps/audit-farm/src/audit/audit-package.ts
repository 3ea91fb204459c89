import { join } from "node:path";
import { OF_PACKAGES, installedDependencies } from "../tree/dependencies.js";
import { objectOf, readManifest, textOf, type JsonObject } from "../tree/manifest.js";
import { sortedOnce } from "../tree/order.js";
import type { PackageTask } from "../tree/package-task.js";
import { judgeEngines, type EnginesFinding } from "./engines.js";
import { installScripts, type InstallScript } from "./install-scripts.js";
import { judgeLicence, type LicenceFinding } from "./licence.js";
import { packageSize, type PackageSize } from "./package-size.js";

/** What was found out about one package. */
export interface PackageAudit extends Omit<PackageTask, "runsAtInstall"> {
  readonly description: string | null;
  readonly homepage: string | null;
  readonly repository: string | null;
  readonly licence: LicenceFinding;
  readonly installScripts: readonly InstallScript[];
  readonly size: PackageSize;
  readonly engines: EnginesFinding;
  /** What it needs and has, by name and version. */
  readonly dependencies: readonly string[];
  /** What it needs and has not, by name. */
  readonly missingDependencies: readonly string[];
}

/** Where an audit looks, and for which Node. */
export interface AuditPlace {
  readonly root: string;
  readonly nodeVersion: string;
}

/** What an audit tells while it goes on. */
export interface AuditCourse {
  readonly signal: AbortSignal;
  readonly progress: (step: string) => void;
}

/** How the reason begins for which a package could not be audited, as opposed to one whose workers died. */
export const UNREADABLE = "can't be read: ";

/**
 * Looks into one package. Doing it twice gives the same.
 *
 * @throws Error that begins with {@link UNREADABLE} where its folder can't be read.
 */
export async function auditPackage(task: PackageTask, place: AuditPlace, course: AuditCourse): Promise<PackageAudit> {
  try {
    return await audited(task, place, course);
  } catch (thrown) {
    course.signal.throwIfAborted();
    throw new Error(`${UNREADABLE}${explained(thrown, place.root)}`, { cause: thrown });
  }
}

async function audited(task: PackageTask, { root, nodeVersion }: AuditPlace, { signal, progress }: AuditCourse): Promise<PackageAudit> {
  const { id, name, version, folders } = task;
  const places = folders.map((folder) => join(root, folder));
  const [first = root] = places;
  const manifest = await readManifest(first);
  progress("licence");
  const licence = await judgeLicence(first, manifest);
  progress("dependencies");
  const dependencies = await Promise.all(places.map((folder) => installedDependencies(folder, manifest, OF_PACKAGES)));
  progress("size");
  return {
    ...{ id, name, version, folders },
    description: textOf(manifest["description"]) ?? null,
    homepage: textOf(manifest["homepage"]) ?? null,
    repository: repositoryOf(manifest),
    licence,
    installScripts: await installScripts(first, manifest),
    size: await packageSize(places, signal),
    engines: judgeEngines(manifest, nodeVersion),
    dependencies: sortedOnce(dependencies.flatMap(({ found }) => found)),
    missingDependencies: sortedOnce(dependencies.flatMap(({ missing }) => missing)),
  };
}

function repositoryOf({ repository }: JsonObject): string | null {
  return textOf(repository) ?? textOf(objectOf(repository)?.["url"]) ?? null;
}

/** What a person can use of an error, without the folder in which the tree happens to lie. */
function explained(thrown: unknown, root: string): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return message.replaceAll(`${root}/`, "").replaceAll(root, ".");
}
