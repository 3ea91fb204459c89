import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** A JSON object whose fields nobody has looked at yet: what strangers write into a `package.json` is of any type. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The manifest of the package in a folder.
 *
 * @throws Error with a plain sentence where it can't be read, or is no JSON object.
 */
export async function readManifest(folder: string): Promise<JsonObject> {
  const text = await readFile(join(folder, "package.json"), "utf8");
  const manifest = objectOf(parsed(text.replace(/^\uFEFF/, "")));
  if (manifest) return manifest;
  throw new Error("its package.json holds no object");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What V8 says of it differs between its versions, and a report shall not.
    throw new Error("its package.json is no JSON");
  }
}

/** The value where it is an object, and no list. */
export function objectOf(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value where it is a text that says something. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}

/** The names that an object such as `dependencies` has. */
export function namesIn(value: unknown): readonly string[] {
  return Object.keys(objectOf(value) ?? {});
}
