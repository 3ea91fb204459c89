// Writes docs/authorization.md out of the table that the code authorizes by; with --check, fails when the page is not up to date.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./steps.mjs";
import { HOST_OPERATIONS, OPERATION_ROLES, supports } from "../packages/core/dist/index.js";

const KINDS = ["passthrough", "broadcast", "work-queue", "mailbox", "periodic", "discovery"];
const path = join(root, "docs/authorization.md");
const rows = Object.entries(OPERATION_ROLES).map(
  ([operation, role]) => `| ${operation} | ${role} | ${KINDS.map((kind) => (supports({ kind }, operation) ? "yes" : "405")).join(" | ")} |`,
);
const REFUSED = {
  list: "an empty list",
  topology: "403 `insufficient_role`",
};
const hostRows = Object.entries(HOST_OPERATIONS).map(
  ([name, operation]) => `| ${name} | ${operation} | ${OPERATION_ROLES[operation]} | ${REFUSED[name]} |`,
);
const page = `# Who may do what

Made from the table that the code authorizes by, and held against it cell by cell: every operation × role × kind of channel × visibility ×
security, in the process and over HTTP. Do not edit it; run \`node scripts/authorization-page.mjs\`.

Roles are a ladder, each including the ones before it: watch < read < write < admin. A token for watching reads and follows, and takes no work.
Beside the ladder stands \`observe\`: it looks at everything (history, figures, dead letters) and changes nothing; \`admin\` includes it, and an
observer may ask for \`info\` as well. A token may carry a role for all its channels, or one a channel (\`roles\`: names, or how names begin and a \`*\`).

| operation | least role | ${KINDS.join(" | ")} |
| --- | --- | ${KINDS.map(() => "---").join(" | ")} |
${rows.join("\n")}

A host as a whole is asked for what is on it. The answer tells of the channels on which the token allows an operation, of no private one, and of the systems that they
lead to:

| asked of a host | takes on a channel | least role | who may on none gets |
| --- | --- | --- | --- |
${hostRows.join("\n")}

Over HTTP, in this order:

1. no token, or two: 401 \`token_missing\`
2. a token that is not valid, or belongs to nobody: 401 \`token_invalid\`; one that is over: 401 \`token_expired\`; one that can't be judged now: 503 \`keys_unavailable\` or \`revocations_unavailable\`
3. a private channel, or one that does not exist: 404 \`channel_not_found\`, the same answer for both
4. with \`JWTChannelSecurity\`, a token whose \`channels\` and \`roles\` do not name the channel: 403 \`insufficient_scope\`
5. a role that is less than the operation takes: 403 \`insufficient_role\`
6. an operation that the kind of channel does not know (405 in the table): 405 \`unsupported_operation\`

In the process there is no token. \`OpenSecurity\` and \`JWTChannelSecurity\` let everybody do everything there, because the topology is the
authority (see the [non-goals](guarantees.md#n1)); \`ACLSecurity\` asks for the role.

Whatever the role, nobody but an admin gets at what is another's: a claim is settled by its holder with its receipt, a cursor belongs to its
owner, and mail is shown to its recipient.
`;
if (!process.argv.includes("--check")) writeFileSync(path, page);
else if (readFileSync(path, "utf8") !== page) {
  console.error("docs/authorization.md is not up to date: run node scripts/authorization-page.mjs");
  process.exit(1);
}
