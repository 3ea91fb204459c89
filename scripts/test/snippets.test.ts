// Every TypeScript block in a README, on a page of docs/, and in an @example of the sources runs as a program of its own.
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { transform } from "esbuild";
import { describe, expect, it, onTestFinished } from "vitest";
import { filesBelow } from "../workspace.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const pages = [
  join(root, "README.md"),
  join(root, "CONTRIBUTING.md"),
  ...filesBelow(join(root, "docs"), [".md"]),
  ...filesBelow(join(root, "packages"), ["README.md"]),
  ...filesBelow(join(root, "apps"), ["README.md"]),
];
const sources = filesBelow(join(root, "packages"), [".ts"]).filter((file) => file.includes("/src/"));

function blocksOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  const code = file.endsWith(".ts") ? text.replaceAll(/^ *\* ?/gm, "") : text;
  return [...code.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);
}

/** Runs in an empty folder from which the workspace's packages can be found. */
async function run(block: string): Promise<void> {
  const { code } = await transform(block, { loader: "ts", format: "esm", target: "node20" });
  const cache = join(root, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "snippet-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "snippet.mjs"), code);
  await promisify(execFile)(process.execPath, ["snippet.mjs"], { cwd: folder, timeout: 30_000 });
}

const snippets = [...pages, ...sources].flatMap((file) =>
  blocksOf(file).map((block, index) => ({ where: `${relative(root, file)} #${index + 1}`, block, file })),
);

/** Where there is no server, that was said before all tests. */
const isRunnable = ({ block }: { block: string }): boolean =>
  process.env["SSSN_POSTGRES_URL"] !== "" || !block.includes("SSSN_POSTGRES_URL");

describe("documentation [W33]", () => {
  it.each(snippets.filter(isRunnable))("$where runs", async ({ block }) => {
    await run(block);
  });

  it("has runnable code on every page of concepts and guides, and in every package's README", () => {
    const without = pages.filter(
      (file) => /concepts|guides\/(swap|write)|packages\/[^/]+\/README/.test(file) && blocksOf(file).length === 0,
    );
    expect(without.map((file) => relative(root, file))).toEqual([]);
  });
});
