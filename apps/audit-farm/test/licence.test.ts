import { expect, it } from "vitest";
import { judgeLicence } from "../src/audit/licence.js";
import { TEXTS, temporaryFolder, writePackage } from "./fixture-tree.js";

const APACHE = "Apache License\nVersion 2.0, January 2004";

it.each([
  [{ license: "MIT" }, { LICENSE: TEXTS.MIT }, "agrees"],
  [{ license: { type: "MIT" } }, { "license.txt": TEXTS.MIT }, "agrees"],
  [{ licenses: [{ type: "MIT" }, { type: "Apache-2.0" }] }, { LICENSE: APACHE }, "agrees"],
  [{ license: "MIT OR Apache-2.0" }, { "LICENSE-MIT": TEXTS.MIT }, "agrees"],
  [{ license: "MIT AND Apache-2.0" }, { "LICENSE-MIT": TEXTS.MIT }, "partly"],
  [{ license: "MIT AND Apache-2.0" }, { "LICENSE-MIT": TEXTS.MIT, "LICENSE-APACHE": APACHE }, "agrees"],
  [{ license: "Apache-2.0 WITH LLVM-exception" }, { LICENSE: APACHE }, "agrees"],
  [{ license: "GPL-3.0-or-later" }, { COPYING: "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007" }, "agrees"],
  [{ license: "MIT" }, { LICENSE: TEXTS.ISC }, "differs"],
  [{ license: "MIT" }, { LICENSE: "Ask me first." }, "unknown-text"],
  [{ license: "MIT" }, { "README.md": "License: MIT" }, "no-text"],
  [{ license: "MIT" }, { "README.md": TEXTS.MIT }, "agrees"],
  [{ license: "MIT" }, { "license.js": TEXTS.MIT }, "no-text"],
  [{ license: "SEE LICENSE IN LICENSE" }, { LICENSE: TEXTS.MIT }, "own-terms"],
  [{}, { LICENSE: TEXTS.MIT }, "not-named"],
  [{ license: 42 }, {}, "not-named"],
])("a package that names %j and has %j is found to be what it is", async (manifest, files, verdict) => {
  const folder = await temporaryFolder();
  await writePackage(folder, manifest, files);
  expect((await judgeLicence(folder, manifest)).verdict).toBe(verdict);
});
