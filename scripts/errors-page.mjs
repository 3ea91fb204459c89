// Writes docs/errors.md from the one table of errors; with --check, fails when the page is not what the table says.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ERRORS } from "@sssn/core";
import { root } from "./steps.mjs";

const rows = Object.entries(ERRORS).map(([code, { status, retryable }]) => `| \`${code}\` | ${status} | ${retryable ? "yes" : "no"} |`);
const page = `# Errors

Every error is an \`SSSNError\` with a stable \`code\`, the HTTP \`status\` it maps to, whether it is \`retryable\`, and \`details\` for a program
to use. Branch on the code, never on the message. \`isSSSNError(error, "message_conflict")\` also recognises the errors of a second
installed copy of the package. Over HTTP the same code arrives in a problem document (RFC 9457) and is thrown again by the client.

This table is generated: \`node scripts/errors-page.mjs\`.

| code | HTTP status | retryable |
| --- | --- | --- |
${rows.join("\n")}
`;
const path = join(root, "docs/errors.md");
if (!process.argv.includes("--check")) writeFileSync(path, page);
else if (readFileSync(path, "utf8") !== page) {
  console.error("docs/errors.md is out of date. Run: node scripts/errors-page.mjs");
  process.exit(1);
}
