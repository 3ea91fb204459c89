import { createHash } from "node:crypto";
import { referenceOf } from "../tree/package-task.js";
import { Markup, html } from "./markup.js";
import { SCRIPT, STYLE } from "./page-assets.js";
import type { AuditReport } from "./report.js";
import {
  duplicatesSection,
  enginesSection,
  licencesSection,
  linkedSection,
  packagesSection,
  scriptsSection,
  unreadableSection,
} from "./sections.js";
import { readableBytes } from "./units.js";

/** The report as one page that needs nothing from anywhere. */
export function htmlOf(report: AuditReport): string {
  const { project, nodeVersion, generatedAt } = report;
  const name = referenceOf(project);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${digest(SCRIPT)}'"
        />
        <title>Packages of ${name}</title>
        ${element("style", STYLE)}
      </head>
      <body>
        <header>
          <h1>Packages of ${name}</h1>
          <p class="lead">Judged for Node ${nodeVersion}, <time>${generatedAt}</time></p>
        </header>
        <main>
          ${figures(report)} ${scriptsSection(report)} ${unreadableSection(report)} ${licencesSection(report)} ${enginesSection(report)}
          ${duplicatesSection(report)} ${packagesSection(report)} ${linkedSection(report)}
        </main>
        ${element("script", SCRIPT)}
      </body>
    </html> `.text;
}

function figures({ summary, duplicates, packages }: AuditReport): Markup {
  const { licenceVerdicts } = summary;
  const surplus = duplicates.reduce((sum, { surplusBytes }) => sum + surplusBytes, 0);
  const entries: readonly (readonly [anchor: string, figure: string | number, text: string])[] = [
    ["packages", summary.packages, "packages"],
    ["packages", readableBytes(summary.bytes), `in ${summary.files} files`],
    ["scripts", summary.withInstallScripts, "with install scripts"],
    ["unreadable", summary.unreadable, "could not be audited"],
    ["licences", packages.length - (licenceVerdicts.agrees ?? 0), "licences to look at"],
    ["engines", summary.enginesThatDoNotFit, "not for this Node"],
    ["duplicates", summary.duplicatedNames, `in several versions (${readableBytes(surplus)} surplus)`],
    ["packages", summary.withMissingDependencies, "miss a dependency"],
  ];
  return html`<ul class="figures">
    ${entries.map(
      ([anchor, figure, text]) =>
        html`<li>
          <a href="#${anchor}"><strong>${figure}</strong>${text}</a>
        </li>`,
    )}
  </ul>`;
}

/** To the letter: the script is let run by its digest, and whoever lays this code out may add spaces to a template. */
function element(tag: "style" | "script", text: string): Markup {
  return new Markup(`<${tag}>${text}</${tag}>`);
}

/** By which the page's own script is let run, and no other. */
function digest(script: string): string {
  return createHash("sha256").update(script).digest("base64");
}
