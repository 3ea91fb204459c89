import { readFile } from "node:fs/promises";
import {
  ACLSecurity,
  BaseSystem,
  BroadcastChannel,
  HOST_OPERATIONS,
  MailboxChannel,
  MemoryMessageStore,
  OPERATION_ROLES,
  OpenSecurity,
  PassthroughChannel,
  ROLES,
  WorkQueueChannel,
  isSSSNError,
  roleCovers,
  silentLogger,
  type BaseChannel,
  type ChannelOperation,
  type ChannelSecurity,
  type HostOperation,
  type Role,
  type Visibility,
} from "@sssn/core";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { describe, expect, it, onTestFinished } from "vitest";
import { HttpTransport } from "../src/index.js";
import { HOST_ROUTES } from "../src/protocol/host-routes.js";
import { ROUTES, type RouteName } from "../src/protocol/routes.js";
import { SECRET } from "./support/published.js";

const logger = silentLogger;
const KINDS = { passthrough: PassthroughChannel, broadcast: BroadcastChannel, "work-queue": WorkQueueChannel, mailbox: MailboxChannel };
type Kind = keyof typeof KINDS;
const ALL_ROLES: readonly (Role | "none")[] = ["none", ...ROLES];

/** What the documentation says: the least role of an operation, and whether a kind of channel knows it. */
async function documented(): Promise<ReadonlyMap<string, { readonly role: Role; readonly kinds: ReadonlyMap<string, boolean> }>> {
  const lines = (await readFile(new URL("../../../docs/authorization.md", import.meta.url), "utf8"))
    .split("\n")
    .filter((line) => line.startsWith("|"));
  const cells = lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const [, , ...kinds] = cells[0] ?? [];
  return new Map(
    cells
      .slice(2)
      .map(([operation = "", role, ...known]) => [
        operation,
        { role: role as Role, kinds: new Map(kinds.map((kind, index) => [kind, known[index] === "yes"])) },
      ]),
  );
}

/** Something valid to send to each route. */
const INPUT: Partial<Record<RouteName, unknown>> = {
  write: { content: 1 },
  writeBatch: { messages: [] },
  commit: { position: 0 },
  seek: { target: "start" },
  acknowledge: { receipts: ["x"] },
  nack: { receipts: ["x"] },
  deadLetter: { receipts: ["x"] },
  extend: { receipts: ["x"] },
  remove: { ids: [] },
  deleteGroup: { group: "none" },
  deleteCursor: { readerId: "none" },
  setRegime: { regime: {} },
  cancel: { ids: ["m"] },
  reschedule: { ids: ["m"] },
};

/** Something valid to ask each route for. */
const QUERY: Partial<Record<RouteName, string>> = { find: "?id=m", job: "?id=m", jobs: "?state=ready", locate: "?timestamp=1" };

/** The same operations in the process. */
const LOCAL: Readonly<Record<ChannelOperation, (channel: BaseChannel, systemId: string) => Promise<unknown>>> = {
  info: (channel, id) => channel.info(id),
  read: (channel, id) => channel.read(id),
  commit: (channel, id) => channel.commit(id, 0),
  seek: (channel, id) => channel.seek(id, "start"),
  stream: (channel, id) => channel.subscribe(id, () => {}).then((subscription) => subscription.close()),
  claim: (channel, id) => channel.claim(id),
  acknowledge: (channel, id) => channel.acknowledge(id, ["x"]),
  nack: (channel, id) => channel.nack(id, ["x"]),
  "dead-letter": (channel, id) => channel.deadLetter(id, ["x"]),
  extend: (channel, id) => channel.extend(id, ["x"]),
  write: (channel, id) => channel.write(id, 1),
  history: (channel, id) => channel.history(id),
  stats: (channel, id) => channel.stats(id),
  clear: (channel, id) => channel.clear(id),
  evict: (channel, id) => channel.evict(id),
  remove: (channel, id) => channel.remove(id, []),
  regime: (channel, id) => channel.setRegime(id, {}),
  cancel: (channel, id) => channel.cancel(id, ["m"]),
  reschedule: (channel, id) => channel.reschedule(id, ["m"]),
  jobs: (channel, id) => channel.jobs(id, { state: "ready" }),
  requeue: (channel, id) => channel.requeue(id),
  "delete-group": (channel, id) => channel.deleteGroup(id, "none"),
  "delete-cursor": (channel, id) => channel.deleteCursor(id, "none"),
};

interface Scheme {
  readonly name: "open" | "acl" | "jwt";
  readonly make: () => ChannelSecurity;
  /** A credential of somebody with a role; `undefined` where the scheme knows no such thing. */
  readonly credential: (security: ChannelSecurity, role: Role | "none", scope: "in" | "out") => Promise<string | undefined>;
}

