// Lints the description of the protocol with the rules that Redocly recommends.
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { openApiDocument } from "@sssn/transport-http";

const config = await createConfig({ extends: ["recommended"] });
const problems = await lintFromString({ source: JSON.stringify(openApiDocument()), absoluteRef: "openapi.json", config });
for (const { severity, ruleId, message, location } of problems)
  console.error(`${severity} ${ruleId}: ${message} at ${location[0]?.pointer ?? "#"}`);
if (problems.length > 0) process.exitCode = 1;
else console.log("The OpenAPI description is as its linter recommends.");
