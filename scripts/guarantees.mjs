// pnpm guarantees: each guarantee and non-goal of docs/guarantees.md, and each fault of docs/original-faults.md, with the tests that
// prove it and how they ended. Fails on a gap, on a failed proof, and on a test that proves something unheard of.
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { pnpm, root } from "./steps.mjs";

const ID = /\b(G[1-9]\.\d|N\d|W\d\d)\b/g;

function promised(file) {
  const lines = readFileSync(join(root, file), "utf8").split("\n");
  return lines.flatMap((line) => {
    const match = /^\| *<a id="[^"]+"><\/a>(G\d\.\d|N\d|W\d\d) *\| *(.*?) *\| *(.*?) *\|$/.exec(line);
    return match ? [{ id: match[1], says: match[2], waits: /^waits/.test(match[3]) }] : [];
  });
}

/** The report of a test run: the one that CI has just made, or a new one. */
function report() {
  const given = process.env["SSSN_TEST_REPORT"];
  const path = join(root, given ?? "test-results.json");
  const fresh = given !== undefined && existsSync(path) && Date.now() - statSync(path).mtimeMs < 3_600_000;
  if (!fresh) {
    rmSync(path, { force: true });
    const [program, ...args] = [...pnpm, "exec", "vitest", "run", "--silent"];
    console.log("Running all tests for their results ...");
    spawnSync(program, args, { cwd: root, stdio: "ignore", env: { ...process.env, SSSN_TEST_REPORT: path } });
  }
  return JSON.parse(readFileSync(path, "utf8"));
}

const promises = [...promised("docs/guarantees.md"), ...promised("docs/original-faults.md")];
const proofs = new Map(promises.map(({ id }) => [id, []]));
const problems = [];
for (const { name, assertionResults } of report().testResults) {
  for (const { fullName, status } of assertionResults) {
    for (const id of new Set([...fullName.matchAll(ID)].map(([found]) => found))) {
      if (proofs.has(id)) proofs.get(id).push({ title: fullName, file: name.slice(root.length + 1), status });
      else problems.push(`"${fullName}" claims to prove ${id}, which no page promises.`);
    }
  }
}
for (const { id, says, waits } of promises) {
  const tests = proofs.get(id).filter(({ status }) => status === "passed" || status === "failed");
  const failed = tests.filter(({ status }) => status === "failed");
  const verdict = waits && tests.length === 0 ? "waits" : tests.length === 0 ? "GAP" : failed.length > 0 ? "FAILED" : "proved";
  console.log(`${id.padEnd(5)} ${verdict.padEnd(7)} ${String(tests.length).padStart(3)} tests  ${says.replace(/[*`]/g, "").slice(0, 90)}`);
  if (process.argv.includes("--tests")) for (const { title, file } of tests) console.log(`              ${file}: ${title}`);
  if (verdict === "GAP") problems.push(`${id} has no test: ${says}`);
  if (verdict === "FAILED") problems.push(`${id} is refuted by: ${failed.map(({ title }) => title).join("; ")}`);
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`${promises.length} promises, each with its proof.`);
