import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { htmlOf } from "./html.js";
import type { AuditReport } from "./report.js";
import { sbomOf } from "./sbom.js";

/** Writes the reports into a folder, and tells where each is. A reader never sees half of one. */
export async function writeReports(report: AuditReport, folder: string): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const texts = {
    "report.html": htmlOf(report),
    "report.json": `${JSON.stringify(report, null, 2)}\n`,
    "sbom.cdx.json": `${JSON.stringify(sbomOf(report), null, 2)}\n`,
  };
  return Promise.all(
    Object.entries(texts).map(async ([name, text]) => {
      const path = join(folder, name);
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
      return path;
    }),
  );
}