const SCHEMES: readonly Scheme[] = [
  {
    name: "open",
    make: () => new OpenSecurity(),
    credential: (_security, role, scope) => Promise.resolve(scope === "in" ? role : undefined),
  },
  {
    name: "acl",
    make: () => new ACLSecurity(Object.fromEntries(ROLES.map((role) => [role, [role]]))),
    credential: (_security, role, scope) => Promise.resolve(scope === "in" ? role : undefined),
  },
  {
    name: "jwt",
    make: () => new JWTChannelSecurity({ secret: SECRET }),
    credential: (security, role, scope) =>
      role === "none"
        ? Promise.resolve("no-token")
        : security.generateToken({ systemId: role, role, channels: scope === "in" ? ["tested", "hidden"] : ["another"] }),
  },
];

/** The ladder, what stands beside it, and the one thing that an observer may besides, as the page says it. */
function isAllowed(role: Role | "none", operation: ChannelOperation, needed: Role): boolean {
  return roleCovers(role, needed) || (role === "observe" && operation === "info");
}

function expectedOverHttp(
  scheme: Scheme["name"],
  role: Role | "none",
  scope: "in" | "out",
  visibility: Visibility,
  operation: ChannelOperation,
  needed: Role,
  isKnown: boolean,
): string {
  if (role === "none" && scheme !== "open") return "401 token_invalid";
  if (visibility === "private") return "404 channel_not_found";
  if (scope === "out") return "403 insufficient_scope";
  if (scheme !== "open" && !isAllowed(role, operation, needed)) return "403 insufficient_role";
  return isKnown ? "done" : "405 unsupported_operation";
}

function expectedInProcess(
  scheme: Scheme["name"],
  role: Role | "none",
  operation: ChannelOperation,
  needed: Role,
  isKnown: boolean,
): string {
  if (!isKnown) return "unsupported_operation";
  return scheme === "acl" && !isAllowed(role, operation, needed) ? "insufficient_role" : "done";
}

async function askOverHttp(url: string, channel: string, name: RouteName, credential: string): Promise<string> {
  const { method, path } = ROUTES[name];
  const response = await fetch(`${url}/channels/${channel}${path}${QUERY[name] ?? ""}`, {
    method,
    headers: { authorization: `Bearer ${credential}`, ...(method === "POST" ? { "content-type": "application/json" } : {}) },
    body: method === "POST" ? JSON.stringify(INPUT[name] ?? {}) : null,
  });
  if (response.headers.get("content-type")?.startsWith("text/event-stream")) {
    await response.body?.cancel();
    return "done";
  }
  const body = (await response.json()) as { code?: string };
  // Whoever may look is told that there is nothing.
  return response.ok || body.code === "not_found" ? "done" : `${response.status} ${body.code ?? ""}`;
}

