import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { AuditReport } from "../src/report/report.js";
import type { Sbom } from "../src/report/sbom.js";
import { FIXTURE, temporaryFolder, writeFixtureTree } from "./fixture-tree.js";
import { reportsIn, start } from "./programs.js";

const ENOUGH = { timeout: 30_000, interval: 20 };

async function fixture(): Promise<string> {
  const root = await temporaryFolder();
  await writeFixtureTree(root);
  return root;
}

it("one tree has one report, in one process, in many, and while workers are killed: each package once", async () => {
  const root = await fixture();
  const audit = async (name: string, ...args: string[]): Promise<{ reports: Awaited<ReturnType<typeof reportsIn>>; output: string }> => {
    const run = start("--tree", root, "--out", join(root, name), "--workers", "2", ...args);
    expect([await run.ended, run.output()]).toEqual([0, expect.stringContaining(`${FIXTURE.readable} packages audited`)]);
    expect(await readdir(join(root, name))).toEqual(["report.html", "report.json", "sbom.cdx.json"]);
    return { reports: await reportsIn(join(root, name)), output: run.output() };
  };
  const local = await audit("local", "--topology", "local");
  const published = await audit("published", "--topology", "published");
  const killed = await audit("killed", "--topology", "published", "--kill-workers");
  expect(published.reports).toEqual(local.reports);
  expect(killed.reports).toEqual(local.reports);
  expect(killed.output).toMatch(/\d+ workers? (?:was|were) killed meanwhile/);

  const report = JSON.parse(local.reports["report.json"]) as AuditReport;
  const found = [...report.packages.map(({ id }) => id), ...report.unreadable.map(({ name }) => name)];
  expect([found.length, new Set(found).size]).toEqual([FIXTURE.readable + FIXTURE.unreadable, FIXTURE.readable + FIXTURE.unreadable]);
});

