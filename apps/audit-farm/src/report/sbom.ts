import { createHash } from "node:crypto";
import { referenceOf } from "../tree/package-task.js";
import { sortedOnce } from "../tree/order.js";
import type { AuditReport, ReportedPackage } from "./report.js";

/** The parts of a CycloneDX 1.5 document that are written here; see https://cyclonedx.org/docs/1.5/json/. */
export interface Sbom {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.5";
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: {
    readonly timestamp: string;
    readonly tools: { readonly components: readonly SbomComponent[] };
    readonly component: SbomComponent;
  };
  readonly components: readonly SbomComponent[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

interface SbomComponent {
  readonly type: "library" | "application";
  readonly "bom-ref"?: string;
  readonly group?: string;
  readonly name: string;
  readonly version?: string;
  readonly description?: string;
  readonly licenses?: readonly ({ readonly expression: string } | { readonly license: { readonly name: string } })[];
  readonly purl?: string;
  readonly externalReferences?: readonly { readonly type: "website" | "vcs"; readonly url: string }[];
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

/** The bill of materials of a tree: what is installed, and what needs what. */
export function sbomOf(report: AuditReport): Sbom {
  const { packages, project, generatedAt } = report;
  const known = new Map(packages.map((entry) => [entry.reference, purlOf(entry)]));
  const root = `project:${referenceOf(project)}`;
  const refs = (references: readonly string[]): readonly string[] =>
    sortedOnce(references.flatMap((reference) => known.get(reference) ?? []));
  const components = packages.map(componentOf);
  const dependencies = [
    { ref: root, dependsOn: refs(project.dependencies) },
    ...packages.map((entry) => ({ ref: purlOf(entry), dependsOn: refs(entry.dependencies) })),
  ];
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify([root, components, dependencies]))}`,
    version: 1,
    metadata: {
      timestamp: generatedAt,
      tools: { components: [{ type: "application", name: "audit-farm" }] },
      component: { type: "application", "bom-ref": root, ...namesOf(project) },
    },
    components,
    dependencies,
  };
}

function componentOf(entry: ReportedPackage): SbomComponent {
  const purl = purlOf(entry);
  const { description, licence, homepage, repository, installScripts } = entry;
  const references = [
    ...(isUrl(repository) ? [{ type: "vcs" as const, url: repository }] : []),
    ...(isUrl(homepage) ? [{ type: "website" as const, url: homepage }] : []),
  ];
  const licenses =
    licence.expression === null
      ? licence.declared === null
        ? []
        : [{ license: { name: licence.declared } }]
      : [{ expression: licence.expression }];
  return {
    type: "library",
    "bom-ref": purl,
    ...namesOf(entry),
    ...(description === null ? {} : { description }),
    ...(licenses.length > 0 ? { licenses } : {}),
    purl,
    ...(references.length > 0 ? { externalReferences: references } : {}),
    properties: [
      { name: "audit-farm:licence", value: licence.verdict },
      ...installScripts.map(({ event, command }) => ({ name: `audit-farm:script:${event}`, value: command })),
    ],
  };
}

/** A scope is a group of its own. */
function namesOf({ name, version }: { readonly name: string; readonly version: string | null }): {
  readonly group?: string;
  readonly name: string;
  readonly version?: string;
} {
  const [, scope, plain] = /^(@[^/]+)\/(.+)$/.exec(name) ?? [];
  return {
    ...(scope === undefined ? {} : { group: scope }),
    name: plain ?? name,
    ...(version === null ? {} : { version }),
  };
}

/** See https://github.com/package-url/purl-spec. A package without a version is told from others of its name by its folder. */
function purlOf({ name, version, folders }: Pick<ReportedPackage, "name" | "version" | "folders">): string {
  const path = name.split("/").map(encodeURIComponent).join("/");
  return version === null ? `pkg:npm/${path}#${folders.map(encodeURI).join("+")}` : `pkg:npm/${path}@${encodeURIComponent(version)}`;
}

/** A short form such as "owner/project" is no address. */
function isUrl(text: string | null): text is string {
  return text !== null && /^[a-z][a-z0-9+.-]*:\/\/\S+$/i.test(text);
}

/** The same content has the same number, so that a bill says by its number whether anything has changed. */
function uuidOf(content: string): string {
  const bytes = createHash("sha256").update(content).digest().subarray(0, 16);
  // Version 8 is for schemes of one's own; the variant is that of RFC 9562.
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
