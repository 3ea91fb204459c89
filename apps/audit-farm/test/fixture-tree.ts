import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** A folder that is gone when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "sssn-audit-farm-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

const MIT = `MIT License

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal
in the Software without restriction. The above copyright notice and this permission notice shall be included in all copies of the Software.`;
const ISC = `Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided that the above
copyright notice and this permission notice appear in all copies.`;

/** Texts that packages of a fixture come with. */
export const TEXTS = { MIT, ISC };

/** Writes one package: its manifest, and other files by their names. */
export async function writePackage(folder: string, manifest: object | string, files: Readonly<Record<string, string>> = {}): Promise<void> {
  const texts = { "package.json": typeof manifest === "string" ? manifest : JSON.stringify(manifest), ...files };
  for (const [name, text] of Object.entries(texts)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

/** Filler packages, so that there is something to be killed in the middle of. */
const FILLERS = 30;

/** How many packages {@link writeFixtureTree} makes: those that can be read, and those that can't. */
export const FIXTURE = { readable: 6 + FILLERS, unreadable: 2 };

/** A tree with one of everything that an audit looks for, partly flat and nested, partly in a virtual store with links. */
export async function writeFixtureTree(root: string): Promise<void> {
  const modules = join(root, "node_modules");
  const virtual = (name: string, version: string): string => join(modules, ".pnpm", `${name}@${version}`, "node_modules", name);
  await writePackage(root, { name: "fixture", version: "1.0.0", dependencies: { builder: "1", "@scope/tool": "2" } });
  await writePackage(
    join(modules, "builder"),
    {
      name: "builder",
      version: "1.0.0",
      license: "MIT",
      description: "<script>alert(1)</script>",
      scripts: { postinstall: "node build.js && echo '<b>'" },
      dependencies: { shared: "1", lost: "1" },
      repository: { url: "https://example.com/builder" },
    },
    { LICENSE: MIT, "lib/index.js": "x".repeat(2_000) },
  );
  await writePackage(join(modules, "builder/node_modules/shared"), { name: "shared", version: "1.0.0", license: "MIT" }, { LICENSE: ISC });
  await writePackage(
    virtual("shared", "2.0.0"),
    { name: "shared", version: "2.0.0", license: "(MIT OR Apache-2.0)", engines: { node: ">=999" } },
    { "LICENSE-MIT": MIT },
  );
  await writePackage(
    join(modules, ".pnpm/@scope+tool@2.0.0/node_modules/@scope/tool"),
    { name: "@scope/tool", version: "2.0.0", dependencies: { shared: "2" }, license: "ISC" },
    { "README.md": `# Tool\n\n${ISC}` },
  );
  await symlink(virtual("shared", "2.0.0"), join(modules, ".pnpm/@scope+tool@2.0.0/node_modules/shared"));
  await mkdir(join(modules, "@scope"));
  await symlink(join(modules, ".pnpm/@scope+tool@2.0.0/node_modules/@scope/tool"), join(modules, "@scope/tool"));
  // The same package twice, as an installer does it for different peers: it is one package with two folders.
  for (const peer of ["one", "two"]) {
    const folder = join(modules, `.pnpm/twice@1.0.0_${peer}/node_modules/twice`);
    await writePackage(folder, { name: "twice", version: "1.0.0", license: "UNLICENSED" });
  }
  await writePackage(virtual("native", "1.0.0"), { name: "native", version: "1.0.0", license: "BSD-2-Clause" }, { "binding.gyp": "{}" });
  for (let number = 1; number <= FILLERS; number += 1)
    await writePackage(join(modules, `filler-${number}`), { name: `filler-${number}`, version: "1.0.0", license: "ISC" }, { LICENCE: ISC });
  await writePackage(join(modules, "broken"), '{ "name": "broken", ');
  await symlink(join(modules, "nowhere"), join(modules, "dangling"));
  await writePackage(join(root, "packages/member"), { name: "member", version: "1.0.0" });
  await symlink(join(root, "packages/member"), join(modules, "member"));
}