it("the report says of each package what is to be known of it", async () => {
  const root = await fixture();
  const run = start("--tree", root, "--out", join(root, "out"));
  expect([await run.ended, run.output()]).toEqual([0, expect.stringContaining("100 %")]);
  const reports = await reportsIn(join(root, "out"));
  const report = JSON.parse(reports["report.json"]) as AuditReport;
  const find = (reference: string) => report.packages.find((entry) => entry.reference === reference);

  expect(find("builder@1.0.0")).toMatchObject({
    licence: { verdict: "agrees", texts: [{ file: "LICENSE", licences: ["MIT"] }] },
    installScripts: [{ event: "postinstall" }],
    dependencies: ["shared@1.0.0"],
    missingDependencies: ["lost"],
    requiredBy: ["fixture@1.0.0"],
    size: { files: 3 },
  });
  expect(find("native@1.0.0")).toMatchObject({
    installScripts: [{ event: "install", command: "node-gyp rebuild" }],
    licence: { verdict: "no-text" },
  });
  expect(find("shared@1.0.0")).toMatchObject({ licence: { verdict: "differs" }, requiredBy: ["builder@1.0.0"] });
  expect(find("shared@2.0.0")).toMatchObject({
    licence: { verdict: "agrees" },
    engines: { verdict: "does-not-fit" },
    requiredBy: ["@scope/tool@2.0.0"],
  });
  expect(find("@scope/tool@2.0.0")?.licence.texts).toEqual([{ file: "README.md", licences: ["ISC"] }]);
  expect(find("twice@1.0.0")).toMatchObject({ folders: [expect.any(String), expect.any(String)], licence: { verdict: "own-terms" } });
  expect(report.duplicates.map(({ name, versions }) => [name, ...versions.map(({ version }) => version)])).toEqual([
    ["shared", "1.0.0", "2.0.0"],
  ]);
  expect(report.unreadable).toEqual([
    { name: "broken", version: null, folders: ["node_modules/broken"], reason: "can't be read: its package.json is no JSON" },
    { name: "dangling", version: null, folders: ["node_modules/dangling"], reason: expect.stringMatching(/^can't be read: ENOENT/) },
  ]);
  expect(report.linked).toEqual(["packages/member"]);

  const page = reports["report.html"];
  expect(page).toContain("builder@1.0.0");
  expect(page).toContain("echo &#39;&lt;b&gt;&#39;");
  const [, script = ""] = /<script>([\s\S]*?)<\/script>/.exec(page) ?? [];
  expect(page).toContain(`script-src 'sha256-${createHash("sha256").update(script).digest("base64")}'`);
  expect(page).not.toMatch(/<b>|alert\(1\)<\/script>|src=|href="http/);
});

it("the bill of materials names each package and what it needs", async () => {
  const root = await fixture();
  expect(await start("--tree", root, "--out", join(root, "out")).ended).toBe(0);
  const sbom = JSON.parse((await reportsIn(join(root, "out")))["sbom.cdx.json"]) as Sbom;
  expect([sbom.bomFormat, sbom.specVersion]).toEqual(["CycloneDX", "1.5"]);
  expect(sbom.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(sbom.components.find(({ name }) => name === "tool")).toMatchObject({
    group: "@scope",
    purl: "pkg:npm/%40scope/tool@2.0.0",
    licenses: [{ expression: "ISC" }],
  });
  const references = sbom.components.map((component) => component["bom-ref"]);
  expect(new Set(references).size).toBe(FIXTURE.readable);
  expect(sbom.dependencies.find(({ ref }) => ref === "project:fixture@1.0.0")?.dependsOn).toEqual([
    "pkg:npm/%40scope/tool@2.0.0",
    "pkg:npm/builder@1.0.0",
  ]);
  for (const { dependsOn } of sbom.dependencies) for (const reference of dependsOn) expect(references).toContain(reference);
});

/** The processes that a process has started; those that are dead and not yet collected do not count. */
async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}

async function isAlive(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State:\tX");
  return !/^State:\t[XZ]/m.test(status);
}

it.runIf(process.platform === "linux")(
  "a coordinator that is killed takes its workers along, and its next run goes on from there",
  async () => {
    const root = await fixture();
    const args = ["--tree", root, "--out", join(root, "out"), "--topology", "published", "--workers", "2"];
    const first = start(...args);
    // What can't be read is tried again with growing rests, so the end is far from here.
    await expect.poll(first.output, ENOUGH).toMatch(/\d+ of \d+ packages/);
    const workers = await childrenOf(first.process.pid ?? 0);
    expect(workers).toHaveLength(2);
    first.process.kill("SIGKILL");
    await first.ended;
    await expect.poll(async () => (await Promise.all(workers.map(isAlive))).filter(Boolean), ENOUGH).toEqual([]);
    expect(existsSync(join(root, "out/queue"))).toBe(true);

    const second = start(...args);
    expect([await second.ended, second.output()]).toEqual([0, expect.stringContaining(`${FIXTURE.readable} packages audited`)]);
    expect(existsSync(join(root, "out/queue"))).toBe(false);
    const once = start("--tree", root, "--out", join(root, "once"));
    expect(await once.ended).toBe(0);
    expect(await reportsIn(join(root, "out"))).toEqual(await reportsIn(join(root, "once")));
  },
);

it("told to stop, it ends its workers, keeps what was found out, and says how to go on", async () => {
  const root = await fixture();
  const run = start("--tree", root, "--out", join(root, "out"), "--topology", "published", "--workers", "2");
  await expect.poll(run.output, ENOUGH).toMatch(/\d+ of \d+ packages/);
  run.process.kill("SIGTERM");
  expect([await run.ended, run.output()]).toEqual([143, expect.stringContaining("The same command goes on from here.")]);
  expect(existsSync(join(root, "out/queue"))).toBe(true);
});

it("what can't be done is said plainly", async () => {
  const root = await temporaryFolder();
  const says = async (...args: string[]): Promise<readonly [number | null, string]> => {
    const run = start("--tree", root, "--out", join(root, "out"), ...args);
    return [await run.ended, run.output()];
  };
  expect(await says("--help")).toEqual([0, expect.stringContaining("--kill-workers")]);
  expect(await says("--quick")).toEqual([2, expect.stringMatching(/Unknown option '--quick'[\s\S]*Usage/)]);
  expect(await says("--topology", "cloud")).toEqual([2, expect.stringContaining("--topology takes local, published, database")]);
  expect(await says("--workers", "none")).toEqual([2, expect.stringContaining("--workers takes a whole number from 1 to 64")]);
  expect(await says("--kill-workers")).toEqual([2, expect.stringContaining("--kill-workers needs workers that are processes")]);
  expect(await says("--topology", "database")).toEqual([2, expect.stringContaining("--topology database needs --store")]);
  expect(await says()).toEqual([1, expect.stringContaining("has no node_modules")]);
  await writeFixtureTree(root);
  for (const store of ["memory:", `level:${join(root, "store")}`])
    expect(await says("--topology", "database", "--store", store)).toEqual([
      1,
      expect.stringContaining(`needs a store that several processes open at once, which a ${store.split(":")[0]}: store is not`),
    ]);
});