describe.each(SCHEMES)("authorization with $name security, every cell of the documented table [G3.2] [G3.3] [G5.2] [W21]", (scheme) => {
  it.each(Object.keys(KINDS) as Kind[])("over HTTP, on a %s channel: operation × role × scope × visibility", async (kind) => {
    const table = await documented();
    const security = scheme.make();
    const store = new MemoryMessageStore();
    const system = new BaseSystem({ id: "host", logger });
    for (const [id, visibility] of [
      ["tested", "public"],
      ["hidden", "private"],
    ] as const)
      system.addChannel(new KINDS[kind]({ id, store, security, logger, visibility }));
    // With nothing published a transport knows no security to ask: there is always one channel here.
    const running = await system.publish({ transport: new HttpTransport({ port: 0, logger }) });
    onTestFinished(async () => void (await running.close({ timeoutMs: 2_000 })));
    const [actual, expected]: [Record<string, string>, Record<string, string>] = [{}, {}];
    for (const name of Object.keys(ROUTES) as RouteName[]) {
      const { operation } = ROUTES[name];
      const row = table.get(operation);
      if (!row) throw new Error(`${operation} does not stand in docs/authorization.md`);
      for (const role of ALL_ROLES) {
        for (const scope of ["in", "out"] as const) {
          const credential = await scheme.credential(security, role, scope);
          if (credential === undefined || (role === "none" && scope === "out")) continue;
          for (const [channel, visibility] of [
            ["tested", "public"],
            ["hidden", "private"],
          ] as const) {
            const cell = `${name} ${role} ${scope} ${visibility}`;
            expected[cell] = expectedOverHttp(scheme.name, role, scope, visibility, operation, row.role, row.kinds.get(kind) === true);
            actual[cell] = await askOverHttp(running.addresses[0] ?? "", channel, name, credential);
          }
        }
      }
    }
    expect(Object.keys(actual).length).toBeGreaterThan(220);
    expect(actual).toEqual(expected);
  });

  it.each(Object.keys(KINDS) as Kind[])("in the process, on a %s channel: operation × role [N1]", async (kind) => {
    const table = await documented();
    const channel = new KINDS[kind]({ id: "tested", store: new MemoryMessageStore(), security: scheme.make(), logger });
    await channel.start();
    onTestFinished(async () => void (await channel.drain()));
    const [actual, expected]: [Record<string, string>, Record<string, string>] = [{}, {}];
    for (const operation of Object.keys(OPERATION_ROLES) as ChannelOperation[]) {
      const row = table.get(operation);
      for (const role of ALL_ROLES) {
        const cell = `${operation} ${role}`;
        expected[cell] = expectedInProcess(scheme.name, role, operation, row?.role ?? "admin", row?.kinds.get(kind) === true);
        actual[cell] = await LOCAL[operation](channel, role).then(
          () => "done",
          (error: unknown) => (isSSSNError(error) ? error.code : String(error)),
        );
      }
    }
    expect(actual).toEqual(expected);
  });

  it("of a host as a whole: what it is asked × role × scope, of what is public", async () => {
    const page = await readFile(new URL("../../../docs/authorization.md", import.meta.url), "utf8");
    const security = scheme.make();
    const store = new MemoryMessageStore();
    const system = new BaseSystem({ id: "host", logger });
    for (const [id, visibility] of [
      ["tested", "public"],
      ["hidden", "private"],
    ] as const)
      system.addChannel(new PassthroughChannel({ id, store, security, logger, visibility }));
    const running = await system.publish({ transport: new HttpTransport({ port: 0, logger }) });
    onTestFinished(async () => void (await running.close({ timeoutMs: 2_000 })));
    const [actual, expected]: [Record<string, string>, Record<string, string>] = [{}, {}];
    for (const name of Object.keys(HOST_OPERATIONS) as HostOperation[]) {
      const operation = HOST_OPERATIONS[name];
      const needed = OPERATION_ROLES[operation];
      expect(page).toContain(`| ${name} | ${operation} | ${needed} |`);
      for (const role of ALL_ROLES) {
        for (const scope of ["in", "out"] as const) {
          const credential = await scheme.credential(security, role, scope);
          if (credential === undefined || (role === "none" && scope === "out")) continue;
          const cell = `${name} ${role} ${scope}`;
          const mayAll = scheme.name === "open";
          const none = name === "list" ? "200 " : "403 insufficient_role";
          if (role === "none" && !mayAll) expected[cell] = "401 token_invalid";
          else expected[cell] = scope === "in" && (mayAll || isAllowed(role, operation, needed)) ? "200 tested" : none;
          const response = await fetch(`${running.addresses[0]}${HOST_ROUTES[name].path}`, {
            headers: { authorization: `Bearer ${credential}` },
          });
          const body = (await response.json()) as { code?: string; channels?: { id: string }[] };
          actual[cell] = `${response.status} ${body.code ?? body.channels?.map(({ id }) => id).join() ?? ""}`;
        }
      }
    }
    expect(actual).toEqual(expected);
  });

  it("gives nobody what is another's, in the process or over HTTP: claims, cursors, mail", async () => {
    const security = scheme.make();
    const store = new MemoryMessageStore();
    const system = new BaseSystem({ id: "host", logger });
    const queue = system.addChannel(new WorkQueueChannel({ id: "queue", store, security, logger, visibility: "public" }));
    const mail = system.addChannel(new MailboxChannel({ id: "mail", store, security, logger, visibility: "public" }));
    const running = await system.publish({ transport: new HttpTransport({ port: 0, logger }) });
    onTestFinished(async () => void (await running.close({ timeoutMs: 2_000 })));
    const ask = async (
      who: Role,
      path: string,
      body?: unknown,
    ): Promise<{
      results?: { status: string }[];
      claims?: { receipt: string; message: { content: unknown } }[];
      messages?: { content: unknown }[];
      cursor?: number;
    }> => {
      const credential = scheme.name === "jwt" ? await security.generateToken({ systemId: who, role: who, channels: "*" }) : who;
      const response = await fetch(`${running.addresses[0]}/channels/${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: `Bearer ${credential}`, "content-type": "application/json" },
        body: body === undefined ? null : JSON.stringify(body),
      });
      return (await response.json()) as never;
    };
    await queue.write("admin", "job");
    await mail.write("admin", "for read", { recipientId: "read" });
    const { claims = [] } = await ask("read", "queue/claims", {});
    const receipts = claims.map(({ receipt }) => receipt);
    for (const how of ["acknowledge", "nack", "dead-letter", "extend"])
      expect((await ask("write", `queue/claims/${how}`, { receipts })).results?.map(({ status }) => status)).toEqual(["unknown"]);
    expect((await queue.acknowledge("write", receipts)).map(({ status }) => status)).toEqual(["unknown"]);
    expect((await ask("read", "queue/claims/acknowledge", { receipts })).results?.map(({ status }) => status)).toEqual(["acknowledged"]);
    await ask("write", "mail/cursor/commit", { position: 1, cursor: "read" });
    expect((await ask("read", "mail/positions?cursor=read")).cursor).toBeUndefined();
    expect([
      (await ask("write", "mail/read", {})).messages,
      (await ask("write", "mail/claims", {})).claims,
      (await mail.read("write", { after: 0 })).messages,
    ]).toEqual([[], [], []]);
    expect((await ask("read", "mail/read", {})).messages?.map(({ content }) => content)).toEqual(["for read"]);
    expect((await ask("admin", "mail/history")).messages?.map(({ content }) => content)).toEqual(["for read"]);
  });
});
