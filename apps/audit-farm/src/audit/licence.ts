import type { Info } from "spdx-expression-parse";
import type { JsonObject } from "../tree/manifest.js";
import { sortedOnce } from "../tree/order.js";
import { licenceField, parsedLicence, type LicenceField } from "./licence-field.js";
import { licenceTexts, type LicenceText } from "./licence-texts.js";

/** How the licence that a package names and the texts that come with it go together. */
export type LicenceVerdict =
  /** The texts of what it names are there. */
  | "agrees"
  /** Of several licences that hold together, the text of one is missing. */
  | "partly"
  /** There are texts, of other licences. */
  | "differs"
  /** There is a text that nobody here knows. */
  | "unknown-text"
  /** It names a licence and has no text of it. */
  | "no-text"
  /** It names none. */
  | "not-named"
  /** What it names is no SPDX expression, such as "UNLICENSED". */
  | "own-terms";

/** What was found out about the licence of a package. */
export interface LicenceFinding extends LicenceField {
  readonly verdict: LicenceVerdict;
  readonly texts: readonly LicenceText[];
}

/** @throws what reading the folder throws. */
export async function judgeLicence(folder: string, manifest: JsonObject): Promise<LicenceFinding> {
  const field = licenceField(manifest);
  const texts = await licenceTexts(folder);
  return { ...field, verdict: verdictOf(field, texts), texts };
}

/** Compares what is named with what is there. */
function verdictOf({ declared, expression }: LicenceField, texts: readonly LicenceText[]): LicenceVerdict {
  if (declared === null) return "not-named";
  const parsed = expression === null ? undefined : parsedLicence(expression);
  if (!parsed) return "own-terms";
  const found = new Set(sortedOnce(texts.flatMap(({ licences }) => licences)));
  if (isCovered(parsed, found)) return "agrees";
  if (textsOf(parsed).some((id) => found.has(id))) return "partly";
  if (found.size > 0) return "differs";
  return texts.length > 0 ? "unknown-text" : "no-text";
}

/** A choice is covered by one text, what holds together by all. An exception has no text of its own. */
function isCovered(licence: Info, found: ReadonlySet<string>): boolean {
  if (!("conjunction" in licence)) return found.has(textOfLicence(licence.license));
  const sides = [licence.left, licence.right];
  return licence.conjunction === "or" ? sides.some((side) => isCovered(side, found)) : sides.every((side) => isCovered(side, found));
}

function textsOf(licence: Info): readonly string[] {
  return "conjunction" in licence ? [...textsOf(licence.left), ...textsOf(licence.right)] : [textOfLicence(licence.license)];
}

/** "Only" and "or later" are said beside a text, not in it. */
function textOfLicence(id: string): string {
  return id.replace(/-(?:only|or-later)$/, "");
}
