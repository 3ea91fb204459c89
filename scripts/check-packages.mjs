// Looks at every package as it would be published: manifest, entry points, types.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { packAll } from "./pack.mjs";
import { pnpm, root } from "./steps.mjs";
import { workspacePackages } from "./workspace.mjs";

/** Where the repository's files are looked at by whoever has a package only. */
const FILES = "https://github.com/sssn/sssn-typescript/blob/main/";

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

/** @returns {string[]} which links of a README lead nowhere from a page of a registry. */
function judgeLinks({ folder, manifest }) {
  const text = readFileSync(join(folder, "README.md"), "utf8");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
    if (link.startsWith(FILES)) {
      const [path] = link.slice(FILES.length).split("#");
      return existsSync(join(root, path)) ? [] : [`${manifest.name}: its README links to ${path}, which is not in the repository`];
    }
    return /^(https:|#)/.test(link)
      ? []
      : [`${manifest.name}: its README links to ${link}, which leads nowhere outside of the repository; write ${FILES}…`];
  });
}

const place = mkdtempSync(join(tmpdir(), "sssn-publishable-"));
try {
  for (const [name, tarball] of packAll(place)) {
    const known = workspacePackages().find(({ manifest }) => manifest.name === name);
    const problems = [...(await lint(name, tarball)), ...judgeTypes(name, tarball), ...judgeLinks(known)];
    for (const problem of problems) console.error(problem);
    if (problems.length > 0) process.exitCode = 1;
    else console.log(`${name} is fit to publish.`);
  }
} finally {
  rmSync(place, { recursive: true, force: true });
}
