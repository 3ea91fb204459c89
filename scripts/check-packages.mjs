// Looks at every package as it would be published: manifest, entry points, types.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { packAll } from "./pack.mjs";
import { pnpm, root } from "./steps.mjs";

/** There is one copy of the code, an ES module that require() loads as well; what CommonJS gets of its own is types (see cjs-types.mjs). */
const INTENDED = "EXPORTS_TYPES_INVALID_FORMAT";

/** @returns {Promise<string[]>} what publint says against a package. */
async function lint(name, tarball) {
  const { buffer } = new Uint8Array(readFileSync(tarball));
  const { messages, pkg } = await publint({ strict: true, pack: { tarball: buffer } });
  return messages.filter(({ code }) => code !== INTENDED).map((message) => `${name}: ${formatMessage(message, pkg)}`);
}

/** @returns {string[]} what "are the types wrong" says against a package. */
function judgeTypes(name, tarball) {
  const [program, ...args] = [
    ...pnpm,
    "exec",
    "attw",
    tarball,
    "--profile",
    "esm-only",
    "--ignore-rules",
    "false-cjs",
    "cjs-resolves-to-esm",
  ];
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: root, encoding: "utf8" });
  return status === 0 ? [] : [`${name}: attw found something\n${stdout}${stderr}`];
}

const place = mkdtempSync(join(tmpdir(), "sssn-publishable-"));
try {
  for (const [name, tarball] of packAll(place)) {
    const problems = [...(await lint(name, tarball)), ...judgeTypes(name, tarball)];
    for (const problem of problems) console.error(problem);
    if (problems.length > 0) process.exitCode = 1;
    else console.log(`${name} is fit to publish.`);
  }
} finally {
  rmSync(place, { recursive: true, force: true });
}
