import type { PackageAudit } from "../audit/audit-package.js";
import type { LicenceVerdict } from "../audit/licence.js";
import type { Failure } from "../coordinator.js";
import type { Tree } from "../tree/discover.js";
import { byText } from "../tree/order.js";
import { referenceOf } from "../tree/package-task.js";

/** A package as it stands in the reports. */
export interface ReportedPackage extends PackageAudit {
  /** Name and version. */
  readonly reference: string;
  /** Who in the tree needs it, by name and version. */
  readonly requiredBy: readonly string[];
}

/** A name of which there are several versions. */
interface Duplicate {
  readonly name: string;
  readonly versions: readonly { readonly version: string; readonly bytes: number; readonly requiredBy: readonly string[] }[];
  /** What the disk would have more of, if the largest were the only one. */
  readonly surplusBytes: number;
}

/** A package that could not be looked into. */
interface UnreadablePackage {
  readonly name: string;
  readonly version: string | null;
  readonly folders: readonly string[];
  readonly reason: string;
}

/** Everything that was found out. The same tree gives the same report, but for {@link generatedAt}. */
export interface AuditReport {
  readonly format: "audit-farm/1";
  /** The one thing that differs from run to run. */
  readonly generatedAt: string;
  readonly nodeVersion: string;
  readonly project: Tree["project"];
  readonly summary: ReportSummary;
  readonly packages: readonly ReportedPackage[];
  readonly duplicates: readonly Duplicate[];
  readonly unreadable: readonly UnreadablePackage[];
  /** Folders that are linked into the tree and were not looked into: members of a workspace. */
  readonly linked: readonly string[];
}

/** The figures of a report. */
interface ReportSummary {
  readonly packages: number;
  readonly unreadable: number;
  readonly files: number;
  readonly bytes: number;
  readonly withInstallScripts: number;
  readonly duplicatedNames: number;
  readonly enginesThatDoNotFit: number;
  readonly withMissingDependencies: number;
  readonly licenceVerdicts: Readonly<Partial<Record<LicenceVerdict, number>>>;
  /** How many packages name which licence, the most frequent first. */
  readonly licences: readonly { readonly licence: string; readonly packages: number }[];
}

/** What a report is made of, in any order. */
export interface ReportParts {
  readonly tree: Tree;
  readonly audits: readonly PackageAudit[];
  readonly failures: readonly Failure[];
  readonly nodeVersion: string;
  readonly generatedAt: Date;
}

/** Puts everything in order. */
export function buildReport({ tree, audits, failures, nodeVersion, generatedAt }: ReportParts): AuditReport {
  const requiredBy = requirers(audits, tree);
  const packages = audits
    .map((audit) => ({ reference: referenceOf(audit), ...audit, requiredBy: requiredBy.get(referenceOf(audit)) ?? [] }))
    .sort((left, right) => byText(left.name, right.name) || byText(left.id, right.id));
  const duplicates = duplicatesAmong(packages);
  const unreadable = failures
    .map(({ task: { name, version, folders }, reason }) => ({ name, version, folders, reason }))
    .sort((left, right) => byText(left.name, right.name) || byText(left.folders.join(), right.folders.join()));
  return {
    format: "audit-farm/1",
    generatedAt: generatedAt.toISOString(),
    nodeVersion,
    project: tree.project,
    summary: summaryOf(packages, duplicates, unreadable),
    packages,
    duplicates,
    unreadable,
    linked: tree.linked,
  };
}

function requirers(audits: readonly PackageAudit[], { project }: Tree): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>();
  const edges = audits.map((audit) => ({ from: referenceOf(audit), to: audit.dependencies }));
  for (const { from, to } of [...edges, { from: referenceOf(project), to: project.dependencies }])
    for (const reference of to) found.set(reference, (found.get(reference) ?? new Set()).add(from));
  return new Map([...found].map(([reference, who]) => [reference, [...who].sort(byText)]));
}

function duplicatesAmong(packages: readonly ReportedPackage[]): readonly Duplicate[] {
  const byName = new Map<string, ReportedPackage[]>();
  for (const entry of packages) byName.set(entry.name, [...(byName.get(entry.name) ?? []), entry]);
  return [...byName]
    .filter(([, versions]) => versions.length > 1)
    .map(([name, versions]) => {
      const sizes = versions.map(({ size }) => size.bytes);
      return {
        name,
        versions: versions.map(({ version, size, requiredBy }) => ({ version: version ?? "unknown", bytes: size.bytes, requiredBy })),
        surplusBytes: sizes.reduce((sum, bytes) => sum + bytes, 0) - Math.max(...sizes),
      };
    })
    .sort((left, right) => right.surplusBytes - left.surplusBytes || byText(left.name, right.name));
}

function summaryOf(
  packages: readonly ReportedPackage[],
  duplicates: readonly Duplicate[],
  unreadable: readonly UnreadablePackage[],
): ReportSummary {
  const count = (holds: (entry: ReportedPackage) => boolean): number => packages.filter(holds).length;
  const sum = (figure: (entry: ReportedPackage) => number): number => packages.reduce((total, entry) => total + figure(entry), 0);
  return {
    packages: packages.length,
    unreadable: unreadable.length,
    files: sum(({ size }) => size.files),
    bytes: sum(({ size }) => size.bytes),
    withInstallScripts: count(({ installScripts }) => installScripts.length > 0),
    duplicatedNames: duplicates.length,
    enginesThatDoNotFit: count(({ engines }) => engines.verdict === "does-not-fit"),
    withMissingDependencies: count(({ missingDependencies }) => missingDependencies.length > 0),
    licenceVerdicts: Object.fromEntries(tally(packages.map(({ licence }) => licence.verdict))),
    licences: tally(packages.map(({ licence }) => licence.declared ?? "not named")).map(([licence, times]) => ({
      licence,
      packages: times,
    })),
  };
}

/** How often each text is there, the most frequent first. */
function tally(texts: readonly string[]): readonly (readonly [text: string, times: number])[] {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].sort(([left, times], [right, others]) => others - times || byText(left, right));
}
