// Packs the packages, installs them with npm into empty folders outside the repository, and uses them there: what a user would
// miss (a file, an export, a dependency) is missing here too.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packAll } from "./pack.mjs";

const CASES = [
  {
    title: "core and store-level alone",
    packages: ["@sssn/core", "@sssn/store-level"],
    absent: ["express", "jose"],
    program: `import { PassthroughChannel } from "@sssn/core";
      import { LevelMessageStore } from "@sssn/store-level";
      const store = new LevelMessageStore({ folder: "./data" });
      const channel = new PassthroughChannel({ id: "c", store });
      await channel.start();
      await channel.write("w", 1);
      if ((await channel.read("r")).messages.length !== 1) throw new Error("nothing to read");
      await channel.drain();
      await store.close();`,
  },
  {
    title: "the umbrella",
    packages: ["@sssn/core", "@sssn/store-level", "@sssn/security-jwt", "@sssn/transport-http", "@sssn/discovery", "sssn"],
    absent: [],
    program: `import { BaseSystem, BroadcastChannel, HttpChannel, HttpTransport, JWTChannelSecurity, MemoryMessageStore, DiscoveryChannel, LevelMessageStore } from "sssn";
      const security = new JWTChannelSecurity({ secret: crypto.getRandomValues(new Uint8Array(32)) });
      const system = new BaseSystem({ id: "s" });
      system.addChannel(new BroadcastChannel({ id: "c", store: new MemoryMessageStore(), security, visibility: "public" }));
      const running = await system.publish({ transport: new HttpTransport({ port: 0 }) });
      const token = await security.generateToken({ systemId: "w", role: "write", channels: ["c"] });
      await new HttpChannel({ url: running.addresses[0], id: "c", token }).write("", 1);
      await running.close();
      if (typeof LevelMessageStore !== "function" || typeof DiscoveryChannel !== "function") throw new Error("exports are missing");`,
  },
  {
    title: "the HTTP client alone",
    packages: ["@sssn/core", "@sssn/transport-http"],
    absent: ["level", "jose"],
    program: `import { HttpChannel } from "@sssn/transport-http/client";
      import { isSSSNError } from "@sssn/core";
      const channel = new HttpChannel({ url: "http://127.0.0.1:1/channels/c", token: "t", attempts: 1 });
      const error = await channel.info().catch((thrown) => thrown);
      if (!isSSSNError(error, "transport_failed")) throw error;`,
  },
];

const place = mkdtempSync(join(tmpdir(), "sssn-packed-"));
try {
  const tarballs = packAll(place);
  for (const { title, packages, absent, program } of CASES) {
    const folder = mkdtempSync(join(place, "user-"));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...packages.map((name) => tarballs.get(name))], {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    for (const name of absent)
      if (existsSync(join(folder, "node_modules", name))) throw new Error(`${title}: ${name} was installed, and nobody asked for it`);
    writeFileSync(join(folder, "main.mjs"), program);
    execFileSync(process.execPath, ["main.mjs"], { cwd: folder, stdio: ["ignore", "ignore", "pipe"], timeout: 60_000 });
    console.log(`${title}: installed and used.`);
  }
} catch (error) {
  console.error(`${error.message}\n${error.stderr ?? ""}`);
  process.exitCode = 1;
} finally {
  rmSync(place, { recursive: true, force: true });
}
