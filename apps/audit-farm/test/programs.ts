import { spawn, type ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const PROGRAM = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** A run of the program. */
export interface Run {
  readonly process: ChildProcess;
  output(): string;
  readonly ended: Promise<number | null>;
}

/** Runs the audit farm; it is gone when the test is over. */
export function start(...args: readonly string[]): Run {
  const { SSSN_STORE: _ignored, ...env } = process.env;
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", "pipe", "pipe"], env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { process: child, output: () => output, ended };
}

/** The reports in a folder, without the moment at which they were made. */
export async function reportsIn(folder: string): Promise<Readonly<Record<"report.json" | "report.html" | "sbom.cdx.json", string>>> {
  const texts = await Promise.all(
    (["report.json", "report.html", "sbom.cdx.json"] as const).map(
      async (name) => [name, await readFile(join(folder, name), "utf8")] as const,
    ),
  );
  const moment = (JSON.parse(texts[0]?.[1] ?? "{}") as { generatedAt: string }).generatedAt;
  const [json, page, sbom] = texts.map(([, text]) => text.replace(moment, "MOMENT"));
  return { "report.json": json ?? "", "report.html": page ?? "", "sbom.cdx.json": sbom ?? "" };
}
