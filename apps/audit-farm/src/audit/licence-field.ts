import parse, { type Info } from "spdx-expression-parse";
import { objectOf, textOf, type JsonObject } from "../tree/manifest.js";

/** What a manifest says of its licence. */
export interface LicenceField {
  /** As it is written; several of the old form are joined. */
  readonly declared: string | null;
  /** The same as an SPDX expression; `null` where it is none. */
  readonly expression: string | null;
}

/** Reads `license`, and the forms that it had before it was an SPDX expression. */
export function licenceField(manifest: JsonObject): LicenceField {
  const { license, licenses } = manifest;
  const named = nameOf(license) ?? nameOf(licenses) ?? severalOf(licenses) ?? severalOf(license);
  if (named === undefined) return { declared: null, expression: null };
  return { declared: named, expression: parsedLicence(named) ? named : null };
}

function nameOf(value: unknown): string | undefined {
  return textOf(value) ?? textOf(objectOf(value)?.["type"]);
}

/** A list was meant as a choice. */
function severalOf(value: unknown): string | undefined {
  if (!Array.isArray(value)) return undefined;
  const names = value.flatMap((entry: unknown) => nameOf(entry) ?? []);
  return names.length > 1 ? `(${names.join(" OR ")})` : names[0];
}

/** An SPDX expression taken apart; `undefined` where it is none. */
export function parsedLicence(expression: string): Info | undefined {
  try {
    return parse(expression);
  } catch {
    return undefined;
  }
}
