import type { LicenceVerdict } from "../audit/licence.js";
import { html, type Markup } from "./markup.js";
import type { AuditReport, ReportedPackage } from "./report.js";

/** Something about a package that a person may want to look at. */
export interface Mark {
  /** By which the table of packages is filtered. */
  readonly key: string;
  readonly text: string;
  readonly tone: "bad" | "warn";
}

/** What each verdict means, in the words of the report. */
export const VERDICT_TEXTS: Readonly<Record<LicenceVerdict, string>> = {
  agrees: "text agrees",
  partly: "text of a part is missing",
  differs: "text is of another licence",
  "unknown-text": "text not recognised",
  "no-text": "no text",
  "not-named": "no licence named",
  "own-terms": "not an SPDX licence",
};

const VERDICT_TONES: Readonly<Record<LicenceVerdict, Mark["tone"] | "good">> = {
  agrees: "good",
  partly: "warn",
  differs: "bad",
  "unknown-text": "warn",
  "no-text": "warn",
  "not-named": "bad",
  "own-terms": "bad",
};

/** All marks that there are, for the filter. */
export const MARK_NAMES: Readonly<Record<string, string>> = {
  script: "install script",
  licence: "licence",
  engine: "does not fit this Node",
  missing: "missing dependency",
  duplicate: "several versions",
};

/** Marks packages; knows which of them have several versions. */
export function markerOf({ duplicates }: AuditReport): (entry: ReportedPackage) => readonly Mark[] {
  const several = new Set(duplicates.map(({ name }) => name));
  return ({ name, installScripts, licence: { verdict }, engines, missingDependencies }) => {
    const tone = VERDICT_TONES[verdict];
    return [
      ...(installScripts.length > 0 ? [{ key: "script", text: "install script", tone: "bad" as const }] : []),
      ...(tone === "good" ? [] : [{ key: "licence", text: VERDICT_TEXTS[verdict], tone }]),
      ...(engines.verdict === "does-not-fit" ? [{ key: "engine", text: `Node ${engines.node ?? ""}`, tone: "bad" as const }] : []),
      ...(missingDependencies.length > 0
        ? [{ key: "missing", text: `misses ${missingDependencies.join(", ")}`, tone: "bad" as const }]
        : []),
      ...(several.has(name) ? [{ key: "duplicate", text: "several versions", tone: "warn" as const }] : []),
    ];
  };
}

/** A mark as it is shown. */
export function shownMark({ text, tone }: Mark): Markup {
  return html`<span class="mark ${tone}">${text}</span>`;
}
