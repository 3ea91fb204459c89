// Does the time of an answer tell what exists? Asks for pairs of things that a stranger must not be able to tell apart, in random order, and compares how long
// the answers take: pnpm timing -- --rounds N
import { Agent, request } from "node:http";
import { BaseSystem, MemoryMessageStore, PassthroughChannel, silentLogger } from "@sssn/core";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { HttpTransport } from "@sssn/transport-http";
import { optionsOf } from "../program.js";
import { compare, type Comparison } from "./compare.js";

const { rounds: samples, random } = optionsOf(2_000);
const logger = silentLogger;
const security = new JWTChannelSecurity({ keys: [{ kid: "one", algorithm: "HS256", secret: crypto.getRandomValues(new Uint8Array(32)) }] });
const system = new BaseSystem({ id: "host", logger });
const store = new MemoryMessageStore();
system.addChannel(new PassthroughChannel({ id: "public", store, security, logger, visibility: "public" }));
// As many as a host may have: a look-up that were slow would show.
for (let index = 0; index < 200; index++) system.addChannel(new PassthroughChannel({ id: `private-${index}`, store, security, logger }));
const running = await system.publish({ transport: new HttpTransport({ port: 0, logger, lameDuckMs: 0 }) });
const port = Number(new URL(running.addresses[0] ?? "").port);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

const token = await security.generateToken({ systemId: "stranger", role: "admin", channels: ["public"] });
const everything = await security.generateToken({ systemId: "stranger", role: "admin", channels: "*" });
const [header = "", payload = "", signature = ""] = token.split(".");
const changed = (at: number): string => {
  const other = signature[at] === "A" ? "B" : "A";
  return `${header}.${payload}.${signature.slice(0, at)}${other}${signature.slice(at + 1)}`;
};

interface Question {
  readonly path: string;
  readonly token?: string;
}

/** What has to take as long as what. The first pair is the same twice: what it shows is noise. */
const PAIRS: readonly (readonly [what: string, one: Question, other: Question])[] = [
  ["the same, twice", { path: "/channels/missing-77", token: everything }, { path: "/channels/missing-77", token: everything }],
  [
    "a private channel, a missing one, with a token for all",
    { path: "/channels/private-77", token: everything },
    { path: "/channels/missing-77", token: everything },
  ],
  ["the same with a token for another channel", { path: "/channels/private-77", token }, { path: "/channels/missing-77", token }],
  ["the same without a token", { path: "/channels/private-77" }, { path: "/channels/missing-77" }],
  [
    "the same for a write",
    { path: "/channels/private-77/messages", token: everything },
    { path: "/channels/missing-77/messages", token: everything },
  ],
  [
    "a signature that is wrong at its start, near its end",
    { path: "/channels/public", token: changed(1) },
    { path: "/channels/public", token: changed(40) },
  ],
];

function ask({ path, token: credential }: Question): Promise<number> {
  return new Promise((resolve, reject) => {
    const begun = process.hrtime.bigint();
    const headers = credential === undefined ? {} : { authorization: `Bearer ${credential}` };
    const outgoing = request({ host: "127.0.0.1", port, path, agent, headers }, (response) => {
      response.resume();
      response.once("end", () => resolve(Number(process.hrtime.bigint() - begun) / 1_000));
      response.once("error", reject);
    });
    outgoing.once("error", reject);
    outgoing.end();
  });
}

async function measure(one: Question, other: Question): Promise<Comparison> {
  for (let index = 0; index < 200; index++) await ask(index % 2 === 0 ? one : other);
  const [first, second]: [number[], number[]] = [[], []];
  for (let index = 0; index < samples; index++) {
    // In pairs whose order is drawn, so that whatever drifts falls on both.
    if (random.below(2) === 0) {
      first.push(await ask(one));
      second.push(await ask(other));
    } else {
      second.push(await ask(other));
      first.push(await ask(one));
    }
  }
  return compare(first, second);
}

let isTold = false;
for (const [what, one, other] of PAIRS) {
  const result = await measure(one, other);
  if (result.differs) isTold = true;
  console.log(JSON.stringify({ what, samples, ...result }));
}
agent.destroy();
await running.close();
console.log(isTold ? "Some answers tell by their time what they must not." : "No answer told by its time what it must not.");
if (isTold) process.exitCode = 1;
