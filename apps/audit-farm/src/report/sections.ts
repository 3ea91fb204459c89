import { VERDICT_TEXTS, MARK_NAMES, markerOf, shownMark } from "./marks.js";
import { html, type Fillable, type Markup } from "./markup.js";
import type { AuditReport, ReportedPackage } from "./report.js";
import { readableBytes } from "./units.js";

/** What runs when the packages are installed. */
export function scriptsSection({ packages }: AuditReport): Markup {
  const rows = packages.flatMap(({ reference, installScripts, requiredBy }) =>
    installScripts.map(
      ({ event, command }) =>
        html`<tr>
          <td><code>${reference}</code></td>
          <td>${event}</td>
          <td><code>${command}</code></td>
          <td>${who(requiredBy)}</td>
        </tr>`,
    ),
  );
  return section(
    "scripts",
    "Install scripts",
    ["Package", "When", "What it runs", "Required by"],
    rows,
    "No package runs anything when it is installed.",
  );
}

/** Licences whose texts are not what is named, and how many packages name which. */
export function licencesSection({ packages, summary }: AuditReport): Markup {
  const rows = packages
    .filter(({ licence }) => licence.verdict !== "agrees")
    .map(({ reference, licence }) => {
      const texts = licence.texts.map(
        ({ file, licences }) => html`<div><code>${file}</code>: ${licences.join(", ") || "not recognised"}</div>`,
      );
      return html`<tr>
        <td><code>${reference}</code></td>
        <td>${licence.declared ?? "—"}</td>
        <td>${VERDICT_TEXTS[licence.verdict]}</td>
        <td>${texts}</td>
      </tr>`;
    });
  const named = summary.licences.map(
    ({ licence, packages: count }) =>
      html`<tr>
        <td>${licence}</td>
        <td class="number">${count}</td>
      </tr>`,
  );
  return html`${section("licences", "Licences to look at", ["Package", "Names", "Finding", "Texts found"], rows, "Every package has the text of the licence that it names.")}
    <details>
      <summary>All licences that are named</summary>
      ${table(["Licence", "Packages"], named)}
    </details>`;
}

/** Names with several versions. */
export function duplicatesSection({ duplicates }: AuditReport): Markup {
  const rows = duplicates.map(({ name, versions, surplusBytes }) => {
    const lines = versions.map(({ version, bytes, requiredBy }) => html`<div>${version}, ${readableBytes(bytes)} ${who(requiredBy)}</div>`);
    return html`<tr>
      <td><code>${name}</code></td>
      <td>${lines}</td>
      <td class="number">${readableBytes(surplusBytes)}</td>
    </tr>`;
  });
  return section(
    "duplicates",
    "Several versions of one package",
    ["Package", "Versions", "Surplus"],
    rows,
    "Every package is there in one version.",
  );
}

/** What is not made for this Node. */
export function enginesSection({ packages, nodeVersion }: AuditReport): Markup {
  const rows = packages
    .filter(({ engines }) => engines.verdict === "does-not-fit")
    .map(
      ({ reference, engines, requiredBy }) =>
        html`<tr>
          <td><code>${reference}</code></td>
          <td><code>${engines.node}</code></td>
          <td>${who(requiredBy)}</td>
        </tr>`,
    );
  return section(
    "engines",
    `Not made for Node ${nodeVersion}`,
    ["Package", "Runs on", "Required by"],
    rows,
    "Every package that says so fits this Node.",
  );
}

/** What could not be looked into. */
export function unreadableSection({ unreadable }: AuditReport): Markup {
  const rows = unreadable.map(
    ({ name, version, folders, reason }) =>
      html`<tr>
        <td><code>${name}</code> ${version}</td>
        <td><code>${folders.join(", ")}</code></td>
        <td>${reason}</td>
      </tr>`,
  );
  return section("unreadable", "Packages that could not be audited", ["Package", "Folder", "Why"], rows, "Every package could be read.");
}

/** Each package once. */
export function packagesSection(report: AuditReport): Markup {
  const marksOf = markerOf(report);
  const row = (entry: ReportedPackage): Markup => {
    const { name, version, licence, size, requiredBy, folders } = entry;
    const marks = marksOf(entry);
    return html`<tr data-marks="${marks.map(({ key }) => key).join(" ")}">
      <td title="${folders.join("\n")}"><code>${name}</code></td>
      <td>${version}</td>
      <td>${licence.declared ?? "—"}</td>
      <td class="number" data-value="${size.bytes}">${readableBytes(size.bytes)}</td>
      <td class="number" data-value="${size.files}">${size.files}</td>
      <td class="number" data-value="${requiredBy.length}">${who(requiredBy)}</td>
      <td>${marks.map(shownMark)}</td>
    </tr> `;
  };
  const boxes = Object.entries(MARK_NAMES).map(([key, text]) => html`<label><input type="checkbox" data-mark="${key}" /> ${text}</label>`);
  const heads = ["Package", "Version", "Licence", "Size", "Files", "Required by", "Findings"].map((text) => {
    const isNumber = ["Size", "Files", "Required by"].includes(text);
    return html`<th scope="col" class="${isNumber ? "number" : ""}"><button type="button">${text}</button></th>`;
  });
  return html`<section id="packages">
    <h2>All packages</h2>
    <div class="controls">
      <input type="search" id="search" placeholder="Filter by any word" aria-label="Filter packages" />${boxes}<output id="shown"></output>
    </div>
    <table id="all">
      <thead>
        <tr>
          ${heads}
        </tr>
      </thead>
      <tbody>
        ${report.packages.map(row)}
      </tbody>
    </table>
  </section>`;
}

/** Folders that were seen and left alone. */
export function linkedSection({ linked }: AuditReport): Markup | null {
  if (linked.length === 0) return null;
  return html`<details>
    <summary>Linked folders that are no installed packages (${linked.length})</summary>
    <ul>
      ${linked.map((folder) => html`<li><code>${folder}</code></li>`)}
    </ul>
  </details>`;
}

function section(id: string, title: string, heads: readonly string[], rows: readonly Markup[], none: string): Markup {
  return html`<section id="${id}">
    <h2>${title}</h2>
    ${rows.length === 0 ? html`<p class="good">${none}</p>` : table(heads, rows)}
  </section>`;
}

function table(heads: readonly string[], rows: readonly Markup[]): Markup {
  return html`<table>
    <thead>
      <tr>
        ${heads.map((head) => html`<th scope="col">${head}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

/** Few are named, many are counted. */
function who(requirers: readonly string[]): Fillable {
  if (requirers.length === 0) return "—";
  if (requirers.length === 1) return html`<code>${requirers[0] ?? ""}</code>`;
  return html`<details>
    <summary>${requirers.length} packages</summary>
    <ul>
      ${requirers.map((reference) => html`<li><code>${reference}</code></li>`)}
    </ul>
  </details>`;
}
