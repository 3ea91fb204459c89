// Compiles programs of a stranger against the packed packages: with old and new TypeScript, under every module resolution, as an ES
// module and as CommonJS, for Node and for a browser, and with the declarations themselves checked (skipLibCheck: false).
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { packAll } from "./pack.mjs";

const COMPILERS = ["5.0.4", "5.4.5", "5.9.3", "6.0.3", "7.0.2"];

/** Whatever is common to all programs; no `ESNext.Disposable`, which most projects do not have. */
const STRICT = {
  target: "ES2022",
  lib: ["ES2022", "DOM", "DOM.Iterable"],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
};

const EVERYWHERE = `import { BaseSystem, BroadcastChannel, MemoryMessageStore, isSSSNError, type ChannelMessage } from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { DiscoveryChannel } from "@sssn/discovery";
import { ScheduleChannel, type ScheduleDefinition } from "@sssn/schedule";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { HttpChannel } from "@sssn/transport-http/client";
const store = new MemoryMessageStore({ clock: new VirtualClock() });
export const system = new BaseSystem({ id: "s" });
export const channel = system.addChannel(new BroadcastChannel<{ celsius: number }>({ id: "c", store }));
export const security = new JWTChannelSecurity({ secret: "0123456789abcdef0123456789abcdef-a-long-one" });
export const remote = new HttpChannel<number>({ url: "http://127.0.0.1:1", id: "c", token: "t" });
export const discovery = DiscoveryChannel;
export const schedule: [typeof ScheduleChannel, ScheduleDefinition] = [ScheduleChannel, { everyMs: 1_000, channel: "c", content: 1 }];
export const hot = (message: ChannelMessage<{ celsius: number }>): boolean => message.content.celsius > 30;
export const known = (thrown: unknown): boolean => isSSSNError(thrown, "timeout");
void channel.write("w", { celsius: 1 });
// @ts-expect-error The content's type is not any.
void channel.write("w", { celsius: "1" });
`;

const NODE_ONLY = `import { HttpTransport, type HttpMiddleware } from "@sssn/transport-http";
import { openStore } from "@sssn/open-store";
import { LevelMessageStore } from "@sssn/store-level";
import { inThread, type ThreadHandler } from "@sssn/threads";
import { SystemMetrics } from "@sssn/telemetry/metrics";
import * as tracing from "@sssn/telemetry/tracing";
import * as all from "sssn";
import * as client from "sssn/client";
import * as conformance from "@sssn/store-conformance";
export const middleware: HttpMiddleware = (_request, _response, next) => next();
export const transport = new HttpTransport({ port: 0 });
transport.app.use("/below", middleware);
export const level: all.MessageStore = new LevelMessageStore({ folder: "./data" });
export const opened: Promise<all.MessageStore> = openStore("memory:");
export const threaded: ThreadHandler<number> = ({ content }) => content + 1;
export const loaded = [SystemMetrics, tracing, client, conformance, inThread];
`;

const PROGRAMS = [
  {
    title: "node16, ES module",
    options: { module: "Node16", moduleResolution: "Node16", types: ["node"] },
    file: "main.mts",
    text: EVERYWHERE + NODE_ONLY,
  },
  {
    title: "node16, CommonJS",
    options: { module: "Node16", moduleResolution: "Node16", types: ["node"] },
    file: "main.cts",
    text: EVERYWHERE + NODE_ONLY,
  },
  {
    title: "nodenext, ES module",
    options: { module: "NodeNext", moduleResolution: "NodeNext", types: ["node"] },
    file: "main.mts",
    text: EVERYWHERE + NODE_ONLY,
  },
  {
    title: "nodenext, CommonJS",
    options: { module: "NodeNext", moduleResolution: "NodeNext", types: ["node"] },
    file: "main.cts",
    text: EVERYWHERE + NODE_ONLY,
  },
  { title: "bundler, browser", options: { module: "ESNext", moduleResolution: "Bundler", types: [] }, file: "main.ts", text: EVERYWHERE },
  {
    title: "bundler, Node",
    options: { module: "ESNext", moduleResolution: "Bundler", types: ["node"] },
    file: "main.ts",
    text: EVERYWHERE + NODE_ONLY,
  },
  {
    title: "node10",
    options: { module: "ESNext", moduleResolution: "Node", types: ["node"] },
    file: "main.ts",
    text: EVERYWHERE + NODE_ONLY,
    until: 6,
  },
];

const place = mkdtempSync(join(tmpdir(), "sssn-consumers-"));
try {
  const tarballs = packAll(place);
  writeFileSync(join(place, "package.json"), JSON.stringify({ private: true }));
  const compilers = COMPILERS.map((version) => `typescript-${version}@npm:typescript@${version}`);
  install(place, [...tarballs.values(), "@types/node@20.19.25", "prom-client@15.1.3", "@opentelemetry/api@1.9.0", ...compilers]);
  const waiting = COMPILERS.flatMap((version) =>
    PROGRAMS.filter(({ until = Infinity }) => Number.parseInt(version, 10) <= until).map((program) => ({ version, program })),
  );
  const failures = [];
  const compileNext = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) failures.push(...(await compile(next.version, next.program)));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, compileNext));
  for (const failure of failures) console.error(failure);
  if (failures.length > 0) process.exitCode = 1;
  require();
} finally {
  rmSync(place, { recursive: true, force: true });
}

function install(cwd, names) {
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", "--legacy-peer-deps", ...names], {
    cwd,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** What the compiler says against a program: nothing, or one text. */
async function compile(version, { title, options, file, text }) {
  const folder = join(place, `${version}-${title.replaceAll(/\W+/g, "-")}`);
  mkdirSync(folder);
  writeFileSync(join(folder, file), text);
  const deprecations = version.startsWith("6") ? { ignoreDeprecations: "6.0" } : {};
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...STRICT, ...options, ...deprecations }, files: [file] }),
  );
  const tsc = join(place, "node_modules", `typescript-${version}`, "bin", "tsc");
  const complaint = await new Promise((resolve) => {
    execFile(process.execPath, [tsc, "-p", folder], { cwd: place }, (error, stdout) => resolve(error ? stdout || error.message : ""));
  });
  if (complaint) return [`TypeScript ${version}, ${title}:\n${complaint.slice(0, 3_000)}`];
  console.log(`TypeScript ${version}, ${title}: compiles.`);
  return [];
}

/** CommonJS gets the same modules when it runs. */
function require() {
  const names = [
    "@sssn/core",
    "@sssn/core/testing",
    "@sssn/store-level",
    "@sssn/open-store",
    "@sssn/security-jwt",
    "@sssn/transport-http",
    "@sssn/discovery",
    "@sssn/schedule",
    "@sssn/threads",
    "sssn",
  ];
  writeFileSync(
    join(place, "main.cjs"),
    `for (const name of ${JSON.stringify(names)}) if (Object.keys(require(name)).length === 0) throw new Error(name);`,
  );
  execFileSync(process.execPath, ["main.cjs"], { cwd: place, stdio: ["ignore", "inherit", "inherit"] });
  console.log("CommonJS: required.");
}
