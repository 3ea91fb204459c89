import { access } from "node:fs/promises";
import { join } from "node:path";
import { objectOf, textOf, type JsonObject } from "../tree/manifest.js";

/** Something that a package runs when it is installed. */
export interface InstallScript {
  readonly event: string;
  readonly command: string;
}

const EVENTS = ["preinstall", "install", "postinstall"];

/** What a package runs when it is installed, whether its manifest says so or a package manager adds it. */
export async function installScripts(folder: string, manifest: JsonObject): Promise<readonly InstallScript[]> {
  const scripts = objectOf(manifest["scripts"]);
  const written = EVENTS.flatMap((event) => {
    const command = textOf(scripts?.[event]);
    return command === undefined ? [] : [{ event, command }];
  });
  const installs = written.some(({ event }) => event !== "postinstall");
  if (installs || manifest["gypfile"] === false || !(await isThere(join(folder, "binding.gyp")))) return written;
  // Where nothing else is said, package managers build what has a recipe for it.
  return [{ event: "install", command: "node-gyp rebuild" }, ...written];
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
